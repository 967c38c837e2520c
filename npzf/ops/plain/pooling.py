"""Max pooling that records its switches, unpooling through them (section 2.1, figure 1), and average pooling (an extension)."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf.backend.arrays import array_module
from npzf.geometry import Pair, Sides, check_places, output_sizes, pair, sides, window_counts
from npzf.ops.plain.convolution import col2im, im2col
from npzf.ops.switches import Switches


def max_pool(
    x: Any, window: int | Pair, stride: int | Pair, pad: int | Pair | Sides = 0, ceil: bool = False, record: bool = True
) -> tuple[Any, Switches | None]:
    """The largest value in each window of each map, and where it was.

    x (N, H, W, C) -> y (N, OH, OW, C), Switches (None unless record). Of equal values the first in raster order counts; a NaN is
    larger than everything, so that it is seen and not hidden. Padding is never a maximum: a switch lies in its window and in the
    image.
    """
    xp, size = array_module(x), x.shape[1:3]
    moves = pair(window), pair(stride), sides(pad)
    (kh, kw), (down, across), (top, _, left, _) = moves
    places = output_sizes(size, *moves, ceil)
    flat = (x.shape[0], *places, kh * kw, x.shape[3])
    values = im2col(x, *moves, places, outside=-np.inf).reshape(flat)
    y = values.max(3)
    if not record:
        return y, None
    inside = im2col(xp.ones_like(x), *moves, places).reshape(flat) > 0
    largest = y[:, :, :, None]
    element = (inside & ((values == largest) | (xp.isnan(values) & xp.isnan(largest)))).argmax(3)  # the first of the largest
    rows = xp.arange(places[0])[:, None, None] * down - top + element // kw
    columns = xp.arange(places[1])[:, None] * across - left + element % kw
    return y, Switches((rows * size[1] + columns).astype(np.int32), size, moves)


def unpool(y: Any, switches: Switches, overwrite: bool = False) -> Any:
    """Puts every value back in the place its maximum came from; zeros elsewhere.

    y (N, OH, OW, C) -> x (N, H, W, C). Where overlapping windows share a maximum the values add up, which makes this the exact
    adjoint of the pooling; with overwrite the last window in raster order wins. ValueError if the switches belong to another
    size.
    """
    switches.check(y)
    xp, (n, oh, ow, c) = array_module(y), y.shape
    x = xp.zeros((n, switches.size[0] * switches.size[1], c), y.dtype)
    image, maps = xp.arange(n)[:, None], xp.arange(c)
    for i in range(oh):
        for j in range(ow):  # one window at a time, in raster order: no two of its maps meet in one place
            place = image, switches.index[:, i, j], maps
            x[place] = y[:, i, j] if overwrite else x[place] + y[:, i, j]
    return x.reshape(n, *switches.size, c)


def unpool_region(values: Any, images: np.ndarray, rows: np.ndarray, columns: np.ndarray, switches: Switches) -> Any:
    """Unpooling of regions: every value to where its maximum was, relative to the region below.

    values (U, h, w, C) of the windows rows[u] + 0 .. h - 1 and columns[u] + 0 .. w - 1 of image images[u] -> (U, h', w', C),
    where h' = (h - 1) * stride + window, beginning at row rows[u] * stride - pad of the pooled layer's input; zero outside of
    the image. Windows that do not exist have no say.
    """
    xp, (units, h, w, c) = array_module(values), values.shape
    (kh, kw), (down, across), (top, _, left, _) = switches.moves
    x = xp.zeros((units, (h - 1) * down + kh, (w - 1) * across + kw, c), values.dtype)
    maps = xp.arange(c)
    for u in range(units):
        first_row, first_column = int(rows[u]) * down - top, int(columns[u]) * across - left
        for i in range(max(0, -int(rows[u])), min(h, switches.index.shape[1] - int(rows[u]))):
            for j in range(max(0, -int(columns[u])), min(w, switches.index.shape[2] - int(columns[u]))):
                index = switches.index[int(images[u]), int(rows[u]) + i, int(columns[u]) + j]
                row, column = index // switches.size[1] - first_row, index % switches.size[1] - first_column
                x[u, row, column, maps] = x[u, row, column, maps] + values[u, i, j]
    return x


def average_pool(
    x: Any,
    window: int | Pair,
    stride: int | Pair,
    pad: int | Pair | Sides = 0,
    ceil: bool = False,
    count_padding: bool = True,
) -> Any:
    """The mean of each window of each map: x (N, H, W, C) -> y (N, OH, OW, C).

    count_padding: whether zeros of the padding are counted (PyTorch's count_include_pad). What a window that hangs over the
    border (ceil) sees beyond the padding never is.
    """
    moves, size = (pair(window), pair(stride), sides(pad)), x.shape[1:3]
    places = output_sizes(size, *moves, ceil)
    return im2col(x, *moves, places).sum((3, 4)) / _counts(x, size, places, moves, count_padding)


def average_pool_transpose(
    y: Any,
    size: Pair,
    window: int | Pair,
    stride: int | Pair,
    pad: int | Pair | Sides = 0,
    count_padding: bool = True,
) -> Any:
    """The adjoint of average_pool: y (N, OH, OW, C), size (H, W) of x -> x (N, H, W, C); each pixel gets its share."""
    moves, places = (pair(window), pair(stride), sides(pad)), y.shape[1:3]
    check_places(size, places, *moves)
    share = y / _counts(y, size, places, moves, count_padding)
    columns = array_module(y).broadcast_to(share[:, :, :, None, None], (*y.shape[:3], *moves[0], y.shape[3]))
    return col2im(columns, size, *moves, places)


def _counts(like: Any, size: Pair, places: Pair, moves: tuple[Pair, Pair, Sides], count_padding: bool) -> Any:
    """What each place (OH, OW, 1) divides by, of the type of `like`."""
    counts = window_counts(size, places, *moves, count_padding)
    return array_module(like).asarray(counts[..., None].astype(like.dtype))
