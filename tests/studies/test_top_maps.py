"""The strongest maps of a photograph: the maps, values and places that loops give, and the pictures of figure 2."""

import numpy as np
import pytest
from assertions import close
from rounding import gamma, terms_to

import npzf
from npzf import layers
from npzf.network import Network
from npzf.preprocessing import Preprocessing
from npzf.studies import top_maps_of_image


@pytest.fixture
def net():
    net = npzf.small_zfnet(3, 64, seed=1)
    net.preprocessing = Preprocessing(np.full(3, 100.0), 50.0)
    return net


@pytest.fixture
def photograph():
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.fixture
def x(net, photograph):
    return net.preprocessing.apply(photograph[None])


@pytest.mark.parametrize("layer", ["conv1", "relu3", "conv5"])
def test_equals_a_search_by_loops(net, x, layer):
    top = top_maps_of_image(net, x, [layer], count=4)[0][0]
    y = net.forward(x, upto=layer)[0]
    best = sorted(range(y.shape[2]), key=lambda m: -y[..., m].max())[:4]
    assert top.maps.tolist() == best
    for m, value, row, column in zip(top.maps, top.values, top.rows, top.columns, strict=True):
        assert value == y[..., m].max() == y[row, column, m]


def test_pictures_are_the_units_within_their_fields(net, photograph, x):
    top = top_maps_of_image(net, x, ["conv2"], count=3)[0][0]
    field = net.fields()["conv2"]
    for k, m in enumerate(top.maps):
        patch = field.patch(top.rows[k], top.columns[k], 64, 64)
        np.testing.assert_array_equal(top.patches[k], photograph[patch])
        full = npzf.project(net, x, "conv2", int(m))[0]
        close(top.projections[k], full[patch], gamma(2 * terms_to(net, "conv2"), net.dtype))


def test_bad_layers_and_counts_are_named(net, x):
    for layer in ("fc6", "conv9"):
        with pytest.raises(ValueError, match=f"layer is '{layer}', expected one with maps: conv1, "):
            top_maps_of_image(net, x, [layer])
    with pytest.raises(ValueError, match="count is 0, expected at least 1"):
        top_maps_of_image(net, x, ["conv1"], count=0)


def test_two_images_are_each_alone(net, photograph):
    x = net.preprocessing.apply(np.stack([photograph, photograph[::-1, ::-1]]))
    for together in top_maps_of_image(net, x, ["conv1", "conv4"], count=3):
        assert together.maps.shape == (2, 3) and [len(pictures) for pictures in together.patches] == [3, 3]
        for n in range(2):
            (alone,) = top_maps_of_image(net, x[n : n + 1], [together.layer], count=3)
            np.testing.assert_array_equal(together[n].maps, alone[0].maps)
            np.testing.assert_array_equal(together[n].rows, alone[0].rows)
            bound = gamma(2 * terms_to(net, together.layer), net.dtype)
            close(together[n].values, alone[0].values, bound)
            for one, other in zip(together[n].projections, alone[0].projections, strict=True):
                close(one, other, bound)
            for one, other in zip(together[n].patches, alone[0].patches, strict=True):
                np.testing.assert_array_equal(one, other)


def test_an_image_that_is_not_square():
    net = Network((20, 34, 3), [("conv1", layers.Conv(5, 4, stride=3)), ("conv2", layers.Conv(4, 3))], dtype="float64")
    pixels = np.random.default_rng(1).integers(0, 256, (1, 20, 34, 3), np.uint8)
    top = top_maps_of_image(net, pixels, ["conv2"], count=4)[0][0]
    y = net.forward(pixels, upto="conv2")[0]
    for k, m in enumerate(top.maps):
        row, column = np.unravel_index(y[..., m].argmax(), y.shape[:2])
        assert (top.rows[k], top.columns[k]) == (row, column)
        np.testing.assert_array_equal(top.patches[k], pixels[0, 3 * row : 3 * row + 10, 3 * column : 3 * column + 10])
