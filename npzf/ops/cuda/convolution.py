"""Convolution, its transpose and its filter gradient on the GPU (section 3, figure 3; section 2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from npzf import backend
from npzf.geometry import output_size
from npzf.ops.cuda import launching

LARGEST = 2**31 - 1  # numbers in one array that a kernel's ints can count
WORKSPACE = 256 << 20  # bytes that a filter gradient's partial sums may take


@dataclass(frozen=True)
class Geometry:
    """The struct of geometry.cuh, field by field."""

    n: int
    h: int
    w: int
    c: int
    oh: int
    ow: int
    o: int
    kh: int
    kw: int
    stride: int
    pad_h: int
    pad_w: int
    places: int
    maps: int
    outs: int
    depth: int
    yh: int
    yw: int
    step: int = 1
    row: int = 0
    column: int = 0

    @classmethod
    def of(cls, x: tuple, weight: tuple, places: tuple[int, int], stride: int, pad: int, groups: int) -> Geometry:
        """A convolution of x (N, H, W, C) with weight (O, KH, KW, C / groups) at (OH, OW) places."""
        o, kh, kw, _ = weight
        if max(prod(x), x[0] * prod(places) * o) > LARGEST:
            raise ValueError(f"{x[0]} images of {x[1:]} make more than {LARGEST} numbers: take a smaller batch")
        return cls(*x, *places, o, kh, kw, stride, pad, pad, *_counts(x, places, weight, groups), *places)


def _counts(x: tuple, places: tuple[int, int], weight: tuple, groups: int) -> tuple[int, int, int, int]:
    """places, maps, outs and depth of the struct."""
    return x[0] * prod(places), weight[3], weight[0] // groups, prod(weight[1:])


def convolve(x, weight, bias=None, *, stride=1, pad=0, groups=1, ceil=False, relu=False, precision=None) -> Any:
    places = tuple(output_size(x.shape[1 + a], weight.shape[1 + a], stride, pad, ceil) for a in (0, 1))
    g = Geometry.of(x.shape, weight.shape, places, stride, pad, groups)
    y = backend.empty((x.shape[0], *places, weight.shape[0]), x.dtype)
    _convolve(x, weight, bias, y, g, groups, relu, precision)
    return y


def convolve_transpose(y, weight, size, *, stride=1, pad=0, groups=1, precision=None) -> Any:
    """A convolution of y with the flipped filters, for each of the stride * stride classes of x's pixels."""
    (n, oh, ow, o), (_, kh, kw, maps) = y.shape, weight.shape
    x = backend.empty((n, *size, maps * groups), y.dtype)
    Geometry.of(x.shape, weight.shape, (oh, ow), stride, pad, groups)  # for its check
    if stride > min(kh, kw):
        x.fill(0)  # no window reaches some of the pixels
    for row, rows, top, first_h, taps_h in _classes(size[0], kh, stride, pad):
        for column, columns, left, first_w, taps_w in _classes(size[1], kw, stride, pad):
            flipped = backend.empty((maps * groups, taps_h, taps_w, o // groups), y.dtype)
            sizes = (o, kh, kw, maps, groups, first_h, first_w, stride, taps_h, taps_w)
            if not flipped.size:
                continue
            launching.elementwise("flip_filters.cu", "flip_filters", y.dtype, flipped.size, weight, flipped, *sizes)
            counts = _counts(y.shape, (rows, columns), flipped.shape, groups)
            window = (rows, columns, maps * groups, taps_h, taps_w, 1, top, left)
            g = Geometry(*y.shape, *window, *counts, *size, stride, row, column)
            _convolve(y, flipped, None, x, g, groups, False, precision)
    return x


def _classes(size: int, window: int, stride: int, pad: int) -> Iterator[tuple[int, int, int, int, int]]:
    """For the pixels first, first + stride, ...: (first, how many, pad of their convolution, their first tap, taps)."""
    for first in range(min(stride, size)):
        tap, before = (first + pad) % stride, (first + pad) // stride
        taps = max(0, -(-(window - tap) // stride))
        yield first, -(-(size - first) // stride), taps - 1 - before, tap, taps


def _convolve(x: Any, weight: Any, bias: Any, y: Any, g: Geometry, groups: int, relu: bool, precision: str | None) -> None:
    places, outs, dtype = g.places, g.outs, x.dtype
    lanes, kind = launching.vector_width(g.maps, dtype, x, weight), backend.c_type(dtype)
    arguments, shared = (x, weight, bias, y, vars(g), int(relu)), outs * g.depth * dtype.itemsize
    if outs <= 4 and shared <= 96 * 1024:
        instance, grid = f"convolve_narrow<{kind}, {outs}, {lanes}>", (-(-places // 128), groups)
        backend.launch("convolve_narrow.cu", instance, grid, (128,), *arguments, shared=shared)
    elif (precision or backend.precision()) == "tf32" and dtype == "float32":
        wide = _tile(outs, (128, 96, 64))
        warp = {128: (64, 32), 96: (32, 48), 64: (32, 32)}[wide]
        instance = f"convolve_tf32<128, {wide}, 16, {warp[0]}, {warp[1]}, 4, {lanes}>"
        grid, threads = (-(-places // 128) * -(-outs // wide), groups), 128 // warp[0] * (wide // warp[1]) * 32
        backend.launch("convolve_tf32.cu", instance, grid, (threads,), *arguments, shared=4 * (128 + wide) * 20 * 4)
    elif dtype == "float32":
        wide = _tile(outs, (128, 96, 64))
        instance = f"convolve<float, 128, {wide}, {16 if lanes == 4 else 8}, 8, 8, {lanes}>"
        grid = (-(-places // 128) * -(-outs // wide), groups)
        backend.launch("convolve.cu", instance, grid, (16 * wide // 8,), *arguments)
    else:
        grid = (-(-places // 64) * -(-outs // 64), groups)
        backend.launch("convolve.cu", f"convolve<double, 64, 64, 8, 4, 4, {lanes}>", grid, (256,), *arguments)


def _tile(length: int, widths: tuple[int, ...]) -> int:
    """The tile width that wastes least; of equal ones the first."""
    return min(widths, key=lambda wide: -(-length // wide) * wide)


def filter_gradient(x, gy, weight, *, stride=1, pad=0, groups=1, precision=None) -> Any:
    g = Geometry.of(x.shape, weight.shape, gy.shape[1:3], stride, pad, groups)
    outs, depth = g.outs, g.depth
    packs = launching.vector_width(outs, x.dtype, gy), launching.vector_width(g.maps, x.dtype, x)
    if x.dtype == "float64":
        high, wide, slice_, threads, shared = 64, 64, 8, 256, 0
        file, instance = "filter_gradient.cu", f"filter_gradient<double, 64, 64, 8, 4, 4, {packs[0]}, {packs[1]}>"
    else:
        high, slice_ = _tile(outs, (128, 96, 64)), 16 if packs == (4, 4) else 8
        wide = 96 if packs == (4, 4) else 64
        if (precision or backend.precision()) == "tf32":
            slice_, shared = 16, 4 * 16 * (high + wide + 16) * 4
            warp = {128: (64, 32), 96: (48, 32), 64: (32, 32)}[high]
            threads = high // warp[0] * (wide // warp[1]) * 32
            file = "filter_gradient_tf32.cu"
            instance = f"filter_gradient_tf32<{high}, {wide}, 16, {warp[0]}, {warp[1]}, 4, {packs[0]}, {packs[1]}>"
        else:
            threads, shared, file = high * wide // 64, 0, "filter_gradient.cu"
            instance = f"filter_gradient<float, {high}, {wide}, {slice_}, 8, 8, {packs[0]}, {packs[1]}>"
    tiles, places = -(-outs // high) * -(-depth // wide), g.places
    most = max(1, min(WORKSPACE // (prod(weight.shape) * x.dtype.itemsize), -(-places // (4 * slice_))))
    splits = min(most, -(-4 * backend.device().processors // (tiles * groups)))
    each = -(-places // splits // slice_) * slice_ or slice_
    splits = -(-places // each)
    partial = backend.empty((splits, *weight.shape), x.dtype)
    grid = (tiles, groups, splits)
    backend.launch(file, instance, grid, (threads,), x, gy, partial, vars(g), each, shared=shared)
    return partial[0] if splits == 1 else launching.reduce_splits(partial, weight.shape)


def bias_gradient(gy: Any) -> Any:
    return launching.sum_rows(gy)


def im2col(x, weight_shape, *, stride=1, pad=0, groups=1, group=0, ceil=False) -> Any:
    """x (N, H, W, C) -> (N * OH * OW, KH * KW * C / groups) of one group's maps."""
    places = tuple(output_size(x.shape[1 + a], weight_shape[1 + a], stride, pad, ceil) for a in (0, 1))
    g = Geometry.of(x.shape, weight_shape, places, stride, pad, groups)
    columns = backend.empty((x.shape[0] * prod(places), prod(weight_shape[1:])), x.dtype)
    launching.elementwise("im2col.cu", "im2col", x.dtype, columns.size, x, columns, vars(g), group)
    return columns


def col2im(columns, shape, weight_shape, places, x, *, stride=1, pad=0, groups=1, group=0) -> None:
    """The adjoint: writes one group's maps of x (N, H, W, C)."""
    g = Geometry.of(shape, weight_shape, places, stride, pad, groups)
    count = prod(shape) // groups
    launching.elementwise("im2col.cu", "col2im", columns.dtype, count, columns, x, vars(g), group)
