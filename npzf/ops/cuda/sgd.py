"""SGD in one pass over the parameters, and the filter clip, on the GPU (section 3)."""

from __future__ import annotations

from typing import Any

from npzf import backend
from npzf.ops.cuda import launching


def move(parameter: Any, gradient: Any, velocity: Any, rate: float, momentum: float, decay: float) -> None:
    """velocity = momentum * velocity + gradient + decay * parameter; parameter -= rate * velocity."""
    count, dtype = parameter.size, parameter.dtype
    launching.elementwise("sgd.cu", "sgd_step", dtype, count, parameter, gradient, velocity, count, rate, momentum, decay)


def clip_filters(weight: Any, limit: float) -> None:
    instance, filters = f"clip_filters<{backend.c_type(weight.dtype)}>", weight.shape[0]
    backend.launch("sgd.cu", instance, (filters,), (launching.THREADS,), weight, weight.size // filters, limit)
