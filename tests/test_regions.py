"""Regions down and up: units within their receptive field, and what a part of an image can change, against whole passes."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from assertions import close, normal
from rounding import gamma, terms_to

import npzf
from npzf import layers
from npzf.deconvnet import project_units
from npzf.layers import ProjectionRules, Save
from npzf.network import Network
from npzf.ops import CPU
from npzf.ops.cpu import convolution
from npzf.regions import Region

NETS = {
    "small_zfnet": lambda dtype: npzf.small_zfnet(4, 64, dtype=dtype),
    "squeezenet": lambda dtype: npzf.squeezenet(3, dtype=dtype),
    "zfnet": lambda dtype: npzf.zfnet(2, fc_units=2, dtype=dtype, weight_init="he"),
}
LOOKED_AT = {
    "small_zfnet": ("conv1", "relu1", "pool1", "norm1", "conv2", "pool2", "conv3", "conv5", "pool5"),
    "squeezenet": ("pool1", "fire2/expand1x1", "fire3/concat", "pool3"),
    "zfnet": ("conv1", "conv2", "pool2", "conv3"),
}


def units(y, count, seed=0):
    """Random units, and those in the corners, of random images."""
    rng = np.random.default_rng(seed)
    rows, columns = (rng.integers(0, side, count) for side in y.shape[1:3])
    rows[:4], columns[:4] = [0, 0, y.shape[1] - 1, y.shape[1] - 1], [0, y.shape[2] - 1, 0, y.shape[2] - 1]
    return rng.integers(0, len(y), count), (rng.integers(0, y.shape[3], count), rows, columns)


def in_full(net, x, layer, images, unit):
    """Where project's pictures show the units' receptive fields; the rest of them is zero."""
    field, cut = net.fields()[layer], []
    for picture, row, column in zip(npzf.project(net, x[images], layer, unit), *unit[1:], strict=True):
        patch = field.patch(row, column, *x.shape[1:3])
        cut.append(picture[patch].copy())
        picture[patch] = 0
        assert not picture.any()
    return cut


def agree(net, layer, found, expected):
    """Equal but for rounding: the bound of the sums' lengths on the way up and down, relative to a picture's largest number."""
    tolerance = gamma(2 * terms_to(net, layer), net.dtype)
    for part, full in zip(found, expected, strict=True):
        close(part, full, tolerance)


@pytest.mark.parametrize("ops", ["fast", "plain"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, layer", [(name, layer) for name, several in LOOKED_AT.items() for layer in several])
def test_units_in_their_fields_are_those_of_the_full_projection(name, layer, dtype, ops):
    net = NETS[name](dtype)
    net.ops = ops
    x = np.random.default_rng(1).normal(0, 1, (2, *net.input_shape)).astype(dtype)
    images, unit = units(net.forward(x, upto=layer), 6)
    agree(net, layer, project_units(net, x, layer, images, unit), in_full(net, x, layer, images, unit))


def test_blocks_and_batches_change_rounding_alone(monkeypatch):
    net = NETS["zfnet"]("float32")
    x = np.random.default_rng(1).normal(0, 1, (3, 224, 224, 3)).astype("float32")
    expected = npzf.project(net, x, "pool2")
    agree(net, "pool2", [npzf.project(net, x[n : n + 1], "pool2")[0] for n in range(3)], expected)
    for size in (1, 300_000, 1 << 30):
        monkeypatch.setattr(convolution, "BLOCK_BYTES", size)
        agree(net, "pool2", npzf.project(net, x, "pool2"), expected)


GAPS = {
    "strides, pads and groups that leave gaps": [
        ("conv1", layers.Conv(4, 2, stride=3)),
        ("pool1", layers.MaxPool(3, 2, pad=1)),
        ("conv2", layers.Conv(6, 3, stride=2, pad=2, groups=2)),
    ],
    "rectangles": [
        ("conv1", layers.Conv(4, (2, 5), stride=(1, 2), pad=(1, 0, 0, 3))),
        ("pool1", layers.MaxPool((3, 2), (2, 1), pad=(0, 1, 1, 0), ceil=True)),
        ("conv2", layers.Conv(5, (3, 1), stride=(2, 1), pad=(2, 0))),
    ],
    "average pooling": [
        ("conv1", layers.Conv(4, 3, pad=1)),
        ("pool1", layers.AveragePool(3, 2, pad=1, ceil=True)),
        ("pool2", layers.AveragePool((2, 3), (2, 1), pad=(1, 1, 0, 2), count_padding=False)),
    ],
    "a sum of branches": [
        ("a", layers.Conv(4, 3, pad=1)),
        ("b", layers.Conv(4, 5, pad=2), ("input",)),
        ("sum", layers.Add(), ("a", "b", "a")),
        ("conv", layers.Conv(3, 3)),
    ],
    "zeros around the maps": [
        ("conv1", layers.Conv(4, 3, stride=2)),
        ("affine", layers.Affine()),
        ("pad", layers.ZeroPad((4, 1, 0, 3))),
        ("conv2", layers.Conv(4, 3, stride=2)),
    ],
}


@pytest.mark.parametrize("table", GAPS.values(), ids=GAPS)
def test_windows_of_every_kind(table):
    net = Network((31, 26, 3), table, dtype="float64")
    x = np.random.default_rng(1).normal(0, 1, (3, 31, 26, 3))
    for layer in net.layers:
        images, unit = units(net.forward(x, upto=layer), 9)
        agree(net, layer, project_units(net, x, layer, images, unit), in_full(net, x, layer, images, unit))


def test_behind_local_contrast_the_whole_image_goes_forward():
    """Its divisor is a mean over the image, so that a part of the image would give other values."""
    table = [("conv1", layers.Conv(4, 3)), ("norm1", layers.LocalContrastNorm(3, 1.0)), ("conv2", layers.Conv(3, 3))]
    net = Network((40, 40, 3), table, dtype="float64")
    x = np.random.default_rng(1).normal(0, 1, (2, 40, 40, 3)) * np.linspace(0.1, 3, 40)[:, None, None]
    images, unit = units(net.forward(x), 5)
    assert not net.has_receptive_field("conv2") and net.has_receptive_field("conv1")
    agree(net, "conv2", project_units(net, x, "conv2", images, unit), in_full(net, x, "conv2", images, unit))


def test_a_unit_of_one_image_does_not_see_another():
    """The picture of image 1 is the same whatever image 0 holds."""
    net = NETS["small_zfnet"]("float64")
    x = np.random.default_rng(1).normal(0, 1, (2, 64, 64, 3))
    unit = (np.array([3]), np.array([5]), np.array([4]))
    before = project_units(net, x, "conv2", np.array([1]), unit)
    x[0] = 100
    np.testing.assert_array_equal(project_units(net, x, "conv2", np.array([1]), unit), before)


def test_bad_layers_are_named():
    net, x = NETS["small_zfnet"]("float32"), np.zeros((1, 64, 64, 3), np.float32)
    one = (np.array([0]), (np.array([0]), np.array([0]), np.array([0])))
    for layer in ("fc6", "conv9"):
        with pytest.raises(ValueError, match=f"layer is '{layer}', expected one with maps: conv1, relu1"):
            project_units(net, x, layer, *one)


@dataclass(eq=False)
class Doubled(layers.Layer):
    """A kind of layer from elsewhere that knows nothing of regions."""

    def forward(self, x, save=Save.NOTHING):
        return 2 * x, None

    def project(self, y, saved, rules):
        return 2 * y


def test_a_kind_of_layer_that_knows_no_regions_is_computed_in_full():
    table = [("conv1", layers.Conv(4, 3)), ("double", Doubled()), ("conv2", layers.Conv(3, 3))]
    net, x = Network((20, 21, 3), table, dtype="float64"), normal(2, 20, 21, 3)
    images, unit = units(net.forward(x), 5)
    agree(net, "conv2", project_units(net, x, "conv2", images, unit), in_full(net, x, "conv2", images, unit))
    region = Region(normal(4, 5, 5, 3), np.array([0, 1, 1, 0]), np.array([0, 3, 9, 15]), np.array([2, 16, 0, 7]))
    changed = net.record(x, list(net.layers)).update(region, ["conv2"])["conv2"]
    close(changed, net.forward(whole_images(x, region)), 1e-12)


def test_rules_that_regions_cannot_follow_are_left_to_the_full_walk():
    """Which window came last is a question about all of them; true gradients need what was saved of all places."""
    net, x = NETS["small_zfnet"]("float64"), normal(1, 64, 64, 3)
    tape = net.record(x, ["conv3"], Save.GRADIENTS)
    unit = (np.array([0]), np.array([2]), np.array([2]))
    assert tape.project_units("conv3", np.array([0]), unit) is not None
    for rules in (ProjectionRules(overwrite=True), ProjectionRules(norm_gradient=True), ProjectionRules(relu="guided")):
        assert tape.project_units("conv3", np.array([0]), unit, rules) is None


# Up: what a part of an image can change

SIDE = 23


def fire(name):
    """Two branches that see 1 and 3 pixels, concatenated."""
    return [
        (f"{name}/squeeze", layers.Conv(3, 1)),
        (f"{name}/one", layers.Conv(4, 1), (f"{name}/squeeze",)),
        (f"{name}/three", layers.Conv(2, 3, pad=1), (f"{name}/squeeze",)),
        (f"{name}/join", layers.Concatenate(), (f"{name}/one", f"{name}/three")),
    ]


TABLES = {
    "conv": [("a", layers.Conv(4, 3))],
    "stride and padding": [("a", layers.Conv(4, 5, stride=2, pad=2)), ("b", layers.Conv(3, 3, stride=3, pad=1))],
    "rectangles": [
        ("a", layers.Conv(4, (5, 2), stride=(2, 1), pad=(2, 1, 0, 1))),
        ("b", layers.MaxPool((2, 3), (1, 2), pad=(1, 0), ceil=True)),
        ("c", layers.Conv(3, (1, 4), stride=(1, 3), pad=(0, 0, 3, 2))),
    ],
    "stride above the window": [("a", layers.Conv(4, 2, stride=3)), ("b", layers.ReLU())],
    "rounded up": [("a", layers.Conv(4, 4, stride=3, ceil=True)), ("b", layers.MaxPool(3, 2, ceil=True))],
    "groups": [("a", layers.Conv(4, 3)), ("b", layers.Conv(6, 3, pad=1, groups=2))],
    "padded pool": [("a", layers.Conv(4, 1)), ("b", layers.MaxPool(3, 2, pad=1, ceil=True))],
    "average pools": [
        ("a", layers.AveragePool(3, 2, pad=1, ceil=True)),
        ("b", layers.AveragePool((2, 3), 1, pad=(1, 0, 1, 2), count_padding=False)),
    ],
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
    "a residual": [
        ("a", layers.Conv(3, 3, pad=1)),
        ("b", layers.ReLU()),
        ("c", layers.Conv(3, 3, pad=1)),
        ("d", layers.Add(), ("c", "input")),
        ("e", layers.ReLU()),
    ],
    "flattened": [
        ("a", layers.Conv(4, 3)),
        ("b", layers.MaxPool(2, 2)),
        ("c", layers.Flatten()),
        ("d", layers.FullyConnected(5)),
        ("e", layers.Softmax()),
    ],
    "affine, padded by itself": [
        ("a", layers.Conv(4, 3)),
        ("b", layers.Affine()),
        ("c", layers.ZeroPad((3, 1, 0, 2))),
        ("d", layers.Conv(2, 2, stride=2)),
        ("e", layers.ReLU()),
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


def net_of(table):
    net = Network((SIDE, SIDE, 3), TABLES[table], dtype="float64", seed=1)
    for name, p in net.parameters.items():
        if name.endswith("bias"):
            p[...] = normal(*p.shape)
    return net


def whole_images(x, region):
    """The images that differ from x (N, H, W, C) in the region."""
    images = x[region.images].copy()
    height, width = region.values.shape[1:3]
    for image, values, row, column in zip(images, region.values, region.rows, region.columns, strict=True):
        image[row : row + height, column : column + width] = values
    return images


@pytest.mark.parametrize("size", [1, 4, SIDE])
@pytest.mark.parametrize("table", TABLES)
def test_an_update_is_whole_images_at_every_place_in_every_layer(table, size):
    net, x = net_of(table), normal(2, SIDE, SIDE, 3)
    rows, columns = (axis.reshape(-1) for axis in np.mgrid[0 : SIDE - size + 1 : 3, 0 : SIDE - size + 1 : 2])
    region = Region(normal(len(rows), size, size, 3, seed=1), np.arange(len(rows)) % 2, rows, columns)
    found = net.record(x, list(net.layers)).update(region, list(net.layers))
    expected = net.record(whole_images(x, region), list(net.layers))
    for name in net.layers:
        close(found[name], expected[name], 1e-12)


def test_only_what_can_have_changed_is_computed(monkeypatch):
    """A filter of 3 pixels that sees a square of 4 has 6 x 6 places to compute again, and above it another one 8 x 8."""
    net = Network((SIDE, SIDE, 3), [("a", layers.Conv(4, 3)), ("b", layers.Conv(2, 3))], dtype="float64")
    tape, sizes = net.record(normal(1, SIDE, SIDE, 3), list(net.layers)), []

    def convolve(*arguments, **options):
        sizes.append(CPU.convolve(*arguments, **options).shape)
        return CPU.convolve(*arguments, **options)

    for layer in net.layers.values():
        layer.ops = replace(CPU, convolve=convolve)
    tape.update(Region(np.zeros((5, 4, 4, 3)), np.zeros(5, int), np.arange(5), np.arange(5) + 9), ["b"])
    assert sizes == [(5, 6, 6, 4), (5, 8, 8, 2)]


def test_an_update_leaves_the_tape_alone():
    net, x = net_of("branches"), normal(1, SIDE, SIDE, 3)
    tape = net.record(x, list(net.layers))
    before = {name: y.copy() for name, y in tape.activations.items()}
    tape.update(Region(np.ones((2, 5, 5, 3)), np.zeros(2, int), np.array([0, 9]), np.array([3, 3])), [net.output_name])
    for name, y in tape.activations.items():
        np.testing.assert_array_equal(y, before[name])


def test_an_update_needs_a_pass_that_recorded_every_layer():
    net = net_of("branches")
    tape = net.record(normal(1, SIDE, SIDE, 3), [net.output_name])
    region = Region(np.ones((1, 5, 5, 3)), np.zeros(1, int), np.zeros(1, int), np.zeros(1, int))
    with pytest.raises(ValueError, match="layers of the pass are h/join, expected every layer of the net"):
        tape.update(region, [net.output_name])
