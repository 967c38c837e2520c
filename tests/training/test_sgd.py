"""Momentum against torch.optim.SGD, and the filter clip of section 3."""

import numpy as np
import pytest
import torch
from assertions import DTYPES, close, normal

from npzf import layers
from npzf.network import Network
from npzf.ops.cpu import sgd as cpu_sgd
from npzf.training import sgd

RMS = {np.dtype("float64"): 1e-15, np.dtype("float32"): 1e-6}  # rounding of the RMS itself


def net(dtype="float64", units=3):
    table = [
        ("conv1", layers.Conv(4, 3)),
        ("relu1", layers.ReLU()),
        ("conv2", layers.Conv(2, 2, groups=2)),
        ("flatten", layers.Flatten()),
        ("fc", layers.FullyConnected(units)),
    ]
    return Network((8, 7, 2), table, dtype=dtype)


def give_gradients(network, step):
    """Sets a random gradient for every parameter, as backward would."""
    network.gradients = {name: normal(*p.shape, seed=step, dtype=p.dtype) for name, p in network.parameters.items()}


def rms(weight):
    return np.sqrt(np.mean(np.square(weight, dtype=np.float64), axis=(1, 2, 3)))


def five_steps_are_alike(network, mine, theirs, optimizer):
    """Both optimizers get the same gradients; the parameters must be the same afterwards."""
    for step in range(5):
        give_gradients(network, step)
        for name, gradient in network.gradients.items():
            theirs[name].grad = torch.tensor(gradient)
        mine.step()
        optimizer.step()
    for name, parameter in network.parameters.items():
        close(parameter, theirs[name].detach(), 1e-12)


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize(("momentum", "decay"), [(0.0, 0.0), (0.9, 0.0), (0.9, 0.05), (0.5, 1.0)])
@pytest.mark.parametrize("ops", ["fast", "plain"])
def test_equals_torch(monkeypatch, set_threads, ops, number, momentum, decay):
    """Five steps at a fixed rate, with chunks so small that every array has several and an odd one at the end."""
    set_threads(number)
    monkeypatch.setattr(cpu_sgd, "CHUNK", 7)
    network = net()
    network.ops = ops
    mine = sgd.SGD(network, 0.1, momentum, decay, filter_rms=None)
    theirs = {name: torch.nn.Parameter(torch.tensor(p)) for name, p in network.parameters.items()}
    optimizer = torch.optim.SGD(theirs.values(), 0.1, momentum, weight_decay=decay)
    five_steps_are_alike(network, mine, theirs, optimizer)


def test_a_large_layer_is_moved_everywhere():
    network = net(units=5000)  # 300,000 weights: several chunks of the real size
    before = network.parameters["fc/weight"].copy()
    give_gradients(network, 0)
    sgd.SGD(network, 0.5, filter_rms=None).step()
    close(network.parameters["fc/weight"], before - 0.5 * network.gradients["fc/weight"], 1e-14)


def test_gradients_are_left_alone():
    network = net()
    give_gradients(network, 0)
    before = {name: g.copy() for name, g in network.gradients.items()}
    sgd.SGD(network, 0.5, decay=0.1).step()
    for name, gradient in network.gradients.items():
        np.testing.assert_array_equal(gradient, before[name])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_only_filters_above_the_limit_are_scaled_to_it(backend, dtype):
    weight = normal(5, 3, 4, 2, dtype=dtype)
    weight *= (np.array([0.05, 0.1 - 1e-5, 0.2, 3.0, 0.0]) / rms(weight)).reshape(-1, 1, 1, 1).astype(dtype)
    before = weight.copy()
    there = backend.array(weight)
    backend.ops.clip_filters(there, 0.1)
    weight = backend.numpy(there)
    np.testing.assert_array_equal(weight[[0, 1, 4]], before[[0, 1, 4]])
    np.testing.assert_allclose(rms(weight[2:4]), 0.1, rtol=RMS[dtype])
    for o in (2, 3):  # the same filter, smaller
        close(weight[o], before[o] * (0.1 / rms(before)[o]), RMS[dtype])


@pytest.mark.parametrize("limit", [0.1, 0.3])
def test_a_step_clips_the_conv_layers_alone(limit):
    network = net()
    for parameter in network.parameters.values():
        parameter[...] = 2
    network.gradients = {name: np.zeros_like(p) for name, p in network.parameters.items()}
    sgd.SGD(network, 0.1, filter_rms=limit).step()
    for name in ("conv1/weight", "conv2/weight"):
        np.testing.assert_allclose(network.parameters[name], limit, rtol=1e-15)
    for name in ("conv1/bias", "conv2/bias", "fc/weight", "fc/bias"):
        np.testing.assert_array_equal(network.parameters[name], 2)


def test_the_limit_of_the_paper_is_the_default_and_none_is_no_clip():
    network = net()
    assert sgd.SGD(network, 0.1).filter_rms == 0.1
    network.parameters["conv1/weight"][...] = 2
    give_gradients(network, 0)
    sgd.SGD(network, 0.0, filter_rms=None).step()
    np.testing.assert_array_equal(network.parameters["conv1/weight"], 2)


def test_a_step_before_backward_says_what_to_do():
    with pytest.raises(ValueError, match="conv1/weight has no gradient: call net"):
        sgd.SGD(net(), 0.1).step()


@pytest.mark.parametrize(
    "options",
    [
        {"rate": -1},
        {"momentum": 1.0},
        {"momentum": -0.1},
        {"decay": -1},
        *({name: value} for name in ("rate", "momentum", "decay") for value in (np.nan, np.inf)),
    ],
)
def test_impossible_settings_are_named(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        sgd.SGD(net(), **({"rate": 0.1} | options))


@pytest.mark.parametrize("limit", [0, -0.1, float("nan"), float("inf")])
def test_an_impossible_limit_is_named(limit):
    with pytest.raises(ValueError, match=f"filter_rms is {limit}"):
        sgd.SGD(net(), 0.1, filter_rms=limit)


def test_rates_of_layers_equal_torch_with_a_rate_for_each_group():
    network = net()
    mine = sgd.SGD(network, 0.1, 0.9, 0.05, filter_rms=None, rates={"fc": 10.0, "conv1": 0.3})
    theirs = {name: torch.nn.Parameter(torch.tensor(p)) for name, p in network.parameters.items()}
    rates = {"fc": 1.0, "conv1": 0.03, "conv2": 0.1}
    groups = [{"params": [theirs[f"{name}/weight"], theirs[f"{name}/bias"]], "lr": rate} for name, rate in rates.items()]
    optimizer = torch.optim.SGD(groups, 0.1, 0.9, weight_decay=0.05)
    five_steps_are_alike(network, mine, theirs, optimizer)


def test_a_layer_of_rate_0_is_neither_moved_nor_decayed_nor_clipped():
    network = net()
    for parameter in network.parameters.values():
        parameter[...] = 2  # far above the clip
    optimizer = sgd.SGD(network, 0.5, decay=0.1, rates={"conv1": 0.0, "fc": 0})
    give_gradients(network, 0)
    network.gradients = {name: g for name, g in network.gradients.items() if name.startswith("conv2")}  # needs no others
    optimizer.step()
    for name, parameter in network.parameters.items():
        assert (parameter != 2).all() == name.startswith("conv2")
    np.testing.assert_allclose(rms(network.parameters["conv2/weight"]), 0.1, rtol=1e-15)
    assert optimizer.velocity.keys() == {"conv2/weight", "conv2/bias"}


@pytest.mark.parametrize(
    ("rates", "freeze", "expected"),
    [
        ({}, None, {"conv1": 1, "conv2": 1, "fc": 1}),
        ({"conv1": 0.5}, None, {"conv1": 0.5, "conv2": 1, "fc": 1}),
        ({"fc": 3}, "flatten", {"conv1": 0, "conv2": 0, "fc": 3}),
        ({"conv1": 0}, "relu1", {"conv1": 0, "conv2": 1, "fc": 1}),
    ],
)
def test_the_rate_of_each_layer(rates, freeze, expected):
    assert sgd.layer_rates(net(), rates, freeze) == expected


@pytest.mark.parametrize(
    ("rates", "freeze", "named"),
    [
        ({"fc8": 1.0}, None, "rates has a layer 'fc8', expected one with parameters: conv1, conv2, fc"),
        ({"relu1": 1.0}, None, "rates has a layer 'relu1', expected one with parameters: conv1, conv2, fc"),
        ({"fc": -1.0}, None, "rates has -1.0 for 'fc', expected at least 0"),
        ({"fc": float("nan")}, None, "rates has nan for 'fc'"),
        ({"fc": float("inf")}, None, "rates has inf for 'fc'"),
        ({"conv1": 0.1}, "conv2", "rates has 0.1 for 'conv1', expected a layer that is not frozen with 'conv2'"),
        ({}, "fc", "freeze is 'fc', which leaves no layer to train"),
        ({}, "pool9", "layer is 'pool9', expected one of conv1, relu1"),
        ({"fc": 0, "conv1": 0, "conv2": 0}, None, "rates are all 0"),
    ],
)
def test_rates_that_cannot_be_are_refused_in_one_line(rates, freeze, named):
    with pytest.raises(ValueError, match=named) as caught:
        sgd.layer_rates(net(), rates, freeze)
    assert "\n" not in str(caught.value)
