"""The convolution, its transpose and its filter gradient as kernels (sections 2.1 and 3); ops/plain has the formulas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from npzf import backend
from npzf.geometry import Pair, Sides, check_places, output_sizes, pair, sides
from npzf.ops.cuda import launching
from npzf.ops.cuda.tiles import convolution_tile, filter_gradient_tile
from npzf.ops.plain.convolution import check_maps

NARROW = 4  # the most maps out of a group for convolve_narrow.cu, where a thread computes them all
NARROW_SHARED = 96 * 1024  # bytes of shared memory that its filters may take
NARROW_THREADS = 128
WORKSPACE = 256 << 20  # bytes that a filter gradient's partial sums may take


def convolve(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Pair = 1,
    pad: int | Pair | Sides = 0,
    groups: int = 1,
    ceil: bool = False,
    relu: bool = False,
    precision: str = "fp32",
) -> Any:
    """An implicit matrix product; bias and relu are applied on the way out."""
    g, y = _forward(x, weight, stride, pad, groups, ceil)
    _convolve(x, weight, bias, y, g, groups, relu, precision)
    return y


def convolve_naive(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Pair = 1,
    pad: int | Pair | Sides = 0,
    groups: int = 1,
    ceil: bool = False,
    relu: bool = False,
) -> Any:
    """The first rung of the ladder in kernels/README.md: one thread an output; what the other kernels are compared with."""
    g, y = _forward(x, weight, stride, pad, groups, ceil)
    grid, kernel = (-(-y.size // launching.THREADS),), f"convolve_naive<{backend.c_type(x.dtype)}>"
    backend.launch("convolve_naive.cu", kernel, grid, (launching.THREADS,), x, weight, bias, y, g, int(relu))
    return y


def _forward(x: Any, weight: Any, stride: Any, pad: Any, groups: int, ceil: bool) -> tuple[dict[str, int], Any]:
    """The geometry of a convolution, and its output, still without values."""
    check_maps(x, weight, groups)
    window, stride, pad = weight.shape[1:3], pair(stride), sides(pad)
    places = output_sizes(x.shape[1:3], window, stride, pad, ceil)
    launching.check_numbers(x.shape, weight.shape, (x.shape[0], *places, weight.shape[0]))
    y = backend.empty((x.shape[0], *places, weight.shape[0]), x.dtype)
    return geometry(x.shape, weight.shape, places, stride, pad, groups), y


def geometry(
    x: tuple[int, ...],
    weight: tuple[int, ...],
    places: Pair,
    stride: Pair,
    pad: tuple[int, ...],
    groups: int,
    *,
    y: Pair | None = None,
    step: Pair = (1, 1),
    first: Pair = (0, 0),
) -> dict[str, int]:
    """The struct Geometry of geometry.cuh, from the shapes of x and weight.

    y: the size of the images written to, of which position (i, j) is pixel first + (i, j) * step; (OH, OW) if there is none.
    """
    (n, h, w, c), (o, kh, kw, maps), (oh, ow), (yh, yw) = x, weight, places, y or places
    window = {"kh": kh, "kw": kw, "stride_h": stride[0], "stride_w": stride[1], "pad_top": pad[0], "pad_left": pad[2]}
    product = {"positions": n * oh * ow, "maps": maps, "group_out": o // groups, "k_total": kh * kw * maps}
    to = {"yh": yh, "yw": yw, "step_h": step[0], "step_w": step[1], "row": first[0], "column": first[1]}
    return {"n": n, "h": h, "w": w, "c": c, "oh": oh, "ow": ow, "o": o} | window | product | to


def convolve_transpose(
    y: Any,
    weight: Any,
    size: Pair,
    *,
    stride: int | Pair = 1,
    pad: int | Pair | Sides = 0,
    groups: int = 1,
    precision: str = "fp32",
) -> Any:
    """A convolution of y with the flipped filters, for each of the stride_h * stride_w classes of x's pixels."""
    (n, oh, ow, o), (_, kh, kw, maps) = y.shape, weight.shape
    (stride_h, stride_w), (top, _, left, _) = pair(stride), sides(pad)
    check_places(size, (oh, ow), (kh, kw), (stride_h, stride_w), sides(pad))
    launching.check_numbers(y.shape, weight.shape, (n, *size, maps * groups))
    x = backend.empty((n, *size, maps * groups), y.dtype)
    if stride_h > kh or stride_w > kw:
        x.fill(0)  # no window reaches some of the pixels
    for row, rows, pad_top, first_h, taps_h in _classes(size[0], kh, stride_h, top):
        for column, columns, pad_left, first_w, taps_w in _classes(size[1], kw, stride_w, left):
            flipped = backend.empty((maps * groups, taps_h, taps_w, o // groups), y.dtype)
            if not flipped.size:
                continue
            sizes = (groups, o // groups, kh, kw, maps, first_h, first_w, stride_h, stride_w, taps_h, taps_w)
            launching.elementwise("flip_filters.cu", "flip_filters", y.dtype, flipped.size, weight, flipped, *sizes)
            where = {"y": size, "step": (stride_h, stride_w), "first": (row, column)}
            pads = (pad_top, 0, pad_left, 0)
            g = geometry(y.shape, flipped.shape, (rows, columns), (1, 1), pads, groups, **where)
            _convolve(y, flipped, None, x, g, groups, False, precision)
    return x


def _classes(size: int, window: int, stride: int, pad: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Along one side, for pixels first, first + stride, ...: (first, how many, pad of their convolution, first tap, taps)."""
    for first in range(min(stride, size)):
        tap, before = (first + pad) % stride, (first + pad) // stride
        taps = max(0, -(-(window - tap) // stride))
        yield first, -(-(size - first) // stride), taps - 1 - before, tap, taps


def _convolve(x: Any, weight: Any, bias: Any, y: Any, g: dict[str, int], groups: int, relu: bool, precision: str) -> None:
    """Chooses the kernel and the tile for the matrix product of geometry.cuh."""
    backend.check_precision(precision)
    positions, group_out, kind = g["positions"], g["group_out"], backend.c_type(x.dtype)
    vec = launching.vector_width(g["maps"], x.dtype, x, weight)
    arguments, filter_bytes = (x, weight, bias, y, g, int(relu)), group_out * g["k_total"] * x.dtype.itemsize
    if group_out <= NARROW and filter_bytes <= NARROW_SHARED:
        kernel, grid = f"convolve_narrow<{kind}, {group_out}, {vec}>", (-(-positions // NARROW_THREADS), groups)
        backend.launch("convolve_narrow.cu", kernel, grid, (NARROW_THREADS,), *arguments, shared=filter_bytes)
        return
    tile = convolution_tile(x.dtype, group_out, vec, precision)
    grid = (-(-positions // tile.bm) * -(-group_out // tile.bn), groups)
    backend.launch(tile.file, tile.specialization, grid, (tile.threads,), *arguments, shared=tile.shared)


def filter_gradient(
    x: Any,
    gy: Any,
    weight: Any,
    *,
    stride: int | Pair = 1,
    pad: int | Pair | Sides = 0,
    groups: int = 1,
    precision: str = "fp32",
) -> Any:
    """A matrix product whose sum over the positions is split among the multiprocessors; always added up in the same order."""
    places, window, stride, pad = gy.shape[1:3], weight.shape[1:3], pair(stride), sides(pad)
    backend.check_precision(precision)
    check_places(x.shape[1:3], places, window, stride, pad)
    launching.check_numbers(x.shape, gy.shape, weight.shape)
    g = geometry(x.shape, weight.shape, places, stride, pad, groups)
    vec_gy, vec_x = launching.vector_width(g["group_out"], x.dtype, gy), launching.vector_width(g["maps"], x.dtype, x)
    tile = filter_gradient_tile(x.dtype, g["group_out"], vec_gy, vec_x, precision)
    tiles = -(-g["group_out"] // tile.bm) * -(-g["k_total"] // tile.bn)
    per_split = _per_split(g["positions"], tile.bk, tiles * groups, weight.size * weight.dtype.itemsize)
    splits = -(-g["positions"] // per_split)
    partial = backend.empty((splits, *weight.shape), x.dtype)
    grid = (tiles, groups, splits)
    arguments = (x, gy, partial, g, per_split)
    backend.launch(tile.file, tile.specialization, grid, (tile.threads,), *arguments, shared=tile.shared)
    return partial[0] if splits == 1 else launching.reduce_splits(partial, weight.shape)


def _per_split(positions: int, bk: int, blocks: int, split_bytes: int) -> int:
    """How many positions, in whole slices of bk, one split sums over.

    As many splits as give every multiprocessor four blocks, if each has four slices to sum over and their partial sums, of
    split_bytes each, fit in WORKSPACE.
    """
    most = max(1, min(WORKSPACE // split_bytes, -(-positions // (4 * bk))))
    splits = min(most, -(-4 * backend.device().processors // blocks))
    return -(-positions // splits // bk) * bk or bk


def bias_gradient(gy: Any) -> Any:
    """A sum in two stages, always in the same order."""
    return launching.sum_rows(gy)
