"""The softmax, its gradient and its cross-entropy as kernels (section 2); ops/plain says what they do."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf import backend
from npzf.ops.cuda import launching

THREADS = 128  # of a block, which takes one row of scores


def softmax(x: Any) -> Any:
    """One block a row."""
    y = backend.empty(x.shape, x.dtype)
    _rows("softmax", x, x, y, x.shape[-1])
    return y


def softmax_gradient(y: Any, gy: Any) -> Any:
    """One block a row."""
    gx = backend.empty(y.shape, y.dtype)
    _rows("softmax_gradient", y, y, gy, gx, y.shape[-1])
    return gx


def cross_entropy(scores: Any, labels: np.ndarray) -> tuple[float, Any]:
    """One block an image; labels are NumPy's, in [0, classes), and the caller has checked them."""
    n, classes = scores.shape
    losses, gscores = backend.empty((n, 1), scores.dtype), backend.empty(scores.shape, scores.dtype)
    labels = backend.to_same_device(np.asarray(labels, np.int32), scores)
    _rows("cross_entropy", scores, scores, labels, losses, gscores, n, classes)
    return float(launching.sum_rows(losses)[0]) / n, gscores


def _rows(kernel: str, x: Any, *arguments: Any) -> None:
    """Runs kernel<type> with one block for each row of x (..., C)."""
    specialization, grid = f"{kernel}<{backend.c_type(x.dtype)}>", (x.size // x.shape[-1],)
    backend.launch("softmax.cu", specialization, grid, (THREADS,), *arguments)
