"""Rectification (section 2) and dropout (section 3): what happens to each number by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf.backend.arrays import array_module, generator


def rectify(x: Any) -> Any:
    """max(x, 0), any shape; on the way up and, unlike a gradient, on the way down too (section 2.1). NaN stays NaN."""
    return array_module(x).maximum(x, 0)


def rectify_gradient(y: Any, gy: Any) -> Any:
    """gx = gy where y = rectify(x) is positive, else 0; any shape."""
    return gy * (y > 0)


def dropout_mask(x: Any, rate: float, key: tuple[int, ...], first: int = 0) -> Any:
    """Shaped as x (N, ...): 0 with probability rate, else 1 / (1 - rate), so that nothing is scaled at test time (section 3
    halves).

    key: whole numbers (seed, layer, training pass); first: the place of x's first image in the whole batch. An image's mask
    depends on the key and on its place alone, so that a batch that is divided among machines drops what the whole one would.
    """
    keep = np.stack([generator(*key, first + n).random(x.shape[1:], np.float32) >= rate for n in range(x.shape[0])])
    return array_module(x).asarray(keep * x.dtype.type(1 / (1 - rate)))
