"""The fully connected layers 6 to 8 (figure 3) and their transposes."""

from __future__ import annotations

from typing import Any

from npzf.backend.arrays import array_module


def linear(x: Any, weight: Any, bias: Any, relu: bool = False) -> Any:
    """y = x @ weight.T + bias: x (N, I), weight (O, I), bias (O,) -> y (N, O); relu: negative y become 0."""
    y = x @ weight.T + bias
    return array_module(y).maximum(y, 0) if relu else y


def linear_transpose(y: Any, weight: Any) -> Any:
    """x = y @ weight, the adjoint of linear: y (N, O), weight (O, I) -> x (N, I)."""
    return y @ weight


def weight_gradient(x: Any, gy: Any, out: Any = None) -> Any:
    """gweight = gy.T @ x: x (N, I), gy (N, O) -> (O, I); written into `out` if there is one, for it is as large as the layer."""
    return array_module(x).matmul(gy.T, x, out=out)
