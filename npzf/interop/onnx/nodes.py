"""Each layer of a net as nodes of ONNX, the first named as the layer; no part of the paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from npzf import layers
from npzf.geometry import Pair, pair, sides
from npzf.graph import INPUT
from npzf.interop.channels_first import feature_orders, parameters_channels_first
from npzf.interop.onnx.functions import DOMAIN, LOCAL_CONTRAST_NORM
from npzf.layers import Layer
from npzf.network import Network


class Nodes:
    """Collects the nodes and the tensors of a net, layer by layer; every value is named as the layer that gives it."""

    def __init__(self, net: Network):
        self.net = net
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        # Where the net gives flattened maps, their order is part of its numbers; elsewhere it is ONNX's
        self.keep_order = feature_orders(net)[net.output_name] is not None
        self.parameters = parameters_channels_first(net, self.keep_order)
        self._taken = {INPUT, *net.layers}
        for name, layer in net.layers.items():
            WRITERS[type(layer)](self, name, layer, list(net.sources[name]))

    def add(self, kind: str, name: str, inputs: list[str], **attributes: Any) -> str:
        """A node whose value is named as the node; the name."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def tensor(self, name: str, array: Any, dtype: Any = None) -> str:
        """An initialiser of this name, or one like it that is free; the name."""
        name = self.free(name)
        self.tensors.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def parameter(self, name: str, key: str) -> str:
        """A parameter of a layer as an initialiser, axes in ONNX's order."""
        return self.tensor(f"{name}/{key}", self.parameters.pop(f"{name}/{key}"))

    def free(self, name: str) -> str:
        """The name, with a number if a layer, a node or a tensor has it."""
        candidates = (name if count == 1 else f"{name}_{count}" for count in range(1, len(self._taken) + 2))
        chosen = next(candidate for candidate in candidates if candidate not in self._taken)
        self._taken.add(chosen)
        return chosen

    def hanging(self, name: str, layer: Any) -> tuple[Pair, Pair]:
        """(rows, columns) that the last window reaches over the padding (ceil), and (rows, columns) of the input."""
        size, places = self.net.shapes[self.net.sources[name][0]][:2], self.net.shapes[name][:2]
        pads = sides(layer.pad)
        window, stride = pair(layer.window), pair(layer.stride)
        over = [max(0, (places[k] - 1) * stride[k] + window[k] - size[k] - pads[2 * k] - pads[2 * k + 1]) for k in (0, 1)]
        return (over[0], over[1]), (size[0], size[1])

    def window(self, name: str, layer: Any) -> dict[str, list[int]]:
        """kernel_shape, strides and pads, with what the last window reaches over the border as padding of its own."""
        over, _ = self.hanging(name, layer)
        top, bottom, left, right = sides(layer.pad)
        pads = [top, left, bottom + over[0], right + over[1]]
        return {"kernel_shape": list(pair(layer.window)), "strides": list(pair(layer.stride)), "pads": pads}


def _conv(nodes: Nodes, name: str, layer: layers.Conv, sources: list[str]) -> None:
    inputs = [*sources, nodes.parameter(name, "weight"), nodes.parameter(name, "bias")]
    nodes.add("Conv", name, inputs, group=layer.groups, **nodes.window(name, layer))


def _fully_connected(nodes: Nodes, name: str, layer: layers.FullyConnected, sources: list[str]) -> None:
    nodes.add("Gemm", name, [*sources, nodes.parameter(name, "weight"), nodes.parameter(name, "bias")], transB=1)


def _flatten(nodes: Nodes, name: str, layer: layers.Flatten, sources: list[str]) -> None:
    if nodes.keep_order and not layer.channels_first and len(nodes.net.shapes[nodes.net.sources[name][0]]) == 3:
        sources = [nodes.add("Transpose", nodes.free(f"{name}/channels_last"), sources, perm=[0, 2, 3, 1])]
    nodes.add("Flatten", name, sources, axis=1)


def _affine(nodes: Nodes, name: str, layer: layers.Affine, sources: list[str]) -> None:
    """A batch normalisation with mean 0 and variance 1, and nothing added to it."""
    maps, dtype = nodes.net.shapes[name][-1], nodes.net.dtype
    numbers = [nodes.parameter(name, "weight"), nodes.parameter(name, "bias")]
    numbers += [nodes.tensor(f"{name}/mean", np.zeros(maps, dtype)), nodes.tensor(f"{name}/variance", np.ones(maps, dtype))]
    nodes.add("BatchNormalization", name, [*sources, *numbers], epsilon=0.0)


def _max_pool(nodes: Nodes, name: str, layer: layers.MaxPool, sources: list[str]) -> None:
    nodes.add("MaxPool", name, sources, **nodes.window(name, layer))


def _average_pool(nodes: Nodes, name: str, layer: layers.AveragePool, sources: list[str]) -> None:
    """What a last window reaches over the border counts nothing; zeros that do count are then a node of their own."""
    window, counted = nodes.window(name, layer), layer.count_padding
    over, _ = nodes.hanging(name, layer)
    if any(over) and counted:
        if any(sides(layer.pad)):
            sources = [_zeros(nodes, nodes.free(f"{name}/pad"), layer.pad, sources)]
        window["pads"], counted = [0, 0, *over], False
    nodes.add("AveragePool", name, sources, count_include_pad=int(counted), **window)


def _zero_pad(nodes: Nodes, name: str, layer: layers.ZeroPad, sources: list[str]) -> None:
    _zeros(nodes, name, layer.pad, sources)


def _zeros(nodes: Nodes, name: str, pad: Any, sources: list[str]) -> str:
    top, bottom, left, right = sides(pad)
    amounts = nodes.tensor(f"{name}/pads", [0, 0, top, left, 0, 0, bottom, right], np.int64)
    return nodes.add("Pad", name, [*sources, amounts])


def _global_average_pool(nodes: Nodes, name: str, layer: layers.GlobalAveragePool, sources: list[str]) -> None:
    means = nodes.free(f"{name}/means")
    nodes.nodes.append(helper.make_node("GlobalAveragePool", sources, [means], name=name))
    nodes.nodes.append(helper.make_node("Flatten", [means], [name], name=nodes.free(f"{name}/flatten"), axis=1))


def _local_response_norm(nodes: Nodes, name: str, layer: layers.LocalResponseNorm, sources: list[str]) -> None:
    """ONNX's, which has alpha for the mean; a window of even n, which is not ONNX's, as PyTorch's exporters write it."""
    n, alpha = layer.n, layer.alpha if layer.alpha_divided_by_n else layer.alpha * layer.n
    if n % 2:
        nodes.add("LRN", name, sources, size=n, alpha=float(alpha), beta=float(layer.beta), bias=float(layer.k))
        return
    dtype = nodes.net.dtype
    own = {
        part: nodes.free(f"{name}/{part}") for part in ("squares", "planes", "padded", "means", "maps", "scaled", "sum", "power")
    }
    axis = nodes.tensor(f"{name}/axis", [1], np.int64)
    pads = nodes.tensor(f"{name}/pads", [0, 0, n // 2, 0, 0, 0, 0, (n - 1) // 2, 0, 0], np.int64)
    nodes.add("Mul", own["squares"], [*sources, *sources])
    nodes.add("Unsqueeze", own["planes"], [own["squares"], axis])
    nodes.add("Pad", own["padded"], [own["planes"], pads])
    nodes.add("AveragePool", own["means"], [own["padded"]], kernel_shape=[n, 1, 1])
    nodes.add("Squeeze", own["maps"], [own["means"], axis])
    nodes.add("Mul", own["scaled"], [own["maps"], nodes.tensor(f"{name}/alpha", alpha, dtype)])
    nodes.add("Add", own["sum"], [own["scaled"], nodes.tensor(f"{name}/k", layer.k, dtype)])
    nodes.add("Pow", own["power"], [own["sum"], nodes.tensor(f"{name}/beta", layer.beta, dtype)])
    nodes.add("Div", name, [*sources, own["power"]])


def _l2_normalize(nodes: Nodes, name: str, layer: layers.L2Normalize, sources: list[str]) -> None:
    if layer.eps > layers.L2Normalize.eps:
        raise ValueError(f"layer {name!r} is {layer}, expected an eps of at most {layers.L2Normalize.eps:g}: ONNX has none")
    nodes.add("LpNormalization", name, sources, axis=1, p=2)


def _local_contrast_norm(nodes: Nodes, name: str, layer: layers.LocalContrastNorm, sources: list[str]) -> None:
    numbers = {"window": int(layer.window), "sigma": float(layer.sigma), "floor": float(layer.floor)}
    nodes.add(LOCAL_CONTRAST_NORM, name, sources, domain=DOMAIN, **numbers)


def _dropout(nodes: Nodes, name: str, layer: layers.Dropout, sources: list[str]) -> None:
    nodes.add("Dropout", name, [*sources, nodes.tensor(f"{name}/rate", layer.rate, np.float32)])


def _add(nodes: Nodes, name: str, layer: layers.Add, sources: list[str]) -> None:
    nodes.add("Add" if len(sources) == 2 else "Sum", name, sources)


def _plain(kind: str, **attributes: int) -> Callable[[Nodes, str, Layer, list[str]], None]:
    """An operator that needs nothing but its inputs."""

    def write(nodes: Nodes, name: str, layer: Layer, sources: list[str]) -> None:
        nodes.add(kind, name, sources, **attributes)

    return write


WRITERS: dict[type[Layer], Callable[..., None]] = {
    layers.Add: _add,
    layers.Affine: _affine,
    layers.AveragePool: _average_pool,
    layers.Concatenate: _plain("Concat", axis=1),
    layers.Conv: _conv,
    layers.Dropout: _dropout,
    layers.Flatten: _flatten,
    layers.FullyConnected: _fully_connected,
    layers.GlobalAveragePool: _global_average_pool,
    layers.L2Normalize: _l2_normalize,
    layers.LocalContrastNorm: _local_contrast_norm,
    layers.LocalResponseNorm: _local_response_norm,
    layers.MaxPool: _max_pool,
    layers.ReLU: _plain("Relu"),
    layers.Softmax: _plain("Softmax", axis=1),
    layers.ZeroPad: _zero_pad,
}
