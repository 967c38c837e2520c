"""The three backward relus of one walk (section 2.1) by hand, and against PyTorch's autograd with the same rules."""

import numpy as np
import pytest
from assertions import TORCH, close, normal

import npzf
from npzf import layers
from npzf.layers import ProjectionRules, Save
from npzf.network import Network
from npzf.units import seed

torch = pytest.importorskip("torch", reason="PyTorch is the reference: pip install 'npzf[test]'")
from torch_reference import DeconvnetRelu, PassedOn, Twin, nchw, nhwc  # noqa: E402

UP = np.array([-1.0, 2.0, -3.0, 4.0, 0.0, 5.0])  # what the relu sees on the way up
SIGNAL = np.array([10.0, 20.0, -30.0, -40.0, 50.0, 0.0])  # what comes down to it
DOWN = {
    "deconvnet": [10, 20, 0, 0, 50, 0],  # where the signal is positive
    "gradient": [0, 20, 0, -40, 0, 0],  # where the forward output is
    "guided": [0, 20, 0, 0, 0, 0],  # where both are
}


@pytest.mark.parametrize("relu", DOWN)
def test_one_relu_by_hand(backend, relu):
    layer, rules, shape = layers.ReLU(), ProjectionRules(relu=relu), (2, 1, 1, 3)
    layer.ops = backend.ops
    x, signal = (backend.array(numbers.astype("float32").reshape(shape)) for numbers in (UP, SIGNAL))
    down = layer.project(signal, layer.forward(x, rules.save)[1], rules)
    np.testing.assert_array_equal(backend.numpy(down), np.reshape(DOWN[relu], shape))


def chain():
    table = [
        ("conv1", layers.Conv(6, 3, stride=2, pad=1)),
        ("relu1", layers.ReLU()),
        ("pool1", layers.MaxPool(3, 2, ceil=True)),
        ("norm1", layers.LocalResponseNorm(alpha=2.0)),
        ("conv2", layers.Conv(5, 3, pad=1)),
        ("relu2", layers.ReLU()),
        ("flatten", layers.Flatten()),
        ("fc3", layers.FullyConnected(7)),
        ("relu3", layers.ReLU()),
        ("drop3", layers.Dropout(0.5)),
        ("fc4", layers.FullyConnected(4)),
    ]
    return Network((21, 19, 3), table, dtype="float64")


def branches():
    """Two relus, one of which feeds two convolutions, as in SqueezeNet's fire modules."""
    table = [
        ("squeeze", layers.Conv(4, 1)),
        ("relu1", layers.ReLU()),
        ("one", layers.Conv(3, 1)),
        ("relu_one", layers.ReLU()),
        ("three", layers.Conv(3, 3, pad=1), ("relu1",)),
        ("relu_three", layers.ReLU()),
        ("both", layers.Concatenate(), ("relu_one", "relu_three")),
        ("conv4", layers.Conv(4, 1)),
        ("mean", layers.GlobalAveragePool()),
    ]
    return Network((8, 7, 3), table, dtype="float64")


def make(build):
    """The net with biases that are not zero, and two images."""
    net = build()
    for name, value in net.parameters.items():
        if name.endswith("bias"):
            value[...] = normal(*value.shape) / 5
    return net, normal(2, *net.input_shape)


class GuidedRelu(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(context, gy):
        (x,) = context.saved_tensors
        return gy * (gy > 0) * (x > 0)


class Autograd(Twin):
    """The twin whose gradients are not the true ones: each relu goes back by its own rule, norms by theirs."""

    def __init__(self, net, relu, norm_gradient):
        super().__init__(net)
        self.relu = {"gradient": torch.relu, "guided": GuidedRelu.apply, "deconvnet": DeconvnetRelu.apply}[relu]
        self.norm_gradient = norm_gradient

    def _layer(self, name, layer, inputs):
        if isinstance(layer, layers.ReLU):
            return self.relu(inputs[0])
        y = super()._layer(name, layer, inputs)
        passed = isinstance(layer, layers.LocalResponseNorm) and not self.norm_gradient
        return PassedOn.apply(inputs[0], y.detach()) if passed else y

    def picture(self, x, layer, unit):
        x = torch.from_numpy(x).requires_grad_()
        y = self.forward(x, layer)[layer]
        y.backward(nchw(seed(nhwc(y), unit)))  # the unit's own value comes down
        return x.grad.numpy()


LOOKED_AT = [(chain, "conv2"), (chain, "relu2"), (chain, "fc4"), (branches, "both"), (branches, "mean")]


@pytest.mark.parametrize("norm_gradient", [False, True], ids=["norm passed on", "norm's gradient"])
@pytest.mark.parametrize("relu", DOWN)
@pytest.mark.parametrize(("build", "layer"), LOOKED_AT, ids=lambda part: getattr(part, "__name__", part))
def test_every_walk_is_an_autograd_with_that_relu(build, layer, relu, norm_gradient):
    net, x = make(build)
    for unit in (None, 2):
        expected = Autograd(net, relu, norm_gradient).picture(x, layer, unit)
        close(npzf.project(net, x, layer, unit, relu=relu, norm_gradient=norm_gradient), expected, TORCH)


@pytest.mark.parametrize("build", [chain, branches])
def test_the_gradient_walk_is_the_activation_times_the_true_gradient(build):
    net, x = make(build)
    tx = torch.from_numpy(x).requires_grad_()
    score = Twin(net).forward(tx)[net.output_name][:, 1]
    (gradient,) = torch.autograd.grad(score.sum(), tx)
    expected = score.detach().numpy()[:, None, None, None] * gradient.numpy()
    close(npzf.project(net, x, net.output_name, 1, relu="gradient", norm_gradient=True), expected, TORCH)


def test_the_three_are_three_pictures():
    net, x = make(chain)
    pictures = [npzf.project(net, x, "fc4", 1, relu=relu) for relu in DOWN]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(pictures[one] - pictures[other]).max() > 0.1 * np.abs(pictures[one]).max()


def test_the_deconvnet_is_the_default_and_saves_no_activations():
    net, x = make(chain)
    np.testing.assert_array_equal(npzf.project(net, x, "conv2", 1), npzf.project(net, x, "conv2", 1, relu="deconvnet"))
    assert ProjectionRules().save == Save.SWITCHES
    assert (
        ProjectionRules(relu="guided").save
        == ProjectionRules(relu="gradient").save
        == ProjectionRules(norm_gradient=True).save
        == Save.GRADIENTS
    )
    saved = net.record(x, ["relu2"], Save.SWITCHES).saved
    assert all(saved[name] is None for name in saved if isinstance(net.layers[name], layers.ReLU | layers.LocalResponseNorm))


def test_an_unknown_relu_is_named_in_one_line():
    with pytest.raises(ValueError, match="relu is 'backprop', expected one of deconvnet, gradient, guided") as caught:
        npzf.project(*make(chain), "conv2", 1, relu="backprop")
    assert "\n" not in str(caught.value)
