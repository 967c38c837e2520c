"""SGD in one pass over the parameters, and the filter clip, as kernels (section 3); ops/plain says what they do."""

from __future__ import annotations

from typing import Any

from npzf import backend
from npzf.ops.cuda import launching


def sgd_step(parameter: Any, gradient: Any, velocity: Any, rate: float, momentum: float, decay: float) -> None:
    """One thread a parameter."""
    count, dtype = parameter.size, parameter.dtype
    launching.elementwise("sgd.cu", "sgd_step", dtype, count, parameter, gradient, velocity, count, rate, momentum, decay)


def clip_filters(weight: Any, limit: float) -> None:
    """One block a filter."""
    specialization, filters = f"clip_filters<{backend.c_type(weight.dtype)}>", weight.shape[0]
    backend.launch("sgd.cu", specialization, (filters,), (launching.THREADS,), weight, weight.size // filters, limit)
