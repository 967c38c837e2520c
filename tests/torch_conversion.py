"""What a net from PyTorch is held against: the module itself, its gradients, and a deconvnet made of it by autograd."""

import numpy as np
import torch
import torch.nn.functional as F
from assertions import TORCH, close, normal
from torch import nn
from torch.overrides import TorchFunctionMode
from torch_reference import DeconvnetRelu, PassedOn, nchw, nhwc

import npzf
from npzf.geometry import pair, sides


class Deconvnet(TorchFunctionMode):
    """While it is on, gradients are the deconvnet's: relus rectify the signal, normalisations and softmax pass it on.

    All else, convolutions, poolings with their switches, scales and sums, is linear given the switches, and its gradient is the
    transpose that the deconvnet takes. No in-place relu may be read again under its input's name.
    """

    RELUS = (F.relu, F.relu_, torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_)
    NORMS = (F.local_response_norm, F.softmax, torch.softmax, torch.Tensor.softmax)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in self.RELUS:
            return DeconvnetRelu.apply(args[0])
        if function in self.NORMS:
            with torch.no_grad():
                y = function(*args, **kwargs)
            return PassedOn.apply(args[0], y)
        return function(*args, **kwargs)


def randomized(module, seed=0):
    """The module in float64 and in inference, with numbers of which every one matters."""
    generator = torch.Generator().manual_seed(seed)
    module.double().eval()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.3, generator=generator)
                part.running_var.uniform_(0.5, 2.0, generator=generator)
                if part.affine:
                    part.weight.normal_(1.0, 0.3, generator=generator)
                    part.bias.normal_(0, 0.3, generator=generator)
            else:
                for parameter in part.parameters(recurse=False):
                    scale = 0.3 if parameter.ndim == 1 else np.sqrt(2 / parameter[0].numel())
                    parameter.normal_(0, scale, generator=generator)
    return module


def images(shape, count=2, seed=0):
    """x (N, H, W, C), and the same as a leaf tensor (N, C, H, W)."""
    x = normal(count, *shape, seed=seed)
    tx = torch.empty(count, shape[2], *shape[:2], dtype=torch.float64)  # not the strides of another order
    return x, tx.copy_(nchw(x)).requires_grad_()


def check_conversion(module, shape, net=None):
    """The net made of the module gives its outputs, its gradients and its deconvnet's pictures, and so does the way back.

    module: in float64 and in inference. Returns the net, and the parameters whose gradients were compared: those that no batch
    normalisation was folded into.
    """
    net = npzf.from_torch(module, shape) if net is None else net
    x, tx = images(shape)
    y = module(tx)
    close(net.forward(x), _as_house(y, net), TORCH)

    gy = normal(*y.shape, seed=1)
    y.backward(torch.from_numpy(gy))
    tape = net.record(x, [net.output_name], npzf.Save.GRADIENTS)
    gx, gradients = tape.backward(_as_house(torch.from_numpy(gy), net))
    close(gx, nhwc(tx.grad), TORCH)
    compared = _check_gradients(module, net, gradients)

    with Deconvnet():
        y = module(tx)
    (picture,) = torch.autograd.grad(y, tx, y.detach())
    close(npzf.project(net, x, net.output_name), nhwc(picture), TORCH)

    check_way_back(net, module, tx)
    return net, compared


def _as_house(y, net):
    """PyTorch's output in the house's shape; means of maps are (N, C) here and (N, C, 1, 1) there."""
    found = nhwc(y)
    return found.reshape(len(found), *net.shapes[net.output_name]) if found.shape[1:3] == (1, 1) else found


def _check_gradients(module, net, gradients):
    """Parameters are recognised by their numbers, all different, wherever and in whichever order they lie."""
    theirs = {name: p for name, p in module.named_parameters() if p.grad is not None}
    compared = set()
    for name, value in net.parameters.items():
        order = np.argsort(value, axis=None)
        for other, parameter in theirs.items():
            there = parameter.detach().numpy()
            own = np.argsort(there, axis=None)
            if value.size == there.size and np.array_equal(value.ravel()[order], there.ravel()[own]):
                close(gradients[name].ravel()[order], parameter.grad.numpy().ravel()[own], TORCH)
                compared.add(other)
    module.zero_grad()
    return compared


def check_way_back(net, module, tx):
    """to_torch gives the module's outputs, and from_torch of that the net with every row and every bit."""
    back = npzf.to_torch(net)
    with torch.no_grad():
        y, again = module(tx), back(tx)
    close(again.reshape(y.shape).numpy(), y.numpy(), TORCH)
    check_same(npzf.from_torch(back), net)


def check_same(net, expected):
    """Two nets have the same rows, configurations and bits."""
    assert rows(net) == rows(expected)
    assert net.input_shape == expected.input_shape and net.dtype == expected.dtype
    assert net.parameters.keys() == expected.parameters.keys()
    for name, value in expected.parameters.items():
        assert np.array_equal(net.parameters[name], value), name


def rows(net):
    """Name, kind, configuration and sources of every layer; windows and pads written out."""
    return [(name, type(layer), _configuration(layer), net.sources[name]) for name, layer in net.layers.items()]


def _configuration(layer):
    full = {"window": pair, "stride": pair, "pad": sides}
    return {name: full.get(name, lambda same: same)(value) for name, value in layer.configuration().items()}


def conv(maps=4, channels=3):
    return nn.Conv2d(channels, maps, 3)


def converted(module, shape=(9, 8, 3)):
    """The net made of a module with random numbers, held against it."""
    net, _ = check_conversion(randomized(module), shape)
    return net
