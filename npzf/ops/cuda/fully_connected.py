"""Fully connected layers on the GPU (figure 3): matrix products, which cuBLAS computes; ops/plain has the formulas."""

from __future__ import annotations

from typing import Any

from npzf import backend
from npzf.ops.cuda.elementwise import rectify


def linear(x: Any, weight: Any, bias: Any, relu: bool = False, *, precision: str = "fp32") -> Any:
    """By cuBLAS; bias and relu in passes of their own."""
    y = backend.product(x, weight.T, precision=precision)
    y += bias
    return rectify(y) if relu else y


def linear_transpose(y: Any, weight: Any, *, precision: str = "fp32") -> Any:
    """By cuBLAS."""
    return backend.product(y, weight, precision=precision)


def weight_gradient(x: Any, gy: Any, out: Any = None, *, precision: str = "fp32") -> Any:
    """By cuBLAS, into `out` if there is one."""
    return backend.product(gy.T, x, out, precision)
