"""The C-way softmax and its cross-entropy (section 2)."""

from __future__ import annotations

import numpy as np

from npzf.backend import is_device_array, to_numpy
from npzf.ops.twins import twin


def softmax(scores: np.ndarray) -> np.ndarray:
    """scores (N, C) -> probabilities (N, C), each row summing to 1; safe for scores of any size."""
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return p


def softmax_cross_entropy(scores: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean over the batch of -log softmax(scores)[label], in nats, and its gradient.

    scores (N, C), labels (N,) whole numbers in [0, C) -> loss, gscores (N, C). ValueError for other labels.
    """
    labels = np.asarray(to_numpy(labels) if is_device_array(labels) else labels)
    if labels.shape != scores.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(f"labels are {labels.dtype} {labels.shape}, expected whole numbers of shape {scores.shape[:1]}")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, expected 0 to {scores.shape[1] - 1}")
    return _cross_entropy(scores, labels)


@twin
def _cross_entropy(scores: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    rows, n = np.arange(len(labels)), len(labels)
    shifted = scores - scores.max(1, keepdims=True)
    total = np.exp(shifted).sum(1)
    loss = float((np.log(total) - shifted[rows, labels]).mean())
    gscores = np.exp(shifted) / (total[:, None] * n)
    gscores[rows, labels] -= np.asarray(1 / n, scores.dtype)
    return loss, gscores
