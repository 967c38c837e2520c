"""Nets to PyTorch, where the rest of the reader's tools are; no part of the paper."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from npzf import layers
from npzf.geometry import pair, sides
from npzf.graph import INPUT
from npzf.interop.channels_first import feature_orders, parameters_channels_first
from npzf.interop.pytorch import modules as own
from npzf.layers import Layer
from npzf.network import Network

IMAGES = ""  # the path of what no module gives


def to_torch(net: Network) -> nn.Module:
    """As npzf.to_torch."""
    return TorchNetwork(net).eval()


class TorchNetwork(nn.Module):
    """The layers of a net as modules, in order; layer_names: the path of each module -> the layer's name."""

    def __init__(self, net: Network):
        super().__init__()
        self.input_shape, self.classes, self.preprocessing = net.input_shape, net.classes, net.preprocessing
        self.register_buffer(
            "like", torch.empty(0, dtype=getattr(torch, str(net.dtype))), persistent=False
        )  # the type of numbers
        self.layer_names: dict[str, str] = {}
        self.steps: list[tuple[str, tuple[str, ...]]] = []
        # Where the net gives flattened maps, their order is part of its numbers; elsewhere it is PyTorch's.
        keep_order = feature_orders(net)[net.output_name] is not None
        parameters = parameters_channels_first(net, keep_order)
        paths = {INPUT: IMAGES}
        for name, layer in net.layers.items():
            module = _module(layer, net.shapes[net.sources[name][0]], keep_order)
            for key in layer.parameters:
                tensor = torch.from_numpy(np.array(parameters[f"{name}/{key}"]))
                setattr(module, key, nn.Parameter(tensor))
            paths[name] = self._place(name, module)
            self.layer_names[paths[name]] = name
            self.steps.append((paths[name], tuple(paths[source] for source in net.sources[name])))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (N, C, H, W) -> what the net's last layer gives."""
        values = {IMAGES: x}
        for path, sources in self.steps:
            values[path] = self.get_submodule(path)(*(values[source] for source in sources))
        return values[path]

    def _place(self, name: str, module: nn.Module) -> str:
        """Adds the module at a path made of the name; the path, which is no other layer's."""
        *owners, last = [part for part in re.split(r"[./]", name) if part] or ["layer"]
        owner, path = cast(nn.Module, self), []
        for part in owners:
            part = _free(owner, part, owner._modules)
            if part not in owner._modules:
                owner.add_module(part, nn.Module())
            owner = owner.get_submodule(part)
            path.append(part)
        last = _free(owner, last)
        owner.add_module(last, module)
        return ".".join([*path, last])


def _free(owner: nn.Module, name: str, allowed: Collection[str] = ()) -> str:
    """The name, with an underscore behind it while it means something else in this module."""
    while hasattr(owner, name) and name not in allowed:
        name += "_"
    return name


def _module(layer: Layer, shape: tuple[int, ...], keep_order: bool) -> nn.Module:
    """The module of one layer for this shape of its (first) input; its parameters are still to be set."""
    with torch.device("meta"):  # no numbers yet
        match layer:
            case layers.Conv():
                return _convolution(layer, shape[2])
            case layers.MaxPool() | layers.AveragePool():
                return _pooling(layer)
            case layers.FullyConnected():
                return nn.Linear(shape[0], layer.units)
            case layers.Affine():
                return own.Affine(shape[-1])
            case layers.ReLU():
                return nn.ReLU()
            case layers.LocalResponseNorm():
                kind = nn.LocalResponseNorm if layer.alpha_divided_by_n else own.LocalResponseNorm
                return kind(layer.n, layer.alpha, layer.beta, layer.k)
            case layers.LocalContrastNorm():
                return own.LocalContrastNorm2d(layer.window, layer.sigma, layer.floor)
            case layers.GlobalAveragePool():
                return own.GlobalAveragePool2d()
            case layers.ZeroPad():
                top, bottom, left, right = sides(layer.pad)
                return own.ZeroPad2d((left, right, top, bottom))
            case layers.Flatten() if keep_order or layer.channels_first or len(shape) == 1:
                return own.Flatten(layer.channels_first)
            case layers.Flatten():
                return nn.Flatten()
            case layers.Dropout():
                return nn.Dropout(layer.rate)
            case layers.L2Normalize():
                return own.L2Normalize(layer.eps)
            case layers.Softmax():
                return nn.Softmax(dim=1)
            case layers.Concatenate():
                return own.Concatenate()
            case layers.Add():
                return own.Add()
    raise ValueError(f"layer is {layer}, expected a kind that PyTorch has")


def _convolution(layer: layers.Conv, channels: int) -> nn.Module:
    window, stride, around = pair(layer.window), pair(layer.stride), sides(layer.pad)
    arguments: dict[str, Any] = {"kernel_size": window, "stride": stride, "groups": layer.groups}
    if layer.ceil or not _even(around):
        return own.CeilConv2d(channels, layer.maps, **arguments, sides=around, ceil=layer.ceil)
    return nn.Conv2d(channels, layer.maps, **arguments, padding=around[::2])


def _pooling(layer: layers.MaxPool | layers.AveragePool) -> nn.Module:
    window, stride, around = pair(layer.window), pair(layer.stride), sides(layer.pad)
    counted = layer.count_padding if isinstance(layer, layers.AveragePool) else None
    if not _even(around) or any(2 * pad > k for pad, k in zip(around[::2], window, strict=True)):  # PyTorch pads half a window
        return own.SidedPool2d(window, stride, around, layer.ceil, counted)
    if counted is None:
        return nn.MaxPool2d(window, stride, around[::2], ceil_mode=layer.ceil)
    return nn.AvgPool2d(window, stride, around[::2], layer.ceil, counted)


def _even(around: tuple[int, int, int, int]) -> bool:
    return around[0] == around[1] and around[2] == around[3]
