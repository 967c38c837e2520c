"""Figure 6 (a): the first layer's filters as pictures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from npzf.backend import to_numpy
from npzf.network import Network
from npzf.render.pictures import enlarge, grid, save_png, to_grey, to_grey_each

LEGIBLE = 48  # pixels of a filter, about


def filter_sheet(weight: np.ndarray, zoom: int = 6, scale: float | None = None) -> np.ndarray:
    """First-layer filters (O, KH, KW, C), C 1 or 3 -> one picture uint8 (H, W, 3), zoom pixels a weight.

    Each filter has its own scale about its own zero. With `scale` (in units of the weights) all share that one, which shows which
    filters dominate, as in figure 6 (a). ValueError as for `to_grey`.
    """
    pictures = to_grey_each(weight)[0] if scale is None else to_grey(weight, scale)[0]
    columns = math.ceil(math.sqrt(1.5 * len(pictures)))  # three wide to two high: 96 filters are 12 x 8
    return grid(enlarge(pictures, zoom), columns, gap=max(1, zoom // 2))


def save_filters(net: Network, path: str | Path) -> Path:
    """Writes the filters of the net's first convolution as a PNG; returns the path.

    ValueError for a net without a convolution, or with other images than grey or RGB; OSError if the file cannot be written.
    """
    if not net.convolutions:
        raise ValueError(f"layers are {', '.join(net.layers)}, expected a convolution, whose filters are drawn")
    first = net.convolutions[0]
    weight = to_numpy(net.parameters[f"{first}/weight"])
    return save_png(filter_sheet(weight, max(4, LEGIBLE // weight.shape[1])), path, layer=first)
