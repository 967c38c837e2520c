"""Rectification and dropout of ops/plain in threads (sections 2 and 3)."""

from __future__ import annotations

import numpy as np

from npzf.backend.arrays import generator
from npzf.backend.threads import each, parallel_for


def rectify(x: np.ndarray) -> np.ndarray:
    """As ops/plain."""
    y = np.empty(x.shape, x.dtype)
    parallel_for(lambda images: np.maximum(x[images], 0, out=y[images]), x.shape[0])
    return y


def rectify_gradient(y: np.ndarray, gy: np.ndarray) -> np.ndarray:
    """As ops/plain."""
    gx = np.empty(gy.shape, gy.dtype)
    parallel_for(lambda images: np.multiply(gy[images], y[images] > 0, out=gx[images]), gy.shape[0])
    return gx


def dropout_mask(x: np.ndarray, rate: float, key: tuple[int, ...], first: int = 0) -> np.ndarray:
    """As ops/plain."""
    mask, factor = np.empty(x.shape, x.dtype), x.dtype.type(1 / (1 - rate))

    def run(n: int) -> None:
        np.multiply(generator(*key, first + n).random(x.shape[1:], np.float32) >= rate, factor, out=mask[n])

    each(run, x.shape[0])
    return mask
