"""The deconvnet (section 2.1) on nets so small that the picture is known by eye."""

import numpy as np
import pytest
import torch
from assertions import TORCH, close, normal

import npzf
from npzf import layers
from npzf.network import Network
from npzf.units import argmax_position


def net_of(size, table, **parameters):
    """A float64 net with these parameters; "conv1_weight" stands for "conv1/weight"."""
    net = Network(size, table, dtype="float64")
    for name, value in parameters.items():
        net.parameters[name.replace("_", "/")][...] = value
    return net


def one_map(*rows):
    return np.array(rows, float)[None, :, :, None]


EDGE = np.array([[1.0, -2.0], [3.0, 0.5]])  # no symmetry that would hide a flip


def edge_net(*more, bias=0.0):
    return net_of((4, 4, 1), [("conv1", layers.Conv(1, 2)), *more], conv1_weight=EDGE[None, :, :, None], conv1_bias=bias)


def test_one_filter_a_unit_paints_its_filter_at_its_place_with_its_value():
    """The transposed filtering puts the filter itself, not a flipped one, where the unit looked."""
    x = np.zeros((1, 4, 4, 1))
    x[0, 1:3, 2:4, 0] = EDGE
    expected = np.zeros_like(x)
    expected[0, 1:3, 2:4, 0] = EDGE * (EDGE**2).sum()  # the unit sees its own filter
    np.testing.assert_array_equal(npzf.project(edge_net(), x, "conv1", 0), expected)
    np.testing.assert_array_equal(npzf.project(edge_net(), x, "conv1", (0, 1, 2)), expected)


def test_one_pool_puts_every_value_back_where_it_was():
    net = net_of((4, 4, 1), [("pool1", layers.MaxPool(2, 2))])
    x = one_map([1, 5, 2, 0], [3, 4, 1, 7], [0, 6, 9, 8], [2, 1, 3, 4])
    expected = one_map([0, 5, 0, 0], [0, 0, 0, 7], [0, 6, 9, 0], [0, 0, 0, 0])
    np.testing.assert_array_equal(npzf.project(net, x, "pool1"), expected)


def test_unpool_rectify_filter_by_hand():
    """Two filters, of which one only ever sees the pixel below right; conv2 takes the difference of their maps."""
    net = net_of(
        (2, 3, 1),
        [("conv1", layers.Conv(2, 2)), ("relu1", layers.ReLU()), ("pool1", layers.MaxPool(1, 1)), ("conv2", layers.Conv(1, 1))],
        conv1_weight=np.array([[[-1, 2], [0, 0]], [[0, 0], [0, 1]]])[..., None],
        conv2_weight=np.array([1, -1]).reshape(1, 1, 1, 2),
    )
    x = one_map([1, 2, 4], [3, 5, 1])
    # up: conv1 map 0: -1*1 + 2*2 = 3, -1*2 + 2*4 = 6; map 1: 5, 1; conv2: 3 - 5 = -2, 6 - 1 = 5
    np.testing.assert_array_equal(net.forward(x), np.reshape([-2, 5], (1, 1, 2, 1)))
    # down from 5: map 0 gets 5, map 1 gets -5, which relu1 rectifies to 0; the first filter, times 5, at columns 1 and 2
    np.testing.assert_array_equal(npzf.project(net, x, "conv2", 0), one_map([0, -5, 10], [0, 0, 0]))
    # down from -2: map 0 gets -2, rectified to 0; map 1 gets 2, and its filter paints below right
    np.testing.assert_array_equal(npzf.project(net, x, "conv2", (0, 0, 0)), one_map([0, 0, 0], [0, 2, 0]))


def test_rectification_is_of_the_signal_not_of_what_was_active():
    """Guided backpropagation would stop here: relu1 was off, yet the signal, being positive, passes."""
    table = [("conv1", layers.Conv(1, 1)), ("relu1", layers.ReLU()), ("conv2", layers.Conv(1, 1))]
    net = net_of((1, 1, 1), table, conv1_weight=2.0, conv2_weight=3.0, conv2_bias=1.0)
    np.testing.assert_array_equal(npzf.project(net, np.full((1, 1, 1, 1), -4.0), "conv2"), np.full((1, 1, 1, 1), 6.0))


def test_a_negative_activation_is_projected_as_it_is():
    x = np.zeros((1, 4, 4, 1))
    x[0, 0, 1, 0] = 1
    picture = npzf.project(edge_net(), x, "conv1", (0, 0, 0))  # value -2
    np.testing.assert_array_equal(picture[0, :2, :2, 0], -2 * EDGE)


def test_from_a_rectified_layer_a_negative_activation_leaves_nothing():
    net, x = edge_net(("relu1", layers.ReLU())), -np.ones((1, 4, 4, 1))
    assert net.forward(x, "conv1").max() < 0
    assert not npzf.project(net, x, "relu1", 0).any()


def test_the_bias_counts_on_the_way_up_alone():
    """It makes the activation larger; what is painted is that value times the same filter."""
    x = normal(1, 4, 4, 1)
    without, with_bias = (npzf.project(edge_net(bias=b), x, "conv1", (0, 1, 1)) for b in (0.0, 10.0))
    np.testing.assert_allclose(with_bias[0, 1:3, 1:3, 0], without[0, 1:3, 1:3, 0] + 10 * EDGE, rtol=1e-12)
    assert not npzf.project(edge_net(bias=-EDGE.sum()), np.ones((1, 4, 4, 1)), "conv1").any()  # activations are all 0


def deep(dtype="float64"):
    table = [
        ("conv1", layers.Conv(4, 3, stride=2, pad=1)),
        ("relu1", layers.ReLU()),
        ("pool1", layers.MaxPool(3, 2)),
        ("norm1", layers.LocalResponseNorm(alpha=2.0)),
        ("conv2", layers.Conv(5, 3, pad=1)),
        ("relu2", layers.ReLU()),
        ("flatten", layers.Flatten()),
        ("drop", layers.Dropout(0.5)),
        ("fc3", layers.FullyConnected(6)),
    ]
    return Network((21, 19, 2), table, dtype=dtype)


def alone(x, layer, unit):
    """The pictures of images one by one."""
    return np.concatenate([npzf.project(deep(), x[n : n + 1], layer, unit(n)) for n in range(len(x))])


X = normal(3, 21, 19, 2)


def test_a_map_is_seeded_at_its_strongest_place_in_each_image():
    rows, columns = argmax_position(deep().forward(X, "conv2"), 4)
    assert len(set(zip(rows, columns, strict=True))) > 1
    expected = alone(X, "conv2", lambda n: (4, rows[n], columns[n]))
    np.testing.assert_allclose(npzf.project(deep(), X, "conv2", 4), expected, rtol=1e-12)


def test_units_may_differ_from_image_to_image():
    maps, rows, columns = np.array([0, 4, 2]), np.array([1, 0, 3]), np.array([2, 2, 0])
    expected = alone(X, "conv2", lambda n: (maps[n], rows[n], columns[n]))
    np.testing.assert_allclose(npzf.project(deep(), X, "conv2", (maps, rows, columns)), expected, rtol=1e-12)
    expected = alone(X, "conv2", lambda n: (maps[n], 1, 2))
    np.testing.assert_allclose(npzf.project(deep(), X, "conv2", (maps, 1, 2)), expected, rtol=1e-12)


def test_a_linear_layer_as_a_whole_is_the_sum_of_its_units():
    net = edge_net()
    units = [npzf.project(net, X[:, :4, :4, :1], "conv1", (0, row, column)) for row in range(3) for column in range(3)]
    np.testing.assert_allclose(npzf.project(net, X[:, :4, :4, :1], "conv1"), sum(units), atol=1e-12)


def test_of_equal_activations_the_first_in_raster_order_is_the_strongest():
    y = np.zeros((2, 3, 4, 2))
    y[0, [0, 1, 2], [3, 0, 1], 1] = 7
    rows, columns = argmax_position(y, 1)
    assert (rows.tolist(), columns.tolist()) == ([0, 0], [3, 0])


def test_a_unit_of_a_fully_connected_layer():
    net = net_of(
        (1, 2, 1), [("flatten", layers.Flatten()), ("fc", layers.FullyConnected(2))], fc_weight=[[1, 2], [3, 4]], fc_bias=5
    )
    picture = npzf.project(net, np.ones((1, 1, 2, 1)), "fc", 1)
    np.testing.assert_array_equal(picture, np.reshape([36, 48], (1, 1, 2, 1)))  # (3 + 4 + 5) times its weights


def shared_maximum():
    """Two windows of three pixels that share their maximum, the pixel in the middle; the second value is the one seeded last."""
    return net_of((3, 5, 1), [("pool1", layers.MaxPool(3, 2))]), one_map([0] * 5, [0, 0, 9, 0, 0], [0] * 5)


def test_values_that_share_a_switch_add_up_or_the_last_one_wins():
    net, x = shared_maximum()
    np.testing.assert_array_equal(npzf.project(net, x, "pool1"), 2 * x)
    np.testing.assert_array_equal(npzf.project(net, x, "pool1", overwrite=True), x)
    np.testing.assert_array_equal(npzf.project(net, x, "pool1", (0, 0, 0)), x)
    assert not npzf.project(net, x, "pool1", (0, 0, 0), overwrite=True).any()  # the other window's 0 erases it


def positive_net():
    """All weights positive, so that every relu is active, and every signal positive, on the way up and down."""
    net = deep()
    for name, value in net.parameters.items():
        value[...] = np.abs(normal(*value.shape)) if name.endswith("weight") else 0
    net.layers["norm1"].alpha = 0.0  # all others give the norm's gradient negative numbers
    return net


@pytest.mark.parametrize(
    ("layer", "unit", "place"), [("conv1", (1, 4, 5), (4, 5, 1)), ("conv2", (3, 2, 1), (2, 1, 3)), ("fc3", 4, 4)]
)
def test_with_all_relus_active_the_picture_is_the_activation_times_its_gradient(layer, unit, place):
    """As the paper says in section 2.1 and Simonyan et al. in theirs: deconvnet and gradient differ by the relu alone."""
    net, x = positive_net(), np.abs(X)
    y = net.forward(x, upto=layer)
    gy, index = np.zeros_like(y), (slice(None), *np.atleast_1d(place))
    gy[index] = y[index]
    net.layers["drop"].rate = 0.0
    net.forward(x, upto=layer, train=True)
    picture = npzf.project(positive_net(), x, layer, unit, norm_gradient=True)
    np.testing.assert_allclose(picture, net.backward(gy), rtol=1e-10)


def test_norm_is_passed_by_or_taken_by_its_true_gradient():
    net = Network((5, 6, 7), [("norm", layers.LocalResponseNorm(alpha=1.0))], dtype="float64")
    x, (row, column, map_) = normal(2, 5, 6, 7), (1, 2, 3)
    y = net.forward(x)
    passed = npzf.project(net, x, "norm", (map_, row, column))
    assert np.argwhere(passed).tolist() == [[n, row, column, map_] for n in range(2)]
    np.testing.assert_array_equal(passed[:, row, column, map_], y[:, row, column, map_])
    tx = torch.tensor(x).permute(0, 3, 1, 2).requires_grad_()
    ty = torch.nn.functional.local_response_norm(tx, 5, 1.0, 0.75, 2.0)[:, map_, row, column]
    (ty**2 / 2).sum().backward()
    close(npzf.project(net, x, "norm", (map_, row, column), norm_gradient=True), tx.grad.permute(0, 2, 3, 1), TORCH)


@pytest.mark.parametrize("layer", ["conv1", "relu1", "pool1", "norm1", "conv2"])
@pytest.mark.parametrize("place", [(0, 0), (2, 1), (3, 3)])
def test_the_picture_is_nothing_outside_the_units_receptive_field(layer, place):
    net = deep()
    picture = np.abs(npzf.project(net, X, layer, (1, *place)))
    patch = net.fields()[layer].patch(*place, 21, 19)
    inside = picture[:, *patch].sum()
    assert inside == pytest.approx(picture.sum()) and (layer != "conv1" or inside > 0)
    picture[:, *patch] = 0
    assert not picture.any()


def test_looking_at_a_net_changes_nothing_and_drops_nothing():
    net = deep()
    first = npzf.project(net, X, "fc3", 2)
    before = {name: value.copy() for name, value in net.parameters.items()}
    np.testing.assert_array_equal(npzf.project(net, X, "fc3", 2), first)
    assert net.gradients == {}
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("layer", ["conv1", "conv2", "fc3"])
def test_pictures_are_like_the_images(layer):
    picture = npzf.project(deep("float32"), X, layer)
    assert (picture.shape, picture.dtype) == (X.shape, np.float32)


@pytest.mark.parametrize(
    ("layer", "unit", "named"),
    [
        ("conv9", 0, "layer is 'conv9', expected one of conv1, relu1"),
        ("conv2", 5, "unit's map is 5, expected 0 to 4"),
        ("conv2", -1, "unit's map is -1, expected 0 to 4"),
        ("conv2", (0, 5, 0), "unit's row is 5, expected 0 to 4"),
        ("conv2", (0, 0, 4), "unit's column is 4, expected 0 to 3"),
        ("conv2", (np.array([0, 1, 7]), 0, 0), r"unit's map is \[0 1 7\], expected 0 to 4"),
        ("conv2", (0, 0), r"unit is \(0, 0\), expected None, a map or \(map, row, column\)"),
        ("fc3", 6, "is 6, expected 0 to 5"),
        ("fc3", (0, 0, 0), "this layer has no rows and columns"),
        ("conv2", 2.5, "is 2.5, expected"),
        ("conv2", (0, np.zeros(2, int), 0), "unit's row"),
        ("conv2", (0, np.zeros(3), 0), "unit's row"),
    ],
)
def test_units_that_do_not_exist_are_named_in_one_line(layer, unit, named):
    with pytest.raises(ValueError, match=named) as caught:
        npzf.project(deep(), X, layer, unit)
    assert "\n" not in str(caught.value)
