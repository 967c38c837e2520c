"""One step of gradient descent with momentum, and the filter clip (section 3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf.backend.arrays import array_module


def sgd_step(parameter: Any, gradient: Any, velocity: Any, rate: float, momentum: float, decay: float) -> None:
    """velocity = momentum * velocity + gradient + decay * parameter; parameter -= rate * velocity; in place, any shape."""
    velocity *= momentum
    velocity += gradient + decay * parameter
    parameter -= rate * velocity


def clip_filters(weight: Any, limit: float) -> None:
    """Scales each filter weight[o] (KH, KW, C) whose RMS value exceeds limit back to it, in place (section 3)."""
    xp = array_module(weight)
    rms = xp.sqrt(xp.mean(xp.square(weight, dtype=np.float64), axis=(1, 2, 3), keepdims=True))  # 1e20 squared is no float32
    above = rms > limit
    weight *= xp.where(above, limit / xp.where(above, rms, 1), 1).astype(weight.dtype)
