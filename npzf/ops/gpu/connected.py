"""Fully connected layers on the GPU (figure 3): products that cuBLAS does best."""

from __future__ import annotations

from typing import Any

from npzf import cuda
from npzf.ops.gpu.elementwise import rectify


def connect(x: Any, weight: Any, bias: Any, relu: bool = False) -> Any:
    y = cuda.product(x, weight.T)
    y += bias
    return rectify(y) if relu else y


def connect_transpose(y: Any, weight: Any) -> Any:
    return cuda.product(y, weight)


def weight_gradient(x: Any, gy: Any, out: Any) -> None:
    cuda.product(gy.T, x, out=out)
