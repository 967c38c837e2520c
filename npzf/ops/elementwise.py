"""Rectification (section 2) and dropout (section 3): what happens to each number by itself."""

from __future__ import annotations

import numpy as np

from npzf.backend.arrays import generator
from npzf.backend.threads import parallel_for
from npzf.ops.twins import twin


@twin
def rectify(x: np.ndarray) -> np.ndarray:
    """max(x, 0), any shape; on the way up and, unlike a gradient, on the way down too (section 2.1). NaN stays NaN."""
    y = np.empty(x.shape, x.dtype)
    parallel_for(lambda part: np.maximum(x[part], 0, out=y[part]), x.shape[0])
    return y


@twin
def rectify_gradient(y: np.ndarray, gy: np.ndarray) -> np.ndarray:
    """gx = gy where y = rectify(x) is positive, else 0; any shape."""
    gx = np.empty(gy.shape, gy.dtype)
    parallel_for(lambda part: np.multiply(gy[part], y[part] > 0, out=gx[part]), gy.shape[0])
    return gx


@twin
def dropout_mask(x: np.ndarray, rate: float, seed: int, call: int) -> np.ndarray:
    """Like x: 0 with probability rate, else 1 / (1 - rate), so that nothing needs preprocessing at test time (the paper halves there).

    The mask depends on seed and call alone: the call-th mask of a layer is the same however training got there.
    """
    kept = generator(seed, call).random(x.shape, np.float32) >= rate
    return kept * x.dtype.type(1 / (1 - rate))
