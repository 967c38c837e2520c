"""Launching kernels that treat every number alike: relu, dropout, SGD and sums (sections 2 and 3)."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from npzf import backend

THREADS = 256
MOST_BLOCKS = 1 << 16  # beyond it, threads take several numbers each


def blocks(count: int, each: int = THREADS) -> int:
    return min(-(-count // each), MOST_BLOCKS)


def vector_width(length: int, dtype: Any, *arrays: Any) -> int:
    """How many numbers one 16-byte load takes: as many as fit if runs of `length` and all arrays are aligned to it, else 1."""
    wide = 16 // np.dtype(dtype).itemsize
    return wide if length % wide == 0 and all(_address(a) % 16 == 0 for a in arrays) else 1


def _address(array: Any) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def elementwise(file: str, kernel: str, dtype: Any, count: int, *arguments: Any) -> None:
    """Runs kernel<type> with one thread for each of `count` numbers."""
    backend.launch(file, f"{kernel}<{backend.c_type(dtype)}>", (blocks(count),), (THREADS,), *arguments)


def reduce_splits(partial: Any, shape: tuple[int, ...]) -> Any:
    """The sum over the first axis of partial (parts, ...), always in the same order."""
    out = backend.empty(shape, partial.dtype)
    count = prod(shape)
    elementwise("sums.cu", "reduce_splits", partial.dtype, count, partial, out, count, partial.shape[0])
    return out


def sum_rows(x: Any) -> Any:
    """The sum over all axes but the last, as a bias gradient: (..., C) -> (C,), always in the same order."""
    columns = x.shape[-1]
    rows = x.size // columns
    each_rows = max(64, -(-rows // 512))
    parts = -(-rows // each_rows)
    partial = backend.empty((parts, columns), x.dtype)
    grid, block = (-(-columns // 32), parts), (32, 8)
    backend.launch("sums.cu", f"sum_rows<{backend.c_type(x.dtype)}>", grid, block, x, partial, rows, columns, each_rows)
    return partial.reshape(columns) if parts == 1 else reduce_splits(partial, (columns,))
