"""The poolings of ops/plain, an image at a time in each thread (section 2.1, figure 1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from npzf.backend.threads import each
from npzf.geometry import Pair, Sides, check_places, output_sizes, pair, sides, window_counts
from npzf.ops.switches import Switches


class Tap(NamedTuple):
    """One element (kh, kw) of the window: the output places at which it lies in the image, and the pixels that it sees there."""

    kh: int
    kw: int
    places: tuple[slice, slice]
    pixels: tuple[slice, slice]


def max_pool(
    x: np.ndarray,
    window: int | Pair,
    stride: int | Pair,
    pad: int | Pair | Sides = 0,
    ceil: bool = False,
    record: bool = True,
) -> tuple[np.ndarray, Switches | None]:
    """As ops/plain: a running maximum over the elements of the window, then the first element that equals it."""
    moves = pair(window), pair(stride), sides(pad)
    (n, h, w, c), ((_, _), (down, across), (top, _, left, _)) = x.shape, moves
    places = output_sizes((h, w), *moves, ceil)
    y = np.empty((n, *places, c), x.dtype)
    index = np.empty(y.shape, np.int32) if record else None
    taps = list(_taps((h, w), places, moves))
    element = np.array([0] + [tap.kh * w + tap.kw for tap in reversed(taps)], np.int32)
    corner = (np.arange(places[0])[:, None] * down - top) * w + np.arange(places[1]) * across - left

    def run(i: int) -> None:
        y[i] = -np.inf
        for tap in taps:
            np.maximum(y[i][tap.places], x[i][tap.pixels], out=y[i][tap.places])
        if index is not None:
            rank = _first_maximum(x[i], y[i], taps)
            np.add(element[rank], corner[:, :, None], out=index[i], casting="unsafe")

    each(run, n)
    return y, None if index is None else Switches(index, (h, w), moves)


def _taps(size: Pair, places: Pair, moves: tuple) -> Iterator[Tap]:
    """The elements of the window in raster order."""
    (kh, kw), (down, across), (top, _, left, _) = moves
    for i in range(kh):
        for j in range(kw):
            rows, columns = _reach(i, size[0], places[0], down, top), _reach(j, size[1], places[1], across, left)
            yield Tap(i, j, (rows[0], columns[0]), (rows[1], columns[1]))


def _reach(k: int, length: int, count: int, stride: int, pad: int) -> tuple[slice, slice]:
    """Along one side: the output places at which element k of the window lies inside the image, and the pixels it sees."""
    start = max(0, -((k - pad) // stride))
    stop = max(start, min(count, (length - 1 + pad - k) // stride + 1))
    pixel = start * stride + k - pad
    return slice(start, stop), slice(pixel, pixel + (stop - start) * stride, stride)


def _first_maximum(x: np.ndarray, y: np.ndarray, taps: list[Tap]) -> np.ndarray:
    """(OH, OW, C) uint8: len(taps) where the first element of the window is the maximum, ..., 1 where the last one is.

    The largest rank is the first in raster order, and a running maximum of small integers is far faster than a masked copy.
    """
    rank = np.zeros(y.shape, np.min_scalar_type(len(taps)))
    for r, tap in zip(range(len(taps), 0, -1), taps, strict=True):
        np.maximum(rank[tap.places], (x[tap.pixels] == y[tap.places]) * rank.dtype.type(r), out=rank[tap.places])
    if not rank.all():  # NaN equals nothing: in these windows look for the NaN itself
        for r, tap in zip(range(len(taps), 0, -1), taps, strict=True):
            np.maximum(rank[tap.places], np.isnan(x[tap.pixels]) * rank.dtype.type(r), out=rank[tap.places])
    return rank


def unpool(y: np.ndarray, switches: Switches, overwrite: bool = False) -> np.ndarray:
    """As ops/plain."""
    switches.check(y)
    n, _, _, c = y.shape
    x, maps = np.zeros((n, *switches.size, c), y.dtype), np.arange(c)

    def run(i: int) -> None:
        flat = (switches.index[i].astype(np.intp) * c + maps).ravel()
        if overwrite:
            x[i].reshape(-1)[flat] = y[i].ravel()
        else:
            np.add.at(x[i].reshape(-1), flat, y[i].ravel())

    each(run, n)
    return x


def unpool_region(
    values: np.ndarray, images: np.ndarray, rows: np.ndarray, columns: np.ndarray, switches: Switches
) -> np.ndarray:
    """As ops/plain."""
    (units, h, w, maps), index, width = values.shape, switches.index, switches.size[1]
    (kh, kw), (down, across), (top, _, left, _) = switches.moves
    high, wide = (h - 1) * down + kh, (w - 1) * across + kw
    x = np.zeros((units, high, wide, maps), values.dtype)

    def run(u: int) -> None:
        row, column = int(rows[u]), int(columns[u])
        own = slice(max(0, -row), min(h, index.shape[1] - row)), slice(max(0, -column), min(w, index.shape[2] - column))
        planes = slice(row + own[0].start, row + own[0].stop), slice(column + own[1].start, column + own[1].stop)
        place = index[images[u], *planes]
        in_region = (place // width - row * down + top) * wide + place % width - column * across + left
        flat = (in_region.astype(np.intp) * maps + np.arange(maps)).ravel()
        np.add.at(x[u].reshape(-1), flat, values[u][own].ravel())

    each(run, units)
    return x


def average_pool(
    x: np.ndarray,
    window: int | Pair,
    stride: int | Pair,
    pad: int | Pair | Sides = 0,
    ceil: bool = False,
    count_padding: bool = True,
) -> np.ndarray:
    """As ops/plain."""
    moves, size = (pair(window), pair(stride), sides(pad)), x.shape[1:3]
    places = output_sizes(size, *moves, ceil)
    y, taps = np.zeros((x.shape[0], *places, x.shape[3]), x.dtype), list(_taps(size, places, moves))
    counts = window_counts(size, places, *moves, count_padding)[..., None].astype(x.dtype)

    def run(i: int) -> None:
        for tap in taps:
            y[i][tap.places] += x[i][tap.pixels]
        y[i] /= counts

    each(run, x.shape[0])
    return y


def average_pool_transpose(
    y: np.ndarray,
    size: Pair,
    window: int | Pair,
    stride: int | Pair,
    pad: int | Pair | Sides = 0,
    count_padding: bool = True,
) -> np.ndarray:
    """As ops/plain."""
    moves, places = (pair(window), pair(stride), sides(pad)), y.shape[1:3]
    check_places(size, places, *moves)
    x, taps = np.zeros((y.shape[0], *size, y.shape[3]), y.dtype), list(_taps(size, places, moves))
    counts = window_counts(size, places, *moves, count_padding)[..., None].astype(y.dtype)

    def run(i: int) -> None:
        share = y[i] / counts
        for tap in taps:
            x[i][tap.pixels] += share[tap.places]

    each(run, y.shape[0])
    return x
