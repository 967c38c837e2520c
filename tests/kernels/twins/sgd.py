"""CUDA twins of the two loops of npzf.training.sgd."""

from __future__ import annotations

from typing import Any

from npzf import cuda
from twins import flat


def move(parameter: Any, gradient: Any, velocity: Any, rate: float, momentum: float, decay: float) -> None:
    """SGD._move: velocity = momentum * velocity + gradient + decay * parameter; parameter -= rate * velocity."""
    count, dtype = parameter.size, parameter.dtype
    flat.each("sgd.cu", "sgd_step", dtype, count, parameter, gradient, velocity, count, rate, momentum, decay)


def clip_filters(weight: Any, limit: float) -> None:
    instance, filters = f"clip_filters<{cuda.c_type(weight.dtype)}>", weight.shape[0]
    cuda.launch("sgd.cu", instance, (filters,), (flat.THREADS,), weight, weight.size // filters, limit)
