"""Rectification (section 2) and dropout (section 3) on the GPU."""

from __future__ import annotations

from typing import Any

from npzf import backend
from npzf.ops.cuda import launching


def rectify(x: Any) -> Any:
    y = backend.empty(x.shape, x.dtype)
    launching.elementwise("elementwise.cu", "rectify", x.dtype, x.size, x, y, x.size)
    return y


def rectify_gradient(y: Any, gy: Any) -> Any:
    gx = backend.empty(gy.shape, gy.dtype)
    launching.elementwise("elementwise.cu", "rectify_gradient", gy.dtype, gy.size, y, gy, gx, gy.size)
    return gx


def multiply(a: Any, b: Any) -> Any:
    y = backend.empty(a.shape, a.dtype)
    launching.elementwise("elementwise.cu", "multiply", a.dtype, a.size, a, b, y, a.size)
    return y


def dropout_mask(x: Any, rate: float, seed: int, call: int) -> Any:
    """The same seed and call number give the same mask, though not that of the NumPy op."""
    mask = backend.empty(x.shape, x.dtype)
    count, scale = mask.size, 1 / (1 - rate)
    launching.elementwise("dropout.cu", "dropout_mask", x.dtype, -(-count // 4), mask, count, rate, scale, seed, call)
    return mask
