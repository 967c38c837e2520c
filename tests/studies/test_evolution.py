"""Figure 4: at each epoch the projection of the strongest activation, cut to its receptive field."""

import numpy as np
import pytest
from assertions import close
from synthetic_images import ENERGY, MARK, marked, seeker

import npzf
from npzf import layers
from npzf.network import Network
from npzf.studies import Evolution

SQUARES = [[2, 5, 1], [(3, 3), (6, 2), (0, 0)]]


def test_each_epoch_keeps_the_strongest_of_that_epochs_net():
    net = seeker()
    evolution = Evolution(net, marked(*SQUARES), ["conv1"], maps=3)
    evolution.add(net, 1)
    net.parameters["conv1/weight"][...] = -net.parameters["conv1/weight"]
    evolution.add(net, 4)
    strip = evolution.strip("conv1")
    assert evolution.epochs == [1, 4] and strip.shape == (3, 2, 3, 3, 3)
    assert evolution.maps["conv1"].tolist() == [0, 1, 2]
    painted = 5 * ENERGY * MARK.astype(float)
    np.testing.assert_array_equal(strip[0, 0, ..., 1], painted)
    np.testing.assert_array_equal(strip[2, 1, ..., 1], painted)  # now it is map 2 that finds the mark
    assert not strip[0, 1].any() and not strip[1].any() and not strip[2, 0].any()  # nothing but zeros where nothing is positive


def test_a_negative_activation_is_not_painted():
    net = seeker()
    net.parameters["conv1/bias"][2] = -1  # map 2 is -1 at its strongest
    evolution = Evolution(net, marked(*SQUARES), ["conv1"])
    evolution.add(net, 1)
    assert not evolution.strip("conv1")[2].any()


def test_what_was_kept_stays_when_the_net_learns_on():
    net = seeker()
    evolution = Evolution(net, marked(*SQUARES), ["conv1"])
    evolution.add(net, 1)
    before = evolution.strip("conv1").copy()
    net.parameters["conv1/weight"][...] = 0
    np.testing.assert_array_equal(evolution.strip("conv1"), before)


def test_the_batch_does_not_matter():
    strips = []
    for batch in (1, 2, 64):
        net = seeker()
        evolution = Evolution(net, marked(*SQUARES), ["conv1", "relu1"])
        evolution.add(net, 1, batch=batch)
        strips.append(evolution.strip("relu1"))
    np.testing.assert_array_equal(strips[0], strips[1])
    np.testing.assert_array_equal(strips[0], strips[2])


def test_maps_are_chosen_by_the_seed():
    net = Network((12, 12, 3), [("conv1", layers.Conv(50, 1))])
    choices = [Evolution(net, marked(*SQUARES), ["conv1"], seed=seed).maps["conv1"].tolist() for seed in (0, 0, 1)]
    assert choices[0] == choices[1] != choices[2]
    assert len(set(choices[0])) == 6 and choices[0] == sorted(choices[0])


def test_at_the_border_the_field_keeps_its_size_and_what_hangs_over_is_zero():
    """With pad 1 the unit of a mark at the corner that is cut by the border sees one row and column outside the image."""
    net = Network((12, 12, 3), [("conv1", layers.Conv(1, 3, pad=1))], dtype="float64")
    net.parameters["conv1/weight"][0, :, :, 1] = MARK
    net.parameters["conv1/weight"][..., [0, 2]] = 0
    squares = marked([0], [(0, 0)])
    squares.source.pixels[0, :2, :2, 1] = 10 * MARK[1:, 1:]  # the lower right of a mark
    evolution = Evolution(net, squares, ["conv1"])
    evolution.add(net, 1)
    expected = MARK.astype(float)
    expected[0] = expected[:, 0] = 0
    value = 10 * (expected**2).sum()
    np.testing.assert_array_equal(evolution.strip("conv1")[0, 0, ..., 1], value * expected)


@pytest.mark.parametrize("pad", [0, 1])
def test_a_field_as_large_as_the_image_or_larger_is_not_cut(pad):
    net = Network((12, 12, 3), [("conv1", layers.Conv(2, 12 + 2 * pad, pad=pad))], dtype="float64")
    evolution = Evolution(net, marked(*SQUARES), ["conv1"])
    evolution.add(net, 1)
    strip, x = evolution.strip("conv1"), marked(*SQUARES).take(range(3))[0]
    assert strip.shape == (2, 1, 12, 12, 3)
    for m, values in enumerate(net.forward(x)[:, 0, 0].T):
        expected = npzf.project(net, x[values.argmax()][None], "conv1", m)[0] if values.max() > 0 else np.zeros((12, 12, 3))
        close(strip[m, 0], expected, 1e-12)


def test_nets_loaded_again_give_what_the_net_in_training_gave(tmp_path):
    net = seeker()
    live = Evolution(net, marked(*SQUARES), ["conv1", "fc"])
    for epoch in (1, 2):
        net.save(tmp_path / f"{epoch}.h5")
        live.add(net, epoch)
        net.parameters["conv1/weight"][0, 1] *= 3
    again = Evolution(npzf.load(tmp_path / "2.h5"), marked(*SQUARES), ["conv1", "fc"])
    for epoch in (1, 2):
        again.add(npzf.load(tmp_path / f"{epoch}.h5"), epoch)
    for name in ("conv1", "fc"):
        np.testing.assert_array_equal(again.strip(name), live.strip(name))
    assert (live.strip("conv1")[0, 0] != live.strip("conv1")[0, 1]).any()


def test_a_unit_of_a_fully_connected_layer_is_a_map_without_places():
    net = seeker()
    evolution = Evolution(net, marked(*SQUARES), ["fc"])
    evolution.add(net, 1)
    strip = evolution.strip("fc")
    assert strip.shape == (2, 1, 12, 12, 3)
    assert not strip[0].any()  # "unmarked" is 0 everywhere
    image = marked(*SQUARES).take([1])[0]  # of the strongest mark
    np.testing.assert_array_equal(strip[1, 0], npzf.project(net, net.preprocessing.apply(image), "fc", 1)[0])


def row(name, *layer):
    return Network((12, 12, 3), [(name, *layer)])


@pytest.mark.parametrize(
    ("net", "named"),
    [
        (row("conv1", layers.Conv(3, 3)), r"layer 'conv1' of epoch 5 is \(10, 10, 3\), expected \(10, 10, 2\) as in the first"),
        (row("conv2", layers.Conv(2, 3)), r"layer 'conv1' of epoch 5 is missing, expected \(10, 10, 2\)"),
        (
            row("conv1", layers.Conv(2, 5, pad=1)),
            r"epoch 5 is \(10, 10, 2\) with another receptive field, expected",
        ),
    ],
)
def test_a_net_of_another_architecture_is_named_and_not_kept(net, named):
    first = row("conv1", layers.Conv(2, 3))
    evolution = Evolution(first, marked(*SQUARES), ["conv1"])
    evolution.add(first, 1)
    with pytest.raises(ValueError, match=named):
        evolution.add(net, 5)
    assert evolution.epochs == [1] and evolution.strip("conv1").shape[:2] == (2, 1)


def test_bad_choices_are_named():
    with pytest.raises(ValueError, match="layer is 'conv9', expected one of conv1, relu1, flatten, fc"):
        Evolution(seeker(), marked(*SQUARES), ["conv1", "conv9"])
    with pytest.raises(ValueError, match="maps is 0, expected at least 1"):
        Evolution(seeker(), marked(*SQUARES), ["conv1"], maps=0)


def test_crops_that_are_not_square():
    """Of 12 x 12 pixels the crop takes rows 2 to 9; the field is cut along columns and is the whole image along rows."""
    net = Network((8, 12, 3), [("conv1", layers.Conv(1, (8, 3)))], dtype="float64", weight_init=0.0)
    net.parameters["conv1/weight"][0, 2:5, :, 1] = MARK
    evolution = Evolution(net, marked([3], [(4, 6)]), ["conv1"])
    evolution.add(net, 1)
    strip = evolution.strip("conv1")
    assert strip.shape == (1, 1, 8, 3, 3)
    np.testing.assert_array_equal(strip[0, 0, 2:5, :, 1], 3 * ENERGY * MARK.astype(float))
    assert not strip[0, 0, :2].any() and not strip[0, 0, 5:].any()
