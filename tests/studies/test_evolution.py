"""Figure 4: at each epoch asked for, the strongest activation's projection, cut to its receptive field."""

import numpy as np
from planted import ENERGY, MARK, marked, seeker

from npzf import layers
from npzf.network import Network
from npzf.studies import Evolution

SQUARES = [[2, 5, 1], [(3, 3), (6, 2), (0, 0)]]


def test_each_epoch_keeps_the_strongest_of_that_epochs_net():
    net = seeker()
    evolution = Evolution(net, marked(*SQUARES), ["conv1"], maps=3)
    evolution.keep(1)
    net.parameters["conv1/weight"][...] = -net.parameters["conv1/weight"]
    evolution.keep(4)
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
    evolution.keep(1)
    assert not evolution.strip("conv1")[2].any()


def test_what_was_kept_stays_when_the_net_learns_on():
    net = seeker()
    evolution = Evolution(net, marked(*SQUARES), ["conv1"])
    evolution.keep(1)
    before = evolution.strip("conv1").copy()
    net.parameters["conv1/weight"][...] = 0
    np.testing.assert_array_equal(evolution.strip("conv1"), before)


def test_the_batch_does_not_matter():
    strips = []
    for batch in (1, 2, 64):
        evolution = Evolution(seeker(), marked(*SQUARES), ["conv1", "relu1"])
        evolution.keep(1, batch)
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
    squares.images.pixels[0, :2, :2, 1] = 10 * MARK[1:, 1:]  # the lower right of a mark
    evolution = Evolution(net, squares, ["conv1"])
    evolution.keep(1)
    expected = MARK.astype(float)
    expected[0] = expected[:, 0] = 0
    value = 10 * (expected**2).sum()
    np.testing.assert_array_equal(evolution.strip("conv1")[0, 0, ..., 1], value * expected)


def test_a_field_as_large_as_the_image_is_not_cut():
    net = Network((12, 12, 3), [("conv1", layers.Conv(2, 12))])
    evolution = Evolution(net, marked(*SQUARES), ["conv1"])
    evolution.keep(1)
    assert evolution.strip("conv1").shape == (2, 1, 12, 12, 3)
