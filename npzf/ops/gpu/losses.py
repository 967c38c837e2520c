"""The softmax's cross-entropy on the GPU (section 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf import cuda
from npzf.ops.gpu import flat


def _cross_entropy(scores: Any, labels: Any) -> tuple[float, Any]:
    """labels: NumPy's, already checked to lie in [0, classes)."""
    n, classes = scores.shape
    losses, gscores = cuda.empty((n,), scores.dtype), cuda.empty(scores.shape, scores.dtype)
    instance = f"softmax_cross_entropy<{cuda.c_type(scores.dtype)}>"
    cuda.launch(
        "softmax.cu", instance, (n,), (128,), scores, cuda.beside(labels.astype(np.int32), scores), losses, gscores, n, classes
    )
    return float(flat.sum_rows(losses.reshape(n, 1))[0]) / n, gscores
