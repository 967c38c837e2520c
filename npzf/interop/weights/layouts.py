"""The orders of axes in which weights are kept: PyTorch's, Keras's and the house's; no part of the paper.

| layout | filters | fully connected | flattened maps |
|---|---|---|---|
| pytorch | (O, C, KH, KW) | (O, I) | (C, H, W) |
| keras | (KH, KW, C, O) | (I, O) | (H, W, C) |
| npzf | (O, KH, KW, C) | (O, I) | (H, W, C) |
"""

from __future__ import annotations

import numpy as np

from npzf.backend import to_numpy
from npzf.interop.channels_first import feature_orders, parameters_channels_first
from npzf.network import Network

LAYOUTS = ("pytorch", "keras", "npzf")


def stored_shape(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """The shape in which a layout keeps a parameter of this shape."""
    if layout == "pytorch" and len(shape) == 4:
        return shape[0], shape[3], shape[1], shape[2]
    if layout == "keras" and len(shape) > 1:
        return (*shape[1:], shape[0])
    return shape


def from_layout(net: Network, name: str, value: np.ndarray, layout: str) -> np.ndarray:
    """A parameter of the net, as the net keeps it, from its array in a layout."""
    if layout == "keras" and value.ndim > 1:
        return np.moveaxis(value, -1, 0)
    if layout == "pytorch" and value.ndim == 4:
        return value.transpose(0, 2, 3, 1)
    order = feature_orders(net)[net.sources[name.rpartition("/")[0]][0]]
    return value[:, order] if layout == "pytorch" and value.ndim == 2 and order is not None else value


def to_layout(net: Network, layout: str) -> dict[str, np.ndarray]:
    """The net's parameters, name -> array in a layout."""
    if layout == "pytorch":
        return parameters_channels_first(net)
    parameters = {name: to_numpy(value) for name, value in net.parameters.items()}
    if layout == "keras":
        parameters = {name: np.moveaxis(value, 0, -1) if value.ndim > 1 else value for name, value in parameters.items()}
    return {name: np.ascontiguousarray(value) for name, value in parameters.items()}
