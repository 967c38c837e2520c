"""Max pooling with switches, unpooling (section 2.1, figure 1) and average pooling as kernels; ops/plain says what they do."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf import backend
from npzf.geometry import Pair, Sides, check_places, output_sizes, pair, sides
from npzf.ops.cuda import launching
from npzf.ops.switches import Switches

Moves = tuple[Pair, Pair, Sides]


def max_pool(
    x: Any, window: int | Pair, stride: int | Pair, pad: int | Pair | Sides = 0, ceil: bool = False, record: bool = True
) -> tuple[Any, Switches | None]:
    """One thread looks through the window for several maps at once."""
    moves = pair(window), pair(stride), sides(pad)
    y = _empty_output(x, moves, ceil)
    index = backend.empty(y.shape, np.int32) if record else None
    vec = launching.vector_width(x.shape[3], x.dtype, x)
    kernel = f"max_pool<{backend.c_type(x.dtype)}, {vec}>"
    _launch("pooling.cu", kernel, y.shape, vec, x, y, index, _struct(x.shape, y.shape, moves))
    return y, Switches(index, x.shape[1:3], moves) if record else None


def unpool(y: Any, switches: Switches, overwrite: bool = False) -> Any:
    """A gather, without atomics: each pixel looks into the windows that could have chosen it."""
    switches.check(y)
    x = backend.empty((y.shape[0], *switches.size, y.shape[3]), y.dtype)
    launching.check_numbers(y.shape, x.shape)
    vec = launching.vector_width(y.shape[3], y.dtype, y, switches.index)
    kernel = f"unpool<{backend.c_type(y.dtype)}, {vec}, {str(overwrite).lower()}>"
    _launch("pooling.cu", kernel, x.shape, vec, y, switches.index, x, _struct(x.shape, y.shape, switches.moves))
    return x


def unpool_region(values: Any, images: np.ndarray, rows: np.ndarray, columns: np.ndarray, switches: Switches) -> Any:
    """The same gather within each unit's region; ValueError if there are no switches of one of the images."""
    (units, h, w, c), (n, _, _, _), (window, stride, _) = values.shape, switches.index.shape, switches.moves
    if units and not (images.min() >= 0 and images.max() < n):
        raise ValueError(f"images are {images.min()} to {images.max()}, expected 0 to {n - 1}, those of the switches")
    height, width = ((side - 1) * s + k for side, s, k in zip((h, w), stride, window, strict=True))
    x = backend.empty((units, height, width, c), values.dtype)
    launching.check_numbers(switches.index.shape, x.shape)
    where = [backend.to_device(np.asarray(numbers, np.int32)) for numbers in (images, rows, columns)]
    vec = launching.vector_width(c, values.dtype, values, switches.index)
    kernel = f"unpool_region<{backend.c_type(values.dtype)}, {vec}>"
    g = _struct((n, *switches.size, c), switches.index.shape, switches.moves)
    _launch("pooling.cu", kernel, x.shape, vec, values, switches.index, *where, x, units, h, w, g)
    return x


def average_pool(
    x: Any,
    window: int | Pair,
    stride: int | Pair,
    pad: int | Pair | Sides = 0,
    ceil: bool = False,
    count_padding: bool = True,
) -> Any:
    """One thread adds up the window for several maps at once."""
    moves = pair(window), pair(stride), sides(pad)
    y = _empty_output(x, moves, ceil)
    vec = launching.vector_width(x.shape[3], x.dtype, x)
    kernel = f"average_pool<{backend.c_type(x.dtype)}, {vec}>"
    _launch("average_pool.cu", kernel, y.shape, vec, x, y, _struct(x.shape, y.shape, moves), int(count_padding))
    return y


def average_pool_transpose(
    y: Any,
    size: Pair,
    window: int | Pair,
    stride: int | Pair,
    pad: int | Pair | Sides = 0,
    count_padding: bool = True,
) -> Any:
    """A gather, without atomics: each pixel adds up its shares of the windows that hold it."""
    moves = pair(window), pair(stride), sides(pad)
    check_places(size, y.shape[1:3], *moves)
    x = backend.empty((y.shape[0], *size, y.shape[3]), y.dtype)
    launching.check_numbers(y.shape, x.shape)
    vec = launching.vector_width(y.shape[3], y.dtype, y)
    kernel = f"average_pool_transpose<{backend.c_type(y.dtype)}, {vec}>"
    _launch("average_pool.cu", kernel, x.shape, vec, y, x, _struct(x.shape, y.shape, moves), int(count_padding))
    return x


def _empty_output(x: Any, moves: Moves, ceil: bool) -> Any:
    """y (N, OH, OW, C) of a pooling, still without values."""
    shape = (x.shape[0], *output_sizes(x.shape[1:3], *moves, ceil), x.shape[3])
    launching.check_numbers(x.shape, shape)
    return backend.empty(shape, x.dtype)


def _struct(x: tuple[int, ...], y: tuple[int, ...], moves: Moves) -> dict[str, int]:
    """The struct Pooling of pooling.cuh, from the shapes of x and y."""
    (n, h, w, c), (_, oh, ow, _), ((kh, kw), (stride_h, stride_w), (top, bottom, left, right)) = x, y, moves
    window = {"oh": oh, "ow": ow, "kh": kh, "kw": kw, "stride_h": stride_h, "stride_w": stride_w}
    return (
        {"n": n, "h": h, "w": w, "c": c} | window | {"pad_top": top, "pad_bottom": bottom, "pad_left": left, "pad_right": right}
    )


def _launch(file: str, kernel: str, out: tuple[int, ...], vec: int, *arguments: Any) -> None:
    """One thread for each `vec` maps of a pixel of `out` (N, H, W, C): blocks along a row of pixels, a row of blocks for each."""
    n, h, w, c = out
    threads = min(launching.THREADS, -(-w * c // vec // 32) * 32)
    grid = (-(-w * c // vec // threads), min(n * h, launching.MAX_GRID_ROWS))
    backend.launch(file, kernel, grid, (threads,), *arguments)
