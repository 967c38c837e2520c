"""Single units within their receptive field: the bits of the full projection, and nothing computed elsewhere."""

import numpy as np
import pytest

import npzf
from npzf import layers
from npzf.deconvnet import project_units
from npzf.network import Network
from npzf.ops import convolution

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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, layer", [(name, layer) for name, several in LOOKED_AT.items() for layer in several])
def test_the_bits_of_the_full_projection(name, layer, dtype):
    net = NETS[name](dtype)
    x = np.random.default_rng(1).normal(0, 1, (2, *net.input_shape)).astype(dtype)
    images, unit = units(net.forward(x, upto=layer), 6)
    found = project_units(net, x, layer, images, unit)
    for part, full in zip(found, in_full(net, x, layer, images, unit), strict=True):
        np.testing.assert_array_equal(part, full)


def test_the_bits_do_not_depend_on_how_rows_are_divided(monkeypatch):
    net = NETS["zfnet"]("float32")
    x = np.random.default_rng(1).normal(0, 1, (1, 224, 224, 3)).astype("float32")
    expected = npzf.project(net, x, "pool2")
    for size in (1, 300_000, 1 << 30):
        monkeypatch.setattr(convolution, "BLOCK_BYTES", size)
        np.testing.assert_array_equal(npzf.project(net, x, "pool2"), expected)


def test_the_bits_do_not_depend_on_the_batch():
    net = NETS["small_zfnet"]("float32")
    x = np.random.default_rng(1).normal(0, 1, (5, 64, 64, 3)).astype("float32")
    for layer in ("conv1", "pool5"):
        together = net.forward(x, upto=layer)
        for n in range(5):
            np.testing.assert_array_equal(net.forward(x[n : n + 1], upto=layer), together[n : n + 1])


def test_strides_pads_and_groups_that_leave_gaps():
    table = [
        ("conv1", layers.Conv(4, 2, stride=3)),
        ("pool1", layers.MaxPool(3, 2, pad=1)),
        ("conv2", layers.Conv(6, 3, stride=2, pad=2, groups=2)),
    ]
    net = Network((31, 26, 3), table, dtype="float64")
    x = np.random.default_rng(1).normal(0, 1, (3, 31, 26, 3))
    for layer in net.layers:
        images, unit = units(net.forward(x, upto=layer), 9)
        found = project_units(net, x, layer, images, unit)
        for part, full in zip(found, in_full(net, x, layer, images, unit), strict=True):
            np.testing.assert_array_equal(part, full)


def test_behind_local_contrast_the_whole_image_goes_forward():
    """Its divisor is a mean over the image, so that a part of the image would give other values."""
    table = [("conv1", layers.Conv(4, 3)), ("norm1", layers.LocalContrastNorm(3, 1.0)), ("conv2", layers.Conv(3, 3))]
    net = Network((40, 40, 3), table, dtype="float64")
    x = np.random.default_rng(1).normal(0, 1, (2, 40, 40, 3)) * np.linspace(0.1, 3, 40)[:, None, None]
    images, unit = units(net.forward(x), 5)
    assert not net.is_local("conv2") and net.is_local("conv1")
    for part, full in zip(project_units(net, x, "conv2", images, unit), in_full(net, x, "conv2", images, unit), strict=True):
        np.testing.assert_array_equal(part, full)


def test_nothing_is_kept_and_bad_layers_are_named():
    net = NETS["small_zfnet"]("float32")
    x = np.zeros((1, 64, 64, 3), np.float32)
    one = (np.array([0]), (np.array([0]), np.array([0]), np.array([0])))
    project_units(net, x, "conv3", *one)
    assert all(layer.kept is None for layer in net.layers.values())
    for layer in ("fc6", "conv9"):
        with pytest.raises(ValueError, match=f"layer is '{layer}' on cpu, expected a layer with receptive fields"):
            project_units(net, x, layer, *one)
