"""Convolution as a matrix product (section 3, figure 3), and its transpose, the deconvnet's filtering (section 2.1).

    columns = im2col(x)                             (N OH OW, KH KW C): one row for each place of the window
    convolve             y       = columns @ filters.T + bias
    convolve_transpose   x       = col2im(y @ filters)
    filter_gradient      gweight = gy.T @ columns

with filters = weight.reshape(O, KH KW C). With groups, each group of maps does the same by itself. In all of them stride is an
int or (rows, columns), and pad an int, (rows, columns) or (top, bottom, left, right), in pixels of x.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from npzf.backend.arrays import array_module
from npzf.geometry import Pair, Sides, check_places, output_sizes, pair, sides


def im2col(x: Any, window: Pair, stride: Pair, pad: Sides, places: Pair, outside: float = 0.0) -> Any:
    """x (N, H, W, C) -> (N, OH, OW, KH, KW, C): what the window sees at each place, `outside` beyond the border."""
    canvas = _canvas(x, window, stride, pad, places, outside)
    top, _, left, _ = pad
    canvas[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    columns = array_module(x).empty((x.shape[0], *places, *window, x.shape[3]), x.dtype)
    for kh, kw, rows, cols in _taps(window, stride, places):
        columns[:, :, :, kh, kw] = canvas[:, rows, cols]
    return columns


def col2im(columns: Any, size: Pair, window: Pair, stride: Pair, pad: Sides, places: Pair) -> Any:
    """The exact adjoint of im2col: adds every number of the columns to the pixel of x (N, H, W, C) that it was taken from."""
    x = array_module(columns).zeros((columns.shape[0], *size, columns.shape[5]), columns.dtype)
    canvas = _canvas(x, window, stride, pad, places, 0.0)
    for kh, kw, rows, cols in _taps(window, stride, places):
        canvas[:, rows, cols] += columns[:, :, :, kh, kw]
    top, _, left, _ = pad
    x[...] = canvas[:, top : top + size[0], left : left + size[1]]
    return x


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
) -> Any:
    """y[n, i, j, o] = bias[o] + sum over kh, kw, c of weight[o, kh, kw, c] * x[n, i*s + kh - pad, j*s + kw - pad, c].

    x (N, H, W, C), weight (O, KH, KW, C / groups), bias (O,) -> y (N, OH, OW, O). Map o of group g sees the maps of group g
    alone. ceil: sizes are rounded up, and the window hangs over the right and lower border, where it sees zeros. relu: negative
    y become 0. ValueError if x has other maps than the filters.
    """
    check_maps(x, weight, groups)
    window, stride, pad = weight.shape[1:3], pair(stride), sides(pad)
    places = output_sizes(x.shape[1:3], window, stride, pad, ceil)
    ys = []
    for maps, _, filters in _groups(weight, groups):
        columns = im2col(x[..., maps], window, stride, pad, places)
        ys.append(columns.reshape(-1, filters.shape[1]) @ filters.T)
    xp = array_module(x)
    y = xp.concatenate(ys, axis=1).reshape(x.shape[0], *places, weight.shape[0])
    if bias is not None:
        y += bias
    return xp.maximum(y, 0) if relu else y


def convolve_transpose(
    y: Any, weight: Any, size: Pair, *, stride: int | Pair = 1, pad: int | Pair | Sides = 0, groups: int = 1
) -> Any:
    """The adjoint of convolve: <convolve(x), y> = <x, convolve_transpose(y)>; data gradient and deconvnet filtering.

    y (N, OH, OW, O), weight (O, KH, KW, C / groups), size (H, W) of x -> x (N, H, W, C). In the words of section 2.1 each filter
    is flipped vertically and horizontally. ValueError if images of this size cannot have had these places.
    """
    window, stride, pad, places = weight.shape[1:3], pair(stride), sides(pad), y.shape[1:3]
    check_places(size, places, window, stride, pad)
    xs = []
    for _, maps, filters in _groups(weight, groups):
        columns = y[..., maps].reshape(-1, filters.shape[0]) @ filters
        xs.append(col2im(columns.reshape(y.shape[0], *places, *window, weight.shape[3]), size, window, stride, pad, places))
    return array_module(y).concatenate(xs, axis=3)


def filter_gradient(x: Any, gy: Any, weight: Any, *, stride: int | Pair = 1, pad: int | Pair | Sides = 0, groups: int = 1) -> Any:
    """gweight[o, kh, kw, c] = sum over n, i, j of gy[n, i, j, o] * x[n, i*s + kh - pad, j*s + kw - pad, c]; shaped as weight."""
    window, stride, pad, places = weight.shape[1:3], pair(stride), sides(pad), gy.shape[1:3]
    check_places(x.shape[1:3], places, window, stride, pad)
    gweights = []
    for maps_in, maps_out, filters in _groups(weight, groups):
        columns = im2col(x[..., maps_in], window, stride, pad, places)
        gys = gy[..., maps_out].reshape(-1, filters.shape[0])
        gweights.append(gys.T @ columns.reshape(-1, filters.shape[1]))
    return array_module(x).concatenate(gweights).reshape(weight.shape)


def bias_gradient(gy: Any) -> Any:
    """gbias[o] = sum over n, i, j of gy[n, i, j, o]; likewise for gy (N, O)."""
    return gy.sum(tuple(range(gy.ndim - 1)))


def check_maps(x: Any, weight: Any, groups: int) -> None:
    """ValueError unless x (N, H, W, C) has the maps that weight (O, KH, KW, C / groups) reads."""
    if x.shape[3] != weight.shape[3] * groups:
        raise ValueError(f"x has {x.shape[3]} maps, expected {weight.shape[3] * groups}: {groups} groups of the filters'")


def _canvas(x: Any, window: Pair, stride: Pair, pad: Sides, places: Pair, fill: float) -> Any:
    """An array filled with one number, large enough for the images inside their padding and for every window."""
    reach = [(n - 1) * s + k for n, s, k in zip(places, stride, window, strict=True)]
    height, width = max(reach[0], pad[0] + x.shape[1]), max(reach[1], pad[2] + x.shape[2])
    return array_module(x).full((x.shape[0], height, width, x.shape[3]), fill, x.dtype)


def _taps(window: Pair, stride: Pair, places: Pair) -> Iterator[tuple[int, int, slice, slice]]:
    """For each element (kh, kw) of the window the rows and columns of the canvas that it sees."""
    for kh in range(window[0]):
        for kw in range(window[1]):
            yield (
                kh,
                kw,
                slice(kh, kh + (places[0] - 1) * stride[0] + 1, stride[0]),
                slice(kw, kw + (places[1] - 1) * stride[1] + 1, stride[1]),
            )


def _groups(weight: Any, groups: int) -> Iterator[tuple[slice, slice, Any]]:
    """For each group its maps of the input, its maps of the output, and its filters (O / groups, KH KW C / groups)."""
    maps_in, maps_out = weight.shape[3], weight.shape[0] // groups
    for g in range(groups):
        own = slice(g * maps_out, (g + 1) * maps_out)
        yield slice(g * maps_in, (g + 1) * maps_in), own, weight[own].reshape(maps_out, -1)
