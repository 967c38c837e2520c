"""Figure 5: a mean over the image ignores translations, a map moves by its stride, and pixels are transformed as stated."""

import numpy as np
import pytest
from assertions import close

from npzf import layers
from npzf.network import Network
from npzf.preprocessing import Preprocessing
from npzf.studies import transformation_curves
from npzf.studies.invariance import AMOUNTS, default_amounts, low_and_high, mean_colour, transform

SIDE, GREY = 32, 60.0
SPOT = slice(12, 20)  # the middle 8 x 8 pixels


def spot(height=8):
    """A grey photograph with a bright spot in its middle, its rows all different."""
    photograph = np.full((SIDE, SIDE, 3), int(GREY), np.uint8)
    photograph[12 : 12 + height, SPOT] = 100 + 10 * np.arange(height)[:, None, None]
    return photograph


def averaging(stride=2):
    """pool halves the image, fc gives as scores the means of red and of nothing: classes 0 and 1."""
    table = [
        ("conv1", layers.Conv(1, 1)),
        ("pool1", layers.MaxPool(stride, stride)),
        ("conv2", layers.Conv(2, 1)),
        ("mean", layers.GlobalAveragePool()),
    ]
    net = Network((SIDE, SIDE, 3), table, dtype="float64", weight_init=0.0)
    net.parameters["conv1/weight"][..., 0] = 1
    net.parameters["conv2/weight"][0] = 0.1
    net.preprocessing = Preprocessing(np.full(3, GREY))
    return net


def x_of(*photographs):
    return averaging().preprocessing.apply(np.stack(photographs))


def study(kind, amounts, **options):
    return transformation_curves(averaging(), x_of(spot()), [0], ("pool1", "mean"), kind, amounts=amounts, **options)


def test_the_mean_does_not_notice_a_translation_by_the_stride_and_the_map_moves():
    curves = study("translation", [-8, -2, 0, 2, 8])
    close(curves.distances["mean"], np.zeros((1, 5)), 0)
    assert np.ptp(curves.probability) == 0 and 0.5 < curves.probability[0, 0] < 1
    pooled = averaging().forward(spot()[None] - GREY, upto="pool1")
    by_hand = [np.linalg.norm(np.roll(pooled, amount // 2, axis=1) - pooled) for amount in (-8, -2, 0, 2, 8)]
    close(curves.distances["pool1"][0], by_hand, 1e-12)
    assert curves.distances["pool1"][0, 2] == 0


def test_half_a_stride_is_noticed_above_the_pool():
    """Rows of equal pairs: an odd number of pixels takes the pairs apart."""
    curves = study("translation", [1, 3, 4])
    assert (curves.distances["mean"][0] > 0).tolist() == [True, True, False]


def test_what_leaves_the_photograph_is_gone():
    curves = study("translation", [-SIDE, SIDE])
    pooled = averaging().forward(spot()[None] - GREY, upto="pool1")
    close(curves.distances["pool1"][0], [np.linalg.norm(pooled)] * 2, 1e-12)
    close(curves.probability, [[0.5, 0.5]], 1e-12)  # the mean colour is 0 for the net: it guesses


def test_quarter_turns_of_the_map():
    curves = study("rotation", [0, 90, 180, 270])
    pooled = averaging().forward(spot()[None] - GREY, upto="pool1")[0]
    by_hand = [np.linalg.norm(np.rot90(pooled, k) - pooled) for k in range(4)]
    close(curves.distances["pool1"][0], by_hand, 1e-12)
    close(curves.distances["mean"], np.zeros((1, 4)), 1e-12)


def test_a_larger_spot_has_a_larger_mean():
    curves = study("scale", [1, 1.4, 1.8])
    assert curves.distances["mean"][0, 0] == 0
    assert (np.diff(curves.distances["mean"][0]) > 0).all() and (np.diff(curves.probability[0]) > 0).all()


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_the_batch_does_not_matter(batch):
    one, other = (study("rotation", [0, 30, 60, 90, 120], batch=b) for b in (batch, 16))
    np.testing.assert_array_equal(one.probability, other.probability)
    np.testing.assert_array_equal(one.distances["pool1"], other.distances["pool1"])


def test_each_photograph_has_its_label():
    x = x_of(spot(), spot(), spot(2))
    curves = transformation_curves(averaging(), x, [0, 1, 0], ["mean"], "translation", amounts=[0])
    close(curves.probability[0] + curves.probability[1], [1.0], 1e-12)
    assert curves.probability[2, 0] < curves.probability[0, 0]
    assert list(curves.distances) == ["mean"] and curves.distances["mean"].shape == (3, 1)


def test_transformations_by_hand():
    pixels = np.random.default_rng(0).integers(0, 256, (10, 10, 3), np.uint8)
    down = transform(pixels, "translation", 3, (1, 2, 3))
    np.testing.assert_array_equal(down[3:], pixels[:-3])
    assert (down[:3] == (1, 2, 3)).all()
    np.testing.assert_array_equal(transform(pixels, "translation", -3, (1, 2, 3))[:-3], pixels[3:])
    for k in range(4):
        np.testing.assert_array_equal(transform(pixels, "rotation", 90 * k, (0, 0, 0)), np.rot90(pixels, k))
    np.testing.assert_array_equal(transform(pixels, "scale", 1, (0, 0, 0)), pixels)
    ramp = np.repeat(np.arange(0, 200, 10, np.uint8)[:, None, None], 20, axis=1).repeat(3, axis=2)
    twice = transform(ramp, "scale", 2, (0, 0, 0))
    assert np.abs(twice[:, 0, 0] - (95 + (np.arange(20) - 9.5) * 5)).max() <= 1  # half as steep about the same middle


def test_the_papers_ranges():
    assert [(a[0], a[-1]) for a in AMOUNTS.values()] == [(-60, 60), (1, 1.8), (0, 350)]
    assert default_amounts("translation", 112)[[0, -1]].tolist() == [-30, 30]
    assert transformation_curves(averaging(), x_of(spot()), [0], ["mean"], "scale").probability.shape == (1, 17)


def test_the_layers_that_stand_for_1_and_7():
    assert low_and_high(averaging()) == ("pool1", "pool1")
    table = [("a", layers.Conv(2, 1)), ("b", layers.ReLU()), ("c", layers.Conv(2, 1)), ("d", layers.ReLU())]
    table += [("e", layers.Dropout(0.5)), ("f", layers.Conv(2, 1))]
    assert low_and_high(Network((4, 4, 3), table)) == ("b", "d")
    with pytest.raises(ValueError, match="net has 1 layers with filters, expected at least two"):
        low_and_high(Network((4, 4, 3), table[:2]))


def test_mean_colour():
    net = averaging()
    assert mean_colour(net) == (60, 60, 60)
    net.preprocessing = Preprocessing(np.stack([np.full((SIDE, SIDE), c) for c in (10.0, 20.0, 30.0)], axis=2))
    assert mean_colour(net) == (10, 20, 30)
    net.preprocessing = Preprocessing()
    assert mean_colour(net) == (0, 0, 0)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"kind": "shear"}, "kind is 'shear', expected one of translation, scale, rotation"),
        ({"kind": "shear", "amounts": [1]}, "kind is 'shear', expected one of translation, scale, rotation"),
        ({"kind": "scale", "amounts": [2, 0]}, "amount is 0, expected a scale above 0"),
        ({"kind": "scale", "amounts": [np.nan]}, "amount is nan, expected a finite number"),
        ({"labels": [2]}, r"labels is \[2\], expected 0 to 1"),
        ({"labels": [0, 1]}, r"labels is \[0, 1\], expected a whole number, or one for each of 1 images"),
        ({"batch": 0}, "batch is 0, expected at least 1 amount"),
        ({"layers": ["conv9"]}, "layer is 'conv9', expected one of"),
    ],
)
def test_bad_arguments_are_named_in_one_line(options, named):
    usual = {"x": x_of(spot()), "labels": [0], "layers": ["mean"], "kind": "rotation", "amounts": None}
    with pytest.raises(ValueError, match=named) as caught:
        transformation_curves(averaging(), **(usual | options))
    assert "\n" not in str(caught.value)


def test_a_net_without_scores_is_refused():
    net = Network((SIDE, SIDE, 3), [("conv1", layers.Conv(1, 1))])
    with pytest.raises(ValueError, match=r"net's last layer, 'conv1', is of shape \(32, 32, 1\), expected class scores"):
        transformation_curves(net, x_of(spot()), [0], ["conv1"], "scale")


def test_two_images_are_each_alone():
    x = x_of(spot(), spot(3))
    together = transformation_curves(averaging(), x, [0, 1], ["pool1", "mean"], "rotation", amounts=[0, 30, 90])
    for n, label in enumerate((0, 1)):
        alone = transformation_curves(averaging(), x[n : n + 1], label, ["pool1", "mean"], "rotation", amounts=[0, 30, 90])
        np.testing.assert_array_equal(together.probability[n], alone.probability[0])
        for name in ("pool1", "mean"):
            np.testing.assert_array_equal(together.distances[name][n], alone.distances[name][0])


def test_an_image_that_is_not_square_moves_by_its_height():
    """Of 16 x 40 pixels: half a turn leaves the photograph whole, and translations are in proportion to its height."""
    net = Network((16, 40, 3), [("conv1", layers.Conv(2, 2, stride=2)), ("mean", layers.GlobalAveragePool())], dtype="float64")
    pixels = np.random.default_rng(2).integers(0, 256, (1, 16, 40, 3), np.uint8)
    curves = transformation_curves(net, pixels, 0, ["conv1"], "rotation", amounts=[0, 180])
    y, turned = (net.forward(image, upto="conv1") for image in (pixels, pixels[:, ::-1, ::-1]))
    close(curves.distances["conv1"][0], [0, np.linalg.norm(turned - y)], 1e-12)
    curves = transformation_curves(net, pixels, 0, ["conv1"], "translation")
    assert curves.amounts[[0, -1]].tolist() == [-4, 4]
