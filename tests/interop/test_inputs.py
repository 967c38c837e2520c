"""What a net was fed: ranges, channels and their order give the numbers that the net gave where it comes from, exactly."""

import numpy as np
import pytest
from assertions import normal

from npzf import layers
from npzf.interop.inputs import input_words, reverse_channels, set_input
from npzf.network import Network
from npzf.preprocessing import Preprocessing

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 9, 8, 3), np.uint8)
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)

LOWEST = {
    "convolution": [("conv", layers.Conv(4, 3))],
    "affine, relu": [("a/ffine", layers.Affine()), ("relu", layers.ReLU()), ("conv", layers.Conv(4, 3))],
    "norm, pools, pad, dropout": [
        ("norm", layers.LocalResponseNorm(n=3, alpha=0.5)),
        ("max", layers.MaxPool(2, 1)),
        ("pad", layers.ZeroPad((1, 0, 0, 2))),
        ("mean", layers.AveragePool(2, 1)),
        ("drop", layers.Dropout(0.5)),
        ("contrast", layers.LocalContrastNorm(window=3)),
        ("conv", layers.Conv(4, 3)),
    ],
    "two branches": [
        ("left", layers.Conv(3, 3, pad=1)),
        ("right", layers.Conv(3, 1), ("input",)),
        ("sum", layers.Add(), ("left", "right")),
        ("above", layers.Conv(2, 1)),
    ],
    "a sum of the images": [
        ("affine", layers.Affine()),
        ("sum", layers.Add(), ("affine", "input")),
        ("conv", layers.Conv(2, 1)),
    ],
}


def made(rows, shape=(9, 8, 3)):
    net = Network(shape, rows, dtype="float64", seed=1)
    for k, value in enumerate(net.parameters.values()):
        value[...] = normal(*value.shape, seed=k)
    return net


@pytest.mark.parametrize("rows", LOWEST.values(), ids=LOWEST)
def test_a_net_of_bgr_gives_the_same_for_rgb(rows):
    net, other = made(rows), made(rows)
    set_input(net, MEAN, STD, pixel_range=1, channels="bgr")
    fed = (PIXELS[..., ::-1] / 255 - MEAN) / STD  # mean and std in the net's own order
    np.testing.assert_allclose(net.forward((PIXELS - net.preprocessing.mean) / net.preprocessing.std), other.forward(fed), 1e-12)
    x = normal(2, 9, 8, 3)
    reverse_channels(other)
    np.testing.assert_array_equal(net.forward(x), other.forward(x))  # turned once, and as this function turns
    reverse_channels(other)
    np.testing.assert_array_equal(other.forward(x), made(rows).forward(x))


@pytest.mark.parametrize(("pixel_range", "mean", "std"), [(1, MEAN, STD), (255, (10, 20, 30), 1.0), (1, 0.5, (0.5, 0.25, 0.125))])
def test_rgb_is_scaled_alone(pixel_range, mean, std):
    net = made(LOWEST["convolution"])
    set_input(net, mean, std, pixel_range=pixel_range)
    fed = (PIXELS * (pixel_range / 255) - mean) / std
    np.testing.assert_allclose(net.preprocessing.apply(PIXELS), fed, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(net.forward(fed), made(LOWEST["convolution"]).forward(fed))


def test_grey_images_have_one_mean():
    net = made([("conv", layers.Conv(2, 3))], (9, 8, 1))
    set_input(net, [0.1307], [0.3081], pixel_range=1)
    np.testing.assert_allclose(net.preprocessing.apply(PIXELS[..., :1]), (PIXELS[..., :1] / 255 - 0.1307) / 0.3081, rtol=1e-5)
    assert input_words(net) == "grey, (pixels - 33.33) / 78.57, pixels in [0, 255]"


TURNED = {
    "groups": ([("pair", layers.Conv(6, 3, groups=3))], "layer 'pair' is Conv"),
    "even window": ([("norm", layers.LocalResponseNorm(n=4)), ("conv", layers.Conv(2, 1))], "whose window is not the same"),
    "flattened": ([("flat", layers.Flatten()), ("fc", layers.FullyConnected(2))], "layer 'flat' is Flatten"),
    "half of a sum": (
        [("conv", layers.Conv(3, 1)), ("sum", layers.Add(), ("conv", "input")), ("top", layers.Conv(2, 1))],
        "layer 'sum' is Add",
    ),
    "nothing to turn": ([("relu", layers.ReLU())], "expected a convolution to reverse channels"),
    "a convolution, then groups": (
        [("conv", layers.Conv(2, 1)), ("split", layers.Conv(3, 1, groups=3), ("input",)), ("sum", layers.Conv(2, 1))],
        "layer 'split' is Conv",
    ),
}


@pytest.mark.parametrize(("rows", "named"), TURNED.values(), ids=TURNED)
def test_what_cannot_be_turned_is_left_as_it_is(rows, named):
    net = made(rows)
    before = {name: value.copy() for name, value in net.parameters.items()}
    preprocessing = net.preprocessing
    with pytest.raises(ValueError, match=named) as caught:
        set_input(net, 0.0, pixel_range=255, channels="bgr")
    assert "\n" not in str(caught.value)
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(value, before[name])
    assert net.preprocessing is preprocessing


REFUSED = {
    "range is 256, expected 1 or 255": {"mean": 0, "pixel_range": 256},
    "channels is 'gbr', expected 'rgb' or 'bgr'": {"mean": 0, "pixel_range": 1, "channels": "gbr"},
    r"mean is \[1, 2\], expected one finite number, or 3: one a channel": {"mean": [1, 2], "pixel_range": 255},
    "mean is nan, expected one finite number": {"mean": np.nan, "pixel_range": 255},
    r"mean has 1e\+308 in it, expected numbers of at most 1e\+09": {"mean": 1e308, "pixel_range": 1},
    "std is 0, expected positive numbers": {"mean": 0, "std": 0, "pixel_range": 255},
}


@pytest.mark.parametrize(("named", "said"), REFUSED.items(), ids=REFUSED)
def test_other_numbers_are_refused(named, said):
    with pytest.raises(ValueError, match=named):
        set_input(made(LOWEST["convolution"]), **said)


def test_grey_has_no_order():
    with pytest.raises(ValueError, match="channels is 'bgr', expected 'rgb' for a net of 1 channels"):
        set_input(made([("conv", layers.Conv(2, 3))], (9, 8, 1)), 0, pixel_range=1, channels="bgr")


def test_words():
    net = made(LOWEST["convolution"])
    assert input_words(net) == "RGB, (pixels - 0) / 1, pixels in [0, 255]"
    set_input(net, (104, 117, 123), pixel_range=255, channels="bgr")
    assert input_words(net) == "RGB, (pixels - 123 117 104) / 1, pixels in [0, 255]"
    net.preprocessing = Preprocessing(np.zeros(net.input_shape), 8.0)
    assert input_words(net) == "RGB, (pixels - the mean image) / 8, pixels in [0, 255]"
