"""Rectification (section 2) and dropout (section 3) on the GPU."""

from __future__ import annotations

from typing import Any

from npzf import cuda
from npzf.ops.gpu import flat


def rectify(x: Any) -> Any:
    y = cuda.empty(x.shape, x.dtype)
    flat.each("elementwise.cu", "rectify", x.dtype, x.size, x, y, x.size)
    return y


def rectify_gradient(y: Any, gy: Any) -> Any:
    gx = cuda.empty(gy.shape, gy.dtype)
    flat.each("elementwise.cu", "rectify_gradient", gy.dtype, gy.size, y, gy, gx, gy.size)
    return gx


def multiply(a: Any, b: Any) -> Any:
    y = cuda.empty(a.shape, a.dtype)
    flat.each("elementwise.cu", "multiply", a.dtype, a.size, a, b, y, a.size)
    return y


def dropout_mask(x: Any, rate: float, seed: int, call: int) -> Any:
    """The same seed and call number give the same mask, though not that of the NumPy op."""
    mask = cuda.empty(x.shape, x.dtype)
    count, scale = mask.size, 1 / (1 - rate)
    flat.each("dropout.cu", "dropout_mask", x.dtype, -(-count // 4), mask, count, rate, scale, seed, call)
    return mask
