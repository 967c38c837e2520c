"""A net's parameters in the order of frameworks that have channels first, PyTorch's and ONNX's; no part of the paper."""

from __future__ import annotations

import numpy as np

from npzf.backend import to_numpy
from npzf.graph import INPUT
from npzf.layers import Affine, Concatenate, Flatten, FullyConnected, GlobalAveragePool
from npzf.network import Network


def parameters_channels_first(net: Network, keep_features: bool = False) -> dict[str, np.ndarray]:
    """Name, such as "conv1/weight", -> filters (O, C, KH, KW), fully connected weights (O, I) with I in (C, H, W) order.

    Fully connected weights and Affine numbers follow the maps that were flattened below them; keep_features: these stay in the
    house's order.
    """
    orders, parameters = feature_orders(net), {}
    for name, layer in net.layers.items():
        order = orders[net.sources[name][0]]
        for key, value in layer.parameters.items():
            stored = to_numpy(value)
            if stored.ndim == 4:
                stored = stored.transpose(0, 3, 1, 2)
            elif order is not None and not keep_features and (stored.ndim == 2 or isinstance(layer, Affine)):
                stored = stored[..., np.argsort(order)]
            parameters[f"{name}/{key}"] = np.ascontiguousarray(stored)
    return parameters


def feature_orders(net: Network) -> dict[str, np.ndarray | None]:
    """Name of each layer -> order (F,): its feature j is feature order[j] of the same net with channels first; None: the same."""
    orders: dict[str, np.ndarray | None] = {INPUT: None}
    for name, layer in net.layers.items():
        sources = net.sources[name]
        below = net.shapes[sources[0]]
        if len(net.shapes[name]) != 1 or isinstance(layer, FullyConnected | GlobalAveragePool):
            orders[name] = None
        elif isinstance(layer, Flatten) and len(below) == 3:
            places = np.arange(np.prod(below)).reshape(below[2], *below[:2]).transpose(1, 2, 0).reshape(-1)
            orders[name] = None if layer.channels_first or below[2] == 1 or below[0] * below[1] == 1 else places
        elif isinstance(layer, Concatenate):
            orders[name] = _joined([(orders[source], net.shapes[source][0]) for source in sources])
        else:
            orders[name] = orders[sources[0]]
    return orders


def _joined(parts: list[tuple[np.ndarray | None, int]]) -> np.ndarray | None:
    """The order of several vectors, one after the other."""
    if all(order is None for order, _ in parts):
        return None
    first, joined = 0, []
    for order, count in parts:
        joined.append(first + (np.arange(count) if order is None else order))
        first += count
    return np.concatenate(joined)
