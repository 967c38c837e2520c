"""What one photograph excites: the maps, values and places that a search by loops finds, and the pictures of figure 2."""

import numpy as np
import pytest
from assertions import close
from rounding import gamma, terms_to

import npzf
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


@pytest.mark.parametrize("layer", ["conv1", "relu3", "conv5"])
def test_equals_a_search_by_loops(net, photograph, layer):
    (found,) = top_maps_of_image(net, photograph, [layer], 4)
    y = net.forward(net.preprocessing.apply(photograph[None]), upto=layer)[0]
    best = sorted(range(y.shape[2]), key=lambda m: -y[..., m].max())[:4]
    assert found.maps.tolist() == best
    for m, value, row, column in zip(found.maps, found.values, found.rows, found.columns, strict=True):
        assert value == y[..., m].max() == y[row, column, m]


def test_pictures_are_the_units_within_their_fields(net, photograph):
    (found,) = top_maps_of_image(net, photograph, ["conv2"], 3)
    field = net.fields()["conv2"]
    for k, m in enumerate(found.maps):
        patch = field.patch(found.rows[k], found.columns[k], 64, 64)
        np.testing.assert_array_equal(found.patches[k], photograph[patch])
        full = npzf.project(net, net.preprocessing.apply(photograph[None]), "conv2", int(m))[0]
        close(found.projections[k], full[patch], gamma(2 * terms_to(net, "conv2"), net.dtype))


def test_bad_layers_and_counts_are_named(net, photograph):
    for layer in ("fc6", "conv9"):
        with pytest.raises(ValueError, match=f"layer is '{layer}', expected one with maps, such as 'conv1'"):
            top_maps_of_image(net, photograph, [layer])
    with pytest.raises(ValueError, match="count is 0, expected at least 1"):
        top_maps_of_image(net, photograph, ["conv1"], 0)
