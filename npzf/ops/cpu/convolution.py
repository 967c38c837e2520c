"""The convolutions of ops/plain in blocks and threads (section 3, figure 3).

All three run over blocks of places small enough that a block's columns stay in the cache: the columns of a whole batch (831 MB
for ZFNet's conv2 and 128 images) never exist. Each thread takes a share of the images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npzf.backend.threads import parallel_for
from npzf.geometry import Pair, Sides, check_places, output_sizes, pair, sides
from npzf.ops.plain.convolution import check_maps

BLOCK_BYTES = 4 << 20  # columns of one block; of the sizes that benchmarks/blocks.py tries 4 and 8 MB are the fastest


@dataclass(frozen=True)
class Window:
    """How a window moves over (H, W, C) images: its size, stride and padding, and the (OH, OW) places that it takes."""

    size: Pair
    stride: Pair
    pad: Sides
    places: Pair

    def input_rows(self, rows: slice) -> tuple[int, int]:
        """First and last + 1 input row (with the padding above as negative ones) that these output rows see."""
        first = rows.start * self.stride[0] - self.pad[0]
        return first, first + (rows.stop - 1 - rows.start) * self.stride[0] + self.size[0]

    def last_column(self) -> int:
        """Last + 1 input column that the window sees."""
        return (self.places[1] - 1) * self.stride[1] - self.pad[2] + self.size[1]

    def row_blocks(self, images: slice, maps: int, itemsize: int) -> Iterator[tuple[slice, slice]]:
        """(images, output rows) of blocks whose columns fill BLOCK_BYTES: several images, or several rows of one."""
        height = self.places[0]
        row_bytes = self.places[1] * self.size[0] * self.size[1] * maps * itemsize
        rows = max(1, min(height, BLOCK_BYTES // row_bytes))
        together = max(1, BLOCK_BYTES // (row_bytes * height)) if rows == height else 1
        rows = -(-height // -(-height // rows))  # equal shares: no sliver at the end
        for n in range(images.start, images.stop, together):
            for i in range(0, height, rows):
                yield slice(n, min(n + together, images.stop)), slice(i, min(i + rows, height))

    def patches(self, x: np.ndarray, rows: slice) -> np.ndarray:
        """A view of x (n, h, w, C), already padded, as (n, rows, OW, KH, KW, C): what the window sees at each place."""
        n, h, w, c = x.strides
        (kh, kw), (down, across) = self.size, self.stride
        shape = (x.shape[0], rows.stop - rows.start, self.places[1], kh, kw, x.shape[3])
        return as_strided(x, shape, (n, h * down, w * across, h, w, c))


def im2col(x: np.ndarray, window: Window, rows: slice, out: np.ndarray | None = None) -> np.ndarray:
    """x (n, H, W, C) -> (n * rows * OW, KH * KW * C): one row for each place, in the order of a filter's numbers."""
    padded, _ = _padded(x, window, rows)
    patches = window.patches(padded, rows)
    shape = (int(np.prod(patches.shape[:3])), int(np.prod(patches.shape[3:])))
    out = np.empty(shape, x.dtype) if out is None else out.ravel()[: shape[0] * shape[1]].reshape(shape)
    np.copyto(out.reshape(patches.shape), patches)
    return out


def col2im(columns: np.ndarray, window: Window, rows: slice, x: np.ndarray) -> None:
    """The exact adjoint of im2col: adds every number of the columns to the pixel of x (n, H, W, C) that it was taken from.

    Accumulates in a fixed order (blocks last to first), so results are independent of the block size but for the products.
    """
    padded, inner = _padded(x, window, rows)
    (kh, kw), (down, across), ow = window.size, window.stride, window.places[1]
    patches = columns.reshape(x.shape[0], rows.stop - rows.start, ow, kh, kw, x.shape[3])
    for i in range(kh):
        for j in range(kw):
            padded[:, i : i + down * patches.shape[1] : down, j : j + across * ow : across] += patches[:, :, :, i, j]
    if inner is not None:
        top, bottom = window.input_rows(rows)
        x[:, max(top, 0) : min(bottom, x.shape[1]), : min(window.last_column(), x.shape[2])] = padded[:, *inner]


def convolve(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    stride: int | Pair = 1,
    pad: int | Pair | Sides = 0,
    groups: int = 1,
    ceil: bool = False,
    relu: bool = False,
) -> np.ndarray:
    """As ops/plain; bias and relu are applied to a block while it is still in the cache."""
    check_maps(x, weight, groups)
    kernel, stride, pad = weight.shape[1:3], pair(stride), sides(pad)
    window = Window(kernel, stride, pad, output_sizes(x.shape[1:3], kernel, stride, pad, ceil))
    y = np.empty((x.shape[0], *window.places, weight.shape[0]), x.dtype)

    def run(images: slice) -> None:
        buffer = None
        for block, rows in window.row_blocks(images, weight.shape[3], x.itemsize):
            ys = y[block, rows].reshape(-1, weight.shape[0])
            for maps_in, maps_out in _groups(x.shape[3], weight.shape[0], groups):
                columns = im2col(x[block, ..., maps_in], window, rows, buffer)
                buffer = columns if buffer is None else buffer
                np.matmul(columns, weight[maps_out].reshape(-1, columns.shape[1]).T, out=ys[:, maps_out])
            if bias is not None:
                ys += bias
            if relu:
                np.maximum(ys, 0, out=ys)

    parallel_for(run, x.shape[0])
    return y


def convolve_transpose(
    y: np.ndarray, weight: np.ndarray, size: Pair, *, stride: int | Pair = 1, pad: int | Pair | Sides = 0, groups: int = 1
) -> np.ndarray:
    """As ops/plain; at stride 1 as the convolution with flipped filters, which is faster than adding up columns.

    Pixel i collects weight[kh] * y[(i + pad - kh) / s]; at other strides most of these divisions leave a remainder.
    """
    kernel, stride, pad = weight.shape[1:3], pair(stride), sides(pad)
    check_places(size, y.shape[1:3], kernel, stride, pad)
    if stride == (1, 1):
        rest = tuple(k - 1 - p for k, p in zip((kernel[0], kernel[0], kernel[1], kernel[1]), pad, strict=True))
        return convolve(y, flip_filters(weight, groups), pad=rest, groups=groups)
    window = Window(kernel, stride, pad, y.shape[1:3])
    x = np.zeros((y.shape[0], *size, weight.shape[3] * groups), y.dtype)

    def run(images: slice) -> None:
        for block, rows in window.row_blocks(images, weight.shape[3], y.itemsize):
            ys = y[block, rows].reshape(-1, weight.shape[0])
            for maps_in, maps_out in _groups(x.shape[3], weight.shape[0], groups):
                filters = weight[maps_out].reshape(maps_out.stop - maps_out.start, -1)
                col2im(ys[:, maps_out] @ filters, window, rows, x[block, ..., maps_in])

    parallel_for(run, y.shape[0])
    return x


def flip_filters(weight: np.ndarray, groups: int = 1) -> np.ndarray:
    """Filters (O, KH, KW, C / groups) turned by half a turn, with maps in and out exchanged: (C, KH, KW, O / groups)."""
    o, kh, kw, c = weight.shape
    turned = weight.reshape(groups, o // groups, kh, kw, c)[:, :, ::-1, ::-1]
    return np.ascontiguousarray(turned.transpose(0, 4, 2, 3, 1)).reshape(groups * c, kh, kw, o // groups)


def filter_gradient(
    x: np.ndarray, gy: np.ndarray, weight: np.ndarray, *, stride: int | Pair = 1, pad: int | Pair | Sides = 0, groups: int = 1
) -> np.ndarray:
    """As ops/plain; each thread sums over its images, then the threads' sums are added in their order."""
    kernel, stride, pad = weight.shape[1:3], pair(stride), sides(pad)
    check_places(x.shape[1:3], gy.shape[1:3], kernel, stride, pad)
    window = Window(kernel, stride, pad, gy.shape[1:3])

    def run(images: slice) -> np.ndarray:
        gweight, buffer = np.zeros((weight.shape[0], weight[0].size), x.dtype), None
        for block, rows in window.row_blocks(images, weight.shape[3], x.itemsize):
            gys = gy[block, rows].reshape(-1, weight.shape[0])
            for maps_in, maps_out in _groups(x.shape[3], weight.shape[0], groups):
                columns = im2col(x[block, ..., maps_in], window, rows, buffer)
                buffer = columns if buffer is None else buffer
                gweight[maps_out] += gys[:, maps_out].T @ columns
        return gweight

    first, *others = parallel_for(run, x.shape[0])
    return sum(others, start=first).reshape(weight.shape)


def _padded(x: np.ndarray, window: Window, rows: slice) -> tuple[np.ndarray, tuple[slice, slice] | None]:
    """The rows of x that a block sees, and where x lies in them: with zeros around it where the window hangs over the border."""
    (top, bottom), (h, w) = window.input_rows(rows), x.shape[1:3]
    left, right = window.pad[2], window.last_column()
    if top >= 0 and bottom <= h and left == 0 and right <= w:
        return x[:, top:bottom], None
    padded = np.zeros((x.shape[0], bottom - top, left + right, x.shape[3]), x.dtype)
    first, last, end = max(top, 0), min(bottom, h), min(right, w)
    inner = (slice(first - top, last - top), slice(left, left + end))
    padded[:, *inner] = x[:, first:last, :end]
    return padded, inner


def _groups(maps_in: int, maps_out: int, groups: int) -> Iterator[tuple[slice, slice]]:
    """The maps that belong together: those of group g in the input, those of group g in the output."""
    a, b = maps_in // groups, maps_out // groups
    for g in range(groups):
        yield slice(g * a, (g + 1) * a), slice(g * b, (g + 1) * b)
