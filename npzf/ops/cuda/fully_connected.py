"""Fully connected layers on the GPU (figure 3): products that cuBLAS does best."""

from __future__ import annotations

from typing import Any

from npzf import backend
from npzf.ops.cuda.elementwise import rectify


def linear(x: Any, weight: Any, bias: Any, relu: bool = False) -> Any:
    y = backend.product(x, weight.T)
    y += bias
    return rectify(y) if relu else y


def linear_transpose(y: Any, weight: Any) -> Any:
    return backend.product(y, weight)


def weight_gradient(x: Any, gy: Any, out: Any) -> None:
    backend.product(gy.T, x, out=out)
