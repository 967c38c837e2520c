"""The softmax's cross-entropy on the GPU (section 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf import backend
from npzf.backend import to_same_device
from npzf.ops.cuda import launching


def _cross_entropy(scores: Any, labels: Any) -> tuple[float, Any]:
    """labels: NumPy's, already checked to lie in [0, classes)."""
    n, classes = scores.shape
    losses, gscores = backend.empty((n,), scores.dtype), backend.empty(scores.shape, scores.dtype)
    instance = f"softmax_cross_entropy<{backend.c_type(scores.dtype)}>"
    backend.launch(
        "softmax.cu",
        instance,
        (n,),
        (128,),
        scores,
        to_same_device(labels.astype(np.int32), scores),
        losses,
        gscores,
        n,
        classes,
    )
    return float(launching.sum_rows(losses.reshape(n, 1))[0]) / n, gscores
