"""New classes on a trained net (section 5.2): which layer is replaced, what is kept exactly, what stands on top of maps."""

import numpy as np
import pytest
from assertions import normal
from tiny_training import refused, tiny

from npzf import layers
from npzf.models import squeezenet_rows
from npzf.network import Network, truncated
from npzf.preprocessing import Preprocessing
from npzf.training.fine_tuning import with_new_classes

CLASSES = ("dog", "elk", "fox", "gnu", "hen")


def same_below(made, net, names):
    for name in names:
        np.testing.assert_array_equal(made.parameters[name], net.parameters[name])
        assert not np.shares_memory(made.parameters[name], net.parameters[name])


def new_scores(made, name, outputs=5):
    """Section 3's initial numbers: weights of deviation 1e-2, biases 0."""
    weight, bias = made.parameters[f"{name}/weight"], made.parameters[f"{name}/bias"]
    assert len(weight) == len(bias) == outputs and not bias.any()
    assert weight.std() == pytest.approx(1e-2, rel=0.35) and abs(weight.mean()) < 5e-3
    assert made.classes == CLASSES


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_last_fully_connected_layer_is_replaced_and_all_below_kept(dtype):
    net = tiny(dtype)
    net.classes = ("ant", "bee", "cat")
    made = with_new_classes(net, CLASSES)
    assert list(made.layers) == list(net.layers) and made.shapes["fc3"] == (5,) and made.dtype == net.dtype
    same_below(made, net, ["conv1/weight", "conv1/bias", "fc2/weight", "fc2/bias"])
    new_scores(made, "fc3")
    assert made.preprocessing is net.preprocessing and net.classes == ("ant", "bee", "cat") and net.shapes["fc3"] == (3,)
    x = normal(2, 7, 7, 3, dtype=net.dtype)
    np.testing.assert_array_equal(made.forward(x, upto="drop2"), net.forward(x, upto="drop2"))


def test_the_new_weights_and_dropout_depend_on_the_seed():
    weights = [with_new_classes(tiny(), CLASSES, seed=seed).parameters["fc3/weight"] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).all()
    assert with_new_classes(tiny(seed=4), CLASSES, seed=7).seed == 7


def test_a_softmax_at_the_end_goes():
    plain = tiny()
    net = Network((7, 7, 3), [*plain.layers.items(), ("prob", layers.Softmax())], dtype="float64")
    assert list(with_new_classes(net, CLASSES).layers) == list(plain.layers)


@pytest.mark.parametrize("relu", [True, False])
def test_where_scores_are_means_of_maps_the_convolution_is_replaced(relu):
    """SqueezeNet's head, and with the ReLU that others have in it."""
    rows = squeezenet_rows(7)[:10] + squeezenet_rows(7)[-3:]
    if relu:
        rows[-1:-1] = [("relu10", layers.ReLU())]
    net = Network((35, 35, 3), [*rows, ("prob", layers.Softmax())])
    made = with_new_classes(net, CLASSES)
    assert list(made.layers) == [name for name in net.layers if name != "prob"] and made.scores_name == "pool10"
    assert made.layers["conv10"].maps == 5 and made.shapes["pool10"] == (5,)
    same_below(made, net, [name for name in net.parameters if not name.startswith("conv10")])
    new_scores(made, "conv10")


def of_maps():
    net = truncated(tiny(), "norm1")
    net.preprocessing = Preprocessing(np.full(3, 90.0), 64.0)
    return net


def test_on_maps_stand_a_dropout_of_one_half_and_the_scores():
    net = of_maps()
    made = with_new_classes(net, CLASSES)
    assert list(made.layers) == [*net.layers, "flatten", "drop", "scores"]
    assert made.layers["drop"].rate == 0.5 and made.preprocessing is net.preprocessing
    same_below(made, net, net.parameters)
    new_scores(made, "scores")


@pytest.mark.parametrize(
    ("upto", "expected"),
    [
        ("pool1", ["conv1", "relu1", "pool1", "flatten", "drop", "scores"]),
        ("drop2", [*list(tiny().layers)[:-1], "scores"]),
        ("fc2", [*list(tiny().layers)[:6], "scores"]),  # a layer that is named is kept
        ("fc3", [*tiny().layers, "scores"]),
    ],
)
def test_upto_keeps_all_up_to_a_layer(upto, expected):
    net = tiny()
    made = with_new_classes(net, CLASSES, upto=upto)
    assert list(made.layers) == expected
    same_below(made, net, net.parameters.keys() & {f"{name}/{key}" for name in expected for key in ("weight", "bias")})
    new_scores(made, "scores")


@pytest.mark.parametrize(("window", "top"), [(3, layers.GlobalAveragePool()), (1, layers.Flatten())])
def test_numbers_that_are_no_classes_are_kept(window, top):
    """Means after a 3x3 convolution, as of a ResNet without its last layer, and each place of a 1x1 convolution."""
    rows = [("conv", layers.Conv(4, window)), ("relu", layers.ReLU()), ("top", top)]
    assert list(with_new_classes(Network((5, 5, 3), rows), CLASSES).layers) == ["conv", "relu", "top", "scores"]


def test_names_that_are_taken():
    rows = [("drop", layers.Conv(4, 3)), ("flatten", layers.ReLU()), ("scores", layers.MaxPool(2, 2))]
    made = with_new_classes(Network((7, 7, 3), rows), CLASSES)
    assert list(made.layers)[3:] == ["flatten_new", "drop_new", "scores_new"]


def test_branches_that_the_scores_do_not_need_are_left_out():
    rows = [("a", layers.Conv(2, 3)), ("b", layers.Conv(2, 1), ("input",)), ("flat", layers.Flatten(), ("a",))]
    net = Network((5, 5, 3), [*rows, ("fc", layers.FullyConnected(3))])
    assert list(with_new_classes(net, CLASSES).layers) == ["a", "flat", "fc"]


def test_a_net_of_one_layer():
    net = Network((1, 1, 9), [("flatten", layers.Flatten()), ("fc", layers.FullyConnected(3))])
    new_scores(with_new_classes(net, CLASSES), "fc")


def test_what_is_refused():
    refused("classes has 1 names, expected at least two", with_new_classes, tiny(), ["ant"])
    refused("classes has 'ant' twice", with_new_classes, tiny(), ["ant", "bee", "ant"])
    refused("layer is 'fc9', expected one of conv1, relu1", with_new_classes, tiny(), CLASSES, upto="fc9")
