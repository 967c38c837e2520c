"""CUDA twin of npzf.losses.softmax_cross_entropy."""

from __future__ import annotations

from typing import Any

from npzf import cuda
from twins import flat


def softmax_cross_entropy(scores: Any, labels: Any) -> tuple[float, Any]:
    """labels: int32, on the GPU, already checked to lie in [0, classes)."""
    n, classes = scores.shape
    losses, gscores = cuda.empty((n,), scores.dtype), cuda.empty(scores.shape, scores.dtype)
    instance = f"softmax_cross_entropy<{cuda.c_type(scores.dtype)}>"
    cuda.launch("softmax.cu", instance, (n,), (128,), scores, labels, losses, gscores, n, classes)
    return float(flat.sum_rows(losses.reshape(n, 1))[0]) / n, gscores
