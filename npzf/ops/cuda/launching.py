"""How operations launch their kernels (sections 2 and 3): one number a thread, rows of maps, and sums in two stages."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from npzf import backend

THREADS = 256
MAX_BLOCKS = 1 << 16  # beyond it, threads take several numbers each
MAX_GRID_ROWS = 65535  # CUDA's limit of a grid's second side; beyond it, blocks take several lines each
MAX_NUMBERS = 2**31 - 1  # in one array, that a kernel's ints can count


def check_numbers(*shapes: tuple[int, ...]) -> None:
    """ValueError if an array of one of these shapes has more numbers than a kernel's ints can count."""
    for shape in shapes:
        if prod(shape) > MAX_NUMBERS:
            raise ValueError(f"shape of an array is {shape}, expected at most {MAX_NUMBERS} numbers: take a smaller batch")


def vector_width(length: int, dtype: Any, *arrays: Any) -> int:
    """VEC, the numbers that a load takes: 16 bytes' if runs of `length` numbers and all arrays are aligned to that, else 1."""
    wide = 16 // np.dtype(dtype).itemsize
    return wide if length % wide == 0 and all(_address(a) % 16 == 0 for a in arrays) else 1


def _address(array: Any) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def elementwise(file: str, kernel: str, dtype: Any, count: int, *arguments: Any) -> None:
    """Runs kernel<type> with one thread for each of `count` numbers."""
    blocks = min(-(-count // THREADS), MAX_BLOCKS)
    backend.launch(file, f"{kernel}<{backend.c_type(dtype)}>", (blocks,), (THREADS,), *arguments)


def reduce_splits(partial: Any, shape: tuple[int, ...]) -> Any:
    """The sum over the first axis of partial (splits, ...), always in the same order."""
    out = backend.empty(shape, partial.dtype)
    elementwise("sums.cu", "reduce_splits", partial.dtype, out.size, partial, out, out.size, partial.shape[0])
    return out


def sum_rows(x: Any) -> Any:
    """The sum over all axes but the last, as a bias gradient: (..., C) -> (C,), always in the same order."""
    columns = x.shape[-1]
    rows = x.size // columns
    width, height = (backend.constant("sums.cu", name) for name in ("WIDTH", "HEIGHT"))
    per_split = max(64, -(-rows // 512))
    splits = -(-rows // per_split)
    partial = backend.empty((splits, columns), x.dtype)
    specialization, grid = f"sum_rows<{backend.c_type(x.dtype)}>", (-(-columns // width), splits)
    backend.launch("sums.cu", specialization, grid, (width, height), x, partial, rows, columns, per_split)
    return partial.reshape(columns) if splits == 1 else reduce_splits(partial, (columns,))
