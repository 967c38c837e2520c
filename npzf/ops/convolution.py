"""Convolution as a matrix product (section 3, figure 3), and its transpose, the deconvnet's filtering (section 2.1).

    columns = im2col(x)                             (N OH OW, KH KW C): one row for each place of the window
    convolve             y       = columns @ filters.T
    convolve_transpose   x       = col2im(y @ filters)
    filter_gradient      gweight = gy.T @ columns

with filters = weight.reshape(O, KH KW C). All three run over blocks of places small enough that a block's columns stay in
the cache: the columns of a whole batch (831 MB for ZFNet's conv2 and 128 images) never exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npzf.backend.threads import parallel_for
from npzf.geometry import output_size
from npzf.ops.twins import twin

SMALL = 10**6  # multiplications
BLOCK_BYTES = 4 << 20  # columns of one block; of the sizes that benchmarks/blocks.py tries 4 and 8 MB are the fastest


@dataclass(frozen=True)
class Window:
    """How a window moves over (H, W, C) images: its size, stride and pad, and the (OH, OW) places it takes."""

    height: int
    width: int
    stride: int
    pad: int
    rows: int
    columns: int

    @classmethod
    def over(cls, size: tuple[int, int], weight: np.ndarray, stride: int, pad: int, ceil: bool = False) -> Window:
        kh, kw = weight.shape[1:3]
        oh, ow = output_size(size[0], kh, stride, pad, ceil), output_size(size[1], kw, stride, pad, ceil)
        return cls(kh, kw, stride, pad, oh, ow)

    @classmethod
    def under(cls, size: tuple[int, int], places: tuple[int, int], weight: np.ndarray, stride: int, pad: int) -> Window:
        """The window that took these (OH, OW) places over images of this size; ValueError if it cannot have."""
        for side, window, count in zip(size, weight.shape[1:3], places, strict=True):
            expected = {output_size(side, window, stride, pad, ceil=True)}
            if side + 2 * pad >= window:
                expected.add(output_size(side, window, stride, pad))
            if count not in expected:
                either = " or ".join(map(str, sorted(expected)))
                raise ValueError(f"y has {tuple(places)} places, expected {either} along a side of {side} pixels")
        return cls(*weight.shape[1:3], stride, pad, *places)

    def span(self, rows: slice) -> tuple[int, int]:
        """First and last + 1 input row (with the padding above as negative ones) that these output rows see."""
        return rows.start * self.stride - self.pad, (rows.stop - 1) * self.stride - self.pad + self.height

    def right(self) -> int:
        """Last + 1 input column that the window sees."""
        return (self.columns - 1) * self.stride - self.pad + self.width

    def blocks(self, images: slice, maps: int, itemsize: int) -> Iterator[tuple[slice, slice]]:
        """(images, output rows) of blocks whose columns fill BLOCK_BYTES: several images, or several rows of one."""
        row_bytes = self.columns * self.height * self.width * maps * itemsize
        rows = max(1, min(self.rows, BLOCK_BYTES // row_bytes))
        together = max(1, BLOCK_BYTES // (row_bytes * self.rows)) if rows == self.rows else 1
        rows = -(-self.rows // -(-self.rows // rows))  # equal shares: no sliver at the end
        for n in range(images.start, images.stop, together):
            for i in range(0, self.rows, rows):
                yield slice(n, min(n + together, images.stop)), slice(i, min(i + rows, self.rows))

    def places(self, x: np.ndarray, rows: slice) -> np.ndarray:
        """A view of x (n, h, w, C), already padded, as (n, rows, OW, KH, KW, C): what the window sees at each place."""
        n, h, w, c = x.strides
        return as_strided(
            x,
            (x.shape[0], rows.stop - rows.start, self.columns, self.height, self.width, x.shape[3]),
            (n, h * self.stride, w * self.stride, h, w, c),
        )


def _inside(x: np.ndarray, window: Window, rows: slice) -> tuple[np.ndarray, tuple[slice, slice] | None]:
    """The rows of x that a block sees; with zeros around them where the window hangs over the border."""
    (top, bottom), (h, w) = window.span(rows), x.shape[1:3]
    right = window.right()
    if top >= 0 and bottom <= h and window.pad == 0 and right <= w:
        return x[:, top:bottom], None
    padded = np.zeros((x.shape[0], bottom - top, right + window.pad, x.shape[3]), x.dtype)
    first, last, end = max(top, 0), min(bottom, h), min(right, w)
    inner = (slice(first - top, last - top), slice(window.pad, window.pad + end))
    padded[:, *inner] = x[:, first:last, :end]
    return padded, inner


def im2col(x: np.ndarray, window: Window, rows: slice, out: np.ndarray | None = None) -> np.ndarray:
    """x (n, H, W, C) -> (n * rows * OW, KH * KW * C): one row for each place, in the order of a filter's numbers."""
    padded, _ = _inside(x, window, rows)
    places = window.places(padded, rows)
    shape = (int(np.prod(places.shape[:3])), int(np.prod(places.shape[3:])))
    out = np.empty(shape, x.dtype) if out is None else out.ravel()[: shape[0] * shape[1]].reshape(shape)
    np.copyto(out.reshape(places.shape), places)
    return out


def col2im(columns: np.ndarray, window: Window, rows: slice, x: np.ndarray) -> None:
    """The exact adjoint of im2col: adds every number of the columns to the place in x (n, H, W, C) it was taken from.

    One by one, and never as sums of a block: with blocks in falling order the same numbers meet in the same order, and so have
    the same bits, however the rows were divided.
    """
    padded, inner = _inside(x, window, rows)
    seen = columns.reshape(x.shape[0], rows.stop - rows.start, window.columns, window.height, window.width, x.shape[3])
    s = window.stride
    for kh in range(window.height):
        for kw in range(window.width):
            padded[:, kh : kh + s * seen.shape[1] : s, kw : kw + s * window.columns : s] += seen[:, :, :, kh, kw]
    if inner is not None:
        top, bottom = window.span(rows)
        x[:, max(top, 0) : min(bottom, x.shape[1]), : min(window.right(), x.shape[2])] = padded[:, *inner]


@twin
def convolve(x, weight, bias=None, *, stride=1, pad=0, groups=1, ceil=False, relu=False) -> np.ndarray:
    """y[n, i, j, o] = bias[o] + sum over kh, kw, c of weight[o, kh, kw, c] * x[n, i*s + kh - pad, j*s + kw - pad, c].

    x (N, H, W, C), weight (O, KH, KW, C / groups), bias (O,) -> y (N, OH, OW, O). Map o of group g sees the maps of group g
    alone. ceil: sizes are rounded up and the window hangs over the right and lower border, where it sees zeros. relu: negative y
    become 0 while they are still in the cache.
    """
    if x.shape[3] != weight.shape[3] * groups:
        raise ValueError(f"x has {x.shape[3]} maps, expected {weight.shape[3] * groups}: {groups} groups of the filters'")
    window = Window.over(x.shape[1:3], weight, stride, pad, ceil)
    y = np.empty((x.shape[0], window.rows, window.columns, weight.shape[0]), x.dtype)

    def some(images: slice) -> None:
        buffer = None
        for block, rows in window.blocks(images, weight.shape[3], x.itemsize):
            ys = y[block, rows].reshape(-1, weight.shape[0])
            for maps_in, maps_out in _groups(x.shape[3], weight.shape[0], groups):
                columns = im2col(x[block, ..., maps_in], window, rows, buffer)
                buffer = columns if buffer is None else buffer
                _product(columns, weight[maps_out].reshape(-1, columns.shape[1]).T, ys[:, maps_out])
            if bias is not None:
                ys += bias
            if relu:
                np.maximum(ys, 0, out=ys)

    parallel_for(some, x.shape[0])
    return y


@twin
def convolve_transpose(y, weight, size, *, stride=1, pad=0, groups=1) -> np.ndarray:
    """The adjoint of convolve: <convolve(x), y> = <x, convolve_transpose(y)>; data gradient and deconvnet filtering.

    y (N, OH, OW, O), weight (O, KH, KW, C / groups), size (H, W) of x -> x (N, H, W, C). Pixel i collects
    weight[kh] * y[(i + pad - kh) / s]: at stride 1 that is a convolution with "each filter flipped vertically and horizontally"
    (section 2.1), and faster than adding up columns; at other strides most of these divisions leave a remainder.
    """
    window = Window.under(size, y.shape[1:3], weight, stride, pad)
    if stride == 1 and window.height == window.width:
        return convolve(y, flipped(weight, groups), pad=window.height - 1 - pad, groups=groups)
    x = np.zeros((y.shape[0], *size, weight.shape[3] * groups), y.dtype)

    def some(images: slice) -> None:
        for block, rows in reversed(list(window.blocks(images, weight.shape[3], y.itemsize))):  # col2im says why
            ys = y[block, rows].reshape(-1, weight.shape[0])
            for maps_in, maps_out in _groups(x.shape[3], weight.shape[0], groups):
                filters = weight[maps_out].reshape(maps_out.stop - maps_out.start, -1)
                columns = np.empty((len(ys), filters.shape[1]), y.dtype)
                _product(ys[:, maps_out], filters, columns)
                col2im(columns, window, rows, x[block, ..., maps_in])

    parallel_for(some, y.shape[0])
    return x


def flipped(weight: np.ndarray, groups: int = 1) -> np.ndarray:
    """Filters (O, KH, KW, C / groups) turned by half a turn, with maps in and out exchanged: (C, KH, KW, O / groups)."""
    o, kh, kw, c = weight.shape
    turned = weight.reshape(groups, o // groups, kh, kw, c)[:, :, ::-1, ::-1]
    return np.ascontiguousarray(turned.transpose(0, 4, 2, 3, 1)).reshape(groups * c, kh, kw, o // groups)


@twin
def filter_gradient(x, gy, weight, *, stride=1, pad=0, groups=1) -> np.ndarray:
    """gweight[o, kh, kw, c] = sum over n, i, j of gy[n, i, j, o] * x[n, i*s + kh - pad, j*s + kw - pad, c]; as weight."""
    window = Window.under(x.shape[1:3], gy.shape[1:3], weight, stride, pad)

    def some(images: slice) -> np.ndarray:
        gweight, buffer = np.zeros((weight.shape[0], weight[0].size), x.dtype), None
        for block, rows in window.blocks(images, weight.shape[3], x.itemsize):
            gys = gy[block, rows].reshape(-1, weight.shape[0])
            for maps_in, maps_out in _groups(x.shape[3], weight.shape[0], groups):
                columns = im2col(x[block, ..., maps_in], window, rows, buffer)
                buffer = columns if buffer is None else buffer
                gweight[maps_out] += gys[:, maps_out].T @ columns
        return gweight

    return sum(parallel_for(some, x.shape[0])).reshape(weight.shape)


@twin
def bias_gradient(gy: np.ndarray) -> np.ndarray:
    """gbias[o] = sum over n, i, j of gy[n, i, j, o]; likewise for gy (N, O)."""
    return gy.sum(tuple(range(gy.ndim - 1)))


def _product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out = a @ b, with the bits that these rows would have among many others: no result depends on its batch or block.

    OpenBLAS adds up in another order in matrices of at most SMALL products, and in those of a single row.
    """
    enough = max(2, SMALL // b.size + 1)
    if len(a) >= enough:
        np.matmul(a, b, out=out)
    else:
        more = np.zeros((enough, a.shape[1]), a.dtype)
        more[: len(a)] = a
        out[...] = (more @ b)[: len(a)]


def _groups(maps_in: int, maps_out: int, groups: int) -> Iterator[tuple[slice, slice]]:
    """The maps that belong together: those of group g in the input, those of group g in the output."""
    a, b = maps_in // groups, maps_out // groups
    for g in range(groups):
        yield slice(g * a, (g + 1) * a), slice(g * b, (g + 1) * b)
