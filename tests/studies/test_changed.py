"""What only a part of an image can have changed: the same as whole images, for any layers, at every place."""

import numpy as np
import pytest
from assertions import close, normal

from npzf import layers
from npzf.network import Network
from npzf.studies.changed import Changed, Untouched

SIDE = 23


def fire(name):
    """Two branches that see 1 and 3 pixels, concatenated."""
    return [
        (f"{name}/squeeze", layers.Conv(3, 1)),
        (f"{name}/one", layers.Conv(4, 1), (f"{name}/squeeze",)),
        (f"{name}/three", layers.Conv(2, 3, pad=1), (f"{name}/squeeze",)),
        (f"{name}/join", layers.Concatenate(), (f"{name}/one", f"{name}/three")),
    ]


NETS = {
    "conv": [("a", layers.Conv(4, 3))],
    "stride and padding": [("a", layers.Conv(4, 5, stride=2, pad=2)), ("b", layers.Conv(3, 3, stride=3, pad=1))],
    "stride above the window": [("a", layers.Conv(4, 2, stride=3)), ("b", layers.ReLU())],
    "rounded up": [("a", layers.Conv(4, 4, stride=3, ceil=True)), ("b", layers.MaxPool(3, 2, ceil=True))],
    "groups": [("a", layers.Conv(4, 3)), ("b", layers.Conv(6, 3, pad=1, groups=2))],
    "padded pool": [("a", layers.Conv(4, 1)), ("b", layers.MaxPool(3, 2, pad=1, ceil=True))],
    "across maps": [
        ("a", layers.Conv(4, 3)),
        ("b", layers.LocalResponseNorm(alpha=1)),
        ("c", layers.MaxPool(3, 2)),
        ("d", layers.Dropout(0.5)),
    ],
    "branches": [("a", layers.Conv(4, 3, stride=2)), *fire("f"), *fire("g"), ("b", layers.MaxPool(3, 2, ceil=True)), *fire("h")],
    "branches that reach apart": [
        ("a", layers.Conv(3, 2, stride=2), ("input",)),
        ("b", layers.Conv(2, 3, stride=2), ("input",)),
        ("c", layers.Concatenate(), ("a", "b")),
    ],
    "flattened": [
        ("a", layers.Conv(4, 3)),
        ("b", layers.MaxPool(2, 2)),
        ("c", layers.Flatten()),
        ("d", layers.FullyConnected(5)),
    ],
    "averaged": [("a", layers.Conv(4, 3)), ("b", layers.GlobalAveragePool())],
    "local contrast between": [
        ("a", layers.Conv(4, 3)),
        ("b", layers.LocalContrastNorm()),
        ("c", layers.Conv(2, 3)),
        ("d", layers.ReLU()),
    ],
    "soon all of it": [(f"a{k}", layers.Conv(3, 5, pad=2)) for k in range(6)],
}


def net(table):
    made = Network((SIDE, SIDE, 3), NETS[table], dtype="float64", seed=1)
    for name, p in made.parameters.items():
        if name.endswith("bias"):
            p[...] = normal(*p.shape)
    return made


def whole_images(x, part):
    images = np.repeat(x[None], len(part.rows), axis=0)
    height, width = part.values.shape[1:3]
    for image, values, row, column in zip(images, part.values, part.rows, part.columns, strict=True):
        image[row : row + height, column : column + width] = values
    return images


@pytest.mark.parametrize("size", [1, 4, SIDE])
@pytest.mark.parametrize("table", NETS)
def test_the_same_as_whole_images_at_every_place_in_every_layer(table, size):
    made, x = net(table), normal(SIDE, SIDE, 3)
    rows, columns = (axis.reshape(-1) for axis in np.mgrid[0 : SIDE - size + 1 : 3, 0 : SIDE - size + 1 : 2])
    part = Changed(normal(len(rows), size, size, 3, seed=1), rows, columns)
    found = Untouched(made, x).activations(part, list(made.layers))
    expected = made.activations(whole_images(x, part), list(made.layers))
    for name in made.layers:
        close(found[name], expected[name], 1e-12)


def test_only_what_can_have_changed_is_computed(monkeypatch):
    """A filter of 3 pixels that sees a square of 4 has 6 x 6 answers to give again, and above it another one 8 x 8."""
    made, x = (
        Network((SIDE, SIDE, 3), [("a", layers.Conv(4, 3)), ("b", layers.Conv(2, 3))], dtype="float64"),
        normal(SIDE, SIDE, 3),
    )
    untouched, sizes, forward = Untouched(made, x), [], layers.Conv.forward
    monkeypatch.setattr(
        layers.Conv, "forward", lambda self, x, **k: sizes.append(forward(self, x, **k).shape) or forward(self, x, **k)
    )
    untouched.activations(Changed(np.zeros((5, 4, 4, 3)), np.arange(5), np.arange(5) + 9), ["b"])
    assert sizes == [(5, 6, 6, 4), (5, 8, 8, 2)]


def test_the_untouched_image_is_left_alone():
    made, x = net("branches"), normal(SIDE, SIDE, 3)
    untouched = Untouched(made, x)
    before = {name: y.copy() for name, y in untouched.base.items()}
    untouched.activations(Changed(np.ones((2, 5, 5, 3)), np.array([0, 9]), np.array([3, 3])), [made.last])
    for name, y in untouched.base.items():
        np.testing.assert_array_equal(y, before[name])
