"""Max pooling with switches, and unpooling, on the GPU (section 2.1, figure 1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf import backend
from npzf.geometry import output_size
from npzf.ops.cuda import launching
from npzf.ops.switches import Switches


def _lines(width: int, maps: int, lines: int, lanes: int) -> tuple[tuple[int, int], tuple[int]]:
    """Grid and block: blocks along one row of places and maps, one block row for each row."""
    threads = min(launching.THREADS, -(-width * maps // lanes // 32) * 32)
    return (-(-width * maps // lanes // threads), min(lines, 65535)), (threads,)


def max_pool(x: Any, window: int, stride: int, pad: int = 0, ceil: bool = False, record: bool = True) -> tuple:
    n, h, w, c = x.shape
    oh, ow = output_size(h, window, stride, pad, ceil), output_size(w, window, stride, pad, ceil)
    y = backend.empty((n, oh, ow, c), x.dtype)
    index = backend.empty(y.shape, np.int32) if record else None
    lanes = launching.vector_width(c, x.dtype, x)
    grid, block = _lines(ow, c, n * oh, lanes)
    kernel = f"max_pool<{backend.c_type(x.dtype)}, {lanes}>"
    backend.launch("pooling.cu", kernel, grid, block, x, y, index, n, h, w, c, oh, ow, window, stride, pad)
    return y, Switches(index, (h, w), (window, stride, pad)) if record else None


def unpool(y: Any, switches: Switches, overwrite: bool = False) -> Any:
    """A gather, without atomics: each pixel looks into the windows that could have chosen it."""
    switches.check(y)
    (n, oh, ow, c), (h, w), (window, stride, pad) = y.shape, switches.size, switches.moves
    x = backend.empty((n, h, w, c), y.dtype)
    lanes = launching.vector_width(c, y.dtype, y, switches.index)
    grid, block = _lines(w, c, n * h, lanes)
    kernel = f"unpool<{backend.c_type(y.dtype)}, {lanes}, {str(overwrite).lower()}>"
    backend.launch("pooling.cu", kernel, grid, block, y, switches.index, x, n, h, w, c, oh, ow, window, stride, pad)
    return x
