"""Saliency, class models and Grad-CAM of nets with known gradients, and against PyTorch's autograd."""

import numpy as np
import pytest
from assertions import TORCH, close, normal
from synthetic_images import MARK, SIDE, marked, seeker
from tiny_training import tiny

from npzf import layers
from npzf.deconvnet import gradient
from npzf.network import Network
from npzf.studies.saliency import class_model, grad_cam, saliency_map

torch = pytest.importorskip("torch", reason="PyTorch is the reference: pip install 'npzf[test]'")
from torch_reference import Twin  # noqa: E402

X = normal(3, 7, 7, 3)
LABELS = np.array([2, 0, 1])


def scores_and_input(net, x, upto=None):
    """PyTorch's activations, and the tensor in units of x that they came from."""
    tx = torch.from_numpy(x).requires_grad_()
    return Twin(net).forward(tx, upto), tx


def test_the_gradient_of_a_class_score_of_each_image():
    values, tx = scores_and_input(tiny(), X)
    scores = values["fc3"][torch.arange(3), torch.from_numpy(LABELS)]
    scores.sum().backward()
    activation, g = gradient(tiny(), X, "fc3", LABELS)
    close(activation, scores.detach().numpy(), TORCH)
    close(g, tx.grad.numpy(), TORCH)


@pytest.mark.parametrize("unit", [(2, 1, 0), 2], ids=["a place", "the strongest place"])
def test_the_gradient_of_a_unit_with_a_place(unit):
    values, tx = scores_and_input(tiny(), X, "norm1")
    maps = values["norm1"][:, 2]
    value = maps[:, 1, 0] if isinstance(unit, tuple) else maps.flatten(1).max(1).values
    value.sum().backward()
    activation, g = gradient(tiny(), X, "norm1", unit)
    close(activation, value.detach().numpy(), TORCH)
    close(g, tx.grad.numpy(), TORCH)


def test_saliency_is_the_largest_of_the_channels():
    values, tx = scores_and_input(tiny(), X)
    values["fc3"][:, 1].sum().backward()
    close(saliency_map(tiny(), X, 1), tx.grad.abs().amax(3).numpy(), TORCH)


def test_saliency_lies_where_the_mark_is():
    """Each place where map 0 is active hands its filter down, and the score takes a tenth of it."""
    image = marked([5], [(4, 6)]).take([0])[0].astype(float)
    score = saliency_map(seeker(), image, 1)[0]
    active = np.argwhere(seeker().forward(image, upto="relu1")[0, ..., 0])
    expected = np.zeros((SIDE, SIDE))
    for row, column in active:
        expected[row : row + 3, column : column + 3] += 0.1 * MARK
    np.testing.assert_allclose(score, expected, atol=1e-12)
    assert expected[4, 7] > 0 and not expected[:2].any() and not expected[:, :4].any()
    assert not saliency_map(seeker(), image, 0).any()  # nothing supports "unmarked"


def test_looking_changes_nothing_and_drops_nothing():
    net = tiny(dropout=0.9)
    for look in (lambda net: saliency_map(net, X, 1), lambda net: grad_cam(net, X, "relu1", 1)):
        result = look(net)
        assert net.gradients == {}
        with pytest.raises(ValueError, match="backward was called before forward"):
            net.backward(np.ones((3, 3)))
        np.testing.assert_array_equal(look(net), result)
        np.testing.assert_array_equal(look(tiny(dropout=0.0)), result)


def linear():
    """One class score for each of two filters that are as large as the image."""
    return Network((3, 3, 2), [("flatten", layers.Flatten()), ("fc", layers.FullyConnected(2))], dtype="float64")


@pytest.mark.parametrize("start", [None, normal(3, 3, 2)], ids=["from zero", "from an image"])
def test_the_class_model_of_a_linear_score_is_its_filter(start):
    """The maximum of w x - decay x^2 is w / (2 decay); each step leaves 1 - 2 rate decay of the way there."""
    net, decay, rate = linear(), 0.25, 0.1
    best = net.parameters["fc/weight"][1].reshape(3, 3, 2) / (2 * decay)
    first = 0 if start is None else start
    before = np.copy(first)
    for steps in (0, 1, 7, 500):
        left = (1 - 2 * rate * decay) ** steps
        close(class_model(net, 1, decay=decay, rate=rate, steps=steps, start=start), best + left * (first - best), 1e-10)
    np.testing.assert_array_equal(first, before)


def test_a_class_model_raises_its_score():
    net = tiny()
    net.parameters["conv1/bias"][...] = 0.1  # without biases there is no gradient at the mean image
    first, last = (class_model(net, 2, decay=1e-3, rate=0.5, steps=steps) for steps in (0, 100))
    assert net.forward(last[None])[0, 2] > net.forward(first[None])[0, 2] + 1


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_a_class_model_that_grows_without_end_is_named():
    with pytest.raises(ArithmeticError, match="rate is 100, expected a lower one: the class model grows without bound"):
        class_model(linear(), 0, decay=1.0, rate=100.0, steps=1000)


@pytest.mark.parametrize("layer", ["conv1", "relu1", "norm1"])
def test_grad_cam_is_autograds(layer):
    net = tiny()
    values, _ = scores_and_input(net, X)
    score = values["fc3"][torch.arange(3), torch.from_numpy(LABELS)].sum()
    (g,) = torch.autograd.grad(score, values[layer])
    expected = torch.relu((values[layer] * g.mean((2, 3), keepdim=True)).sum(1))
    close(grad_cam(net, X, layer, LABELS), expected.detach().numpy(), TORCH)


def test_grad_cam_of_a_layer_that_feeds_two_branches():
    table = [
        ("conv1", layers.Conv(4, 3)),
        ("relu1", layers.ReLU()),
        ("left", layers.Conv(2, 1), ("relu1",)),
        ("right", layers.Conv(3, 1), ("relu1",)),
        ("both", layers.Concatenate(), ("left", "right")),
        ("relu2", layers.ReLU()),
        ("mean", layers.GlobalAveragePool()),
        ("fc", layers.FullyConnected(2)),
    ]
    net, x = Network((6, 5, 3), table, dtype="float64"), normal(2, 6, 5, 3)
    values = Twin(net).forward(torch.from_numpy(x).requires_grad_())
    for name in ("relu1", "left"):
        (g,) = torch.autograd.grad(values["fc"][:, 1].sum(), values[name], retain_graph=True)
        expected = torch.relu((values[name] * g.mean((2, 3), keepdim=True)).sum(1))
        close(grad_cam(net, x, name, 1), expected.detach().numpy(), TORCH)


def test_grad_cam_after_a_mean_of_the_maps_is_the_map_of_the_class():
    """Zhou et al. 2016's class activation map: with weights w of the means, sum over k of w_k * map k, over the places."""
    table = [("conv1", layers.Conv(3, 2)), ("mean", layers.GlobalAveragePool()), ("fc", layers.FullyConnected(2))]
    net, x = Network((5, 4, 2), table, dtype="float64"), normal(2, 5, 4, 2)
    maps, weight = net.forward(x, upto="conv1"), net.parameters["fc/weight"][1]
    close(grad_cam(net, x, "conv1", 1), np.maximum(maps @ weight, 0) / (4 * 3), 1e-12)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: saliency_map(tiny(), X, 3), "labels is 3, expected 0 to 2"),
        (lambda: saliency_map(tiny(), X, LABELS[:2]), "one for each of 3 images"),
        (lambda: gradient(tiny(), X, "conv9", 0), "layer is 'conv9'"),
        (lambda: gradient(tiny(), X, "conv1", None), "unit's map is None, expected a whole number"),
        (lambda: grad_cam(tiny(), X, "fc2", 0), "layer is 'fc2', expected one with maps: conv1, relu1, pool1, norm1"),
        (lambda: grad_cam(tiny(), X, "conv9", 0), "layer is 'conv9', expected one with maps"),
        (lambda: grad_cam(tiny(), X, "conv1", -1), "labels is -1, expected 0 to 2"),
        (lambda: class_model(tiny(), 3, decay=1, rate=1), "labels is 3, expected 0 to 2"),
    ],
)
def test_what_does_not_exist_is_named_in_one_line(call, named):
    with pytest.raises(ValueError, match=named) as caught:
        call()
    assert "\n" not in str(caught.value)
