"""Single units projected within their receptive field alone (section 2.1): the work grows with the field, not with the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npzf.backend.threads import parallel_for


@dataclass(frozen=True)
class Part:
    """The signals of some units on the rectangles of a layer's maps that they can have reached; zero everywhere else.

    values (U, h, w, C); images (U,): which image each unit belongs to; rows, columns (U,): the place of values[:, 0, 0] in
    the maps, negative where the rectangle hangs over the border; there, too, values are zero.
    """

    values: np.ndarray
    images: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def units(cls, y: np.ndarray, images: np.ndarray, maps: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Part:
        """Units (map, row, column) of images of y (N, H, W, C), each with its own value and all others zero."""
        values = np.zeros((len(images), 1, 1, y.shape[3]), y.dtype)
        values[np.arange(len(images)), 0, 0, maps] = y[images, rows, columns, maps]
        return cls(values, images, rows, columns)

    def below(self, values: np.ndarray, stride: int, pad: int, size: tuple[int, int]) -> Part:
        """These values one layer down, where a window of this stride and pad has moved over maps of this (H, W)."""
        rows, columns = self.rows * stride - pad, self.columns * stride - pad
        for axis, first, side in ((1, rows, size[0]), (2, columns, size[1])):
            place = first[:, None] + np.arange(values.shape[axis])
            outside = (place < 0) | (place >= side)
            if outside.any():
                values.swapaxes(1, axis)[outside] = 0
        return Part(values, self.images, rows, columns)

    def __add__(self, other: Part) -> Part:
        """The sum of what two branches hand down: on the rectangle that holds both."""
        top, left = np.minimum(self.rows, other.rows), np.minimum(self.columns, other.columns)
        ends = [(p.rows[0] - top[0] + p.values.shape[1], p.columns[0] - left[0] + p.values.shape[2]) for p in (self, other)]
        values = np.zeros((len(top), *np.max(ends, axis=0), self.values.shape[3]), self.values.dtype)
        for p, (bottom, right) in zip((self, other), ends, strict=True):
            values[:, p.rows[0] - top[0] : bottom, p.columns[0] - left[0] : right] += p.values
        return Part(values, self.images, top, left)


def unpool(part: Part, index: np.ndarray, size: tuple[int, int], window: int, stride: int, pad: int) -> Part:
    """Unpooling through switches index (N, OH, OW, C) into maps of this (H, W): every value to where its maximum was."""
    units, *sides, maps = part.values.shape
    high, wide = ((side - 1) * stride + window for side in sides)
    values = np.zeros((units, high, wide, maps), part.values.dtype)

    def some(these: slice) -> None:
        for u in range(these.start, these.stop):
            top, left = int(part.rows[u]), int(part.columns[u])
            inside = [slice(max(0, -a), min(n, b - a)) for a, n, b in zip((top, left), sides, index.shape[1:3], strict=True)]
            places = [slice(a + s.start, a + s.stop) for a, s in zip((top, left), inside, strict=True)]
            place = index[part.images[u], places[0], places[1]]
            row = place // size[1]
            here = row * (wide - size[1]) + place - ((top * stride - pad) * wide + left * stride - pad)
            flat = (here.astype(np.intp) * maps + np.arange(maps)).ravel()
            np.add.at(values[u].reshape(-1), flat, part.values[u, inside[0], inside[1]].ravel())

    parallel_for(some, units)
    return part.below(values, stride, pad, size)
