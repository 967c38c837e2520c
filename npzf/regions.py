"""Computing only what matters (section 2.1, figure 7): a unit's region on the way down, an occluder's on the way up.

A unit sees its receptive field alone, and a square hides a few pixels: in every layer only a rectangle of the maps matters. Down,
it holds a signal that is zero elsewhere; up, it holds activations that elsewhere are those of a known image, the base.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npzf.backend.arrays import array_module
from npzf.geometry import Pair, Sides, pair, sides


@dataclass(frozen=True)
class Region:
    """Rectangles of a layer's maps, one for each of U units or images, all of one size.

    values (U, h, w, C); images (U,): which image of the pass each belongs to; rows, columns (U,): the place of values[:, 0, 0] in
    the maps. Going down a rectangle may hang over the border, where its values are zero.
    """

    values: Any
    images: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def of_units(cls, y: Any, images: np.ndarray, maps: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Region:
        """Units (map, row, column) of images of y (N, H, W, C), each with its own value and all others zero."""
        xp = array_module(y)
        index = [xp.asarray(part) for part in (images, rows, columns, maps)]
        values = xp.zeros((len(images), 1, 1, y.shape[3]), y.dtype)
        values[xp.arange(len(images)), 0, 0, index[3]] = y[tuple(index)]
        return cls(values, images, rows, columns)

    # Down: zero elsewhere

    def to_input(self, values: Any, stride: int | Pair, pad: int | Pair | Sides, size: Pair) -> Region:
        """These values one layer down, where a window of this stride and pad has moved over maps of this (H, W)."""
        (down, across), (top, _, left, _) = pair(stride), sides(pad)
        rows, columns = self.rows * down - top, self.columns * across - left
        inside = [
            (first[:, None] + np.arange(values.shape[axis]) >= 0) & (first[:, None] + np.arange(values.shape[axis]) < side)
            for axis, first, side in ((1, rows, size[0]), (2, columns, size[1]))
        ]
        if not all(axis.all() for axis in inside):
            mask = (inside[0][:, :, None] & inside[1][:, None])[..., None]
            values *= array_module(values).asarray(mask)
        return Region(values, self.images, rows, columns)

    def __add__(self, other: Region) -> Region:
        """The sum of what two branches hand down: on the rectangle that holds both."""
        both = (self, other)
        (top, height), (left, width) = _union(both)
        values = array_module(self.values).zeros((len(top), height, width, self.values.shape[3]), self.values.dtype)
        for region in both:
            i, j = int(region.rows[0] - top[0]), int(region.columns[0] - left[0])  # the same for all: branches have one stride
            values[:, i : i + region.values.shape[1], j : j + region.values.shape[2]] += region.values
        return Region(values, self.images, top, left)

    # Up: as the base elsewhere

    def read(self, base: Any, rows: np.ndarray, columns: np.ndarray, size: Pair) -> Any:
        """Other windows (U, *size, C) of the same planes, which outside of this region are like base (N, H, W, C)."""
        windows = array_module(base).empty((len(rows), *size, base.shape[3]), base.dtype)
        height, width = self.values.shape[1:3]
        corners = (self.images, rows, columns, self.rows, self.columns)
        for u, (n, row, column, top, left) in enumerate(zip(*(corner.tolist() for corner in corners), strict=True)):
            windows[u] = base[n, row : row + size[0], column : column + size[1]]
            first, last = max(row, top), min(row + size[0], top + height)
            begin, end = max(column, left), min(column + size[1], left + width)
            if first < last and begin < end:
                own = self.values[u, first - top : last - top, begin - left : end - left]
                windows[u, first - row : last - row, begin - column : end - column] = own
        return windows

    def whole(self, base: Any) -> Any:
        """All of the planes, (U, H, W, C)."""
        nowhere = np.zeros(len(self.rows), int)
        return self.read(base, nowhere, nowhere, base.shape[1:3])

    def windows(
        self, base: Any, places: Pair, window: Pair, stride: Pair, pad: Sides, outside: float = 0.0
    ) -> tuple[Any, np.ndarray, np.ndarray]:
        """What a layer's window sees wherever it sees this region: padded input (U, h, w, C), and the first places (U,).

        base (N, H, W, C): the layer's input without the change; places: its (OH, OW); outside: what padding holds.
        """
        top, _, left, _ = pad
        rows, height = _reach(self.rows, self.values.shape[1], places[0], window[0], stride[0], top)
        columns, width = _reach(self.columns, self.values.shape[2], places[1], window[1], stride[1], left)
        reach = [(n - 1) * s + k for n, s, k in zip(places, stride, window, strict=True)]
        below, behind = (max(0, r - p - side) for r, p, side in zip(reach, (top, left), base.shape[1:3], strict=True))
        padded = array_module(base).pad(base, [(0, 0), (top, below), (left, behind), (0, 0)], constant_values=outside)
        in_padding = replace(self, rows=self.rows + top, columns=self.columns + left)
        size = ((height - 1) * stride[0] + window[0], (width - 1) * stride[1] + window[1])
        return in_padding.read(padded, rows * stride[0], columns * stride[1], size), rows, columns


def join(regions: Sequence[Region], bases: Sequence[Any]) -> tuple[list[Any], np.ndarray, np.ndarray]:
    """The same windows of several branches, each large enough for what has changed in any of them; and where they begin."""
    corners = []
    for axis, (first, size) in enumerate(_union(regions), 1):
        corners.append((np.minimum(first, bases[0].shape[axis] - size), size))
    (rows, height), (columns, width) = corners
    windows = [region.read(base, rows, columns, (height, width)) for region, base in zip(regions, bases, strict=True)]
    return windows, rows, columns


def _union(regions: Sequence[Region]) -> list[tuple[np.ndarray, int]]:
    """Along rows and columns: where rectangles that hold all of these begin (U,), and their size, the same for all U."""
    corners = []
    for axis, name in ((1, "rows"), (2, "columns")):
        firsts = [getattr(region, name) for region in regions]
        begin = np.min(firsts, axis=0)
        ends = [first + region.values.shape[axis] for first, region in zip(firsts, regions, strict=True)]
        corners.append((begin, int((np.max(ends, axis=0) - begin).max())))
    return corners


def _reach(first: np.ndarray, size: int, places: int, window: int, stride: int, pad: int) -> tuple[np.ndarray, int]:
    """Along one side: the first of the places that see inputs first to first + size - 1, and how many these are at most."""
    count = min(places, (size + window - 2) // stride + 1)
    lowest = -(-(first - window + 1 + pad) // stride)
    return np.clip(lowest, 0, places - count), count
