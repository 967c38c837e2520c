"""Rectification (section 2) and dropout (section 3) as kernels; ops/plain says what they do."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from npzf import backend
from npzf.ops.cuda import launching


def rectify(x: Any) -> Any:
    """One thread a number."""
    y = backend.empty(x.shape, x.dtype)
    launching.elementwise("elementwise.cu", "rectify", x.dtype, x.size, x, y, x.size)
    return y


def rectify_gradient(y: Any, gy: Any) -> Any:
    """One thread a number."""
    gx = backend.empty(gy.shape, gy.dtype)
    launching.elementwise("elementwise.cu", "rectify_gradient", gy.dtype, gy.size, y, gy, gx, gy.size)
    return gx


def dropout_mask(x: Any, rate: float, key: tuple[int, ...], first: int = 0) -> Any:
    """By Philox, which counts images and units; its key is a hash of `key` (NumPy's SeedSequence). Other bits than the CPU's."""
    launching.check_numbers(x.shape)
    mask, units = backend.empty(x.shape, x.dtype), prod(x.shape[1:])
    words = np.random.SeedSequence(key).generate_state(3, np.uint32)
    threads = x.shape[0] * -(-units // 4)
    arguments = (mask, x.shape[0], units, rate, 1 / (1 - rate), *words, first)
    launching.elementwise("dropout.cu", "dropout_mask", x.dtype, threads, *arguments)
    return mask
