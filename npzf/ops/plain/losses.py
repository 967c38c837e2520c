"""The C-way softmax and its cross-entropy (section 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf.backend.arrays import array_module


def softmax(x: Any) -> Any:
    """Scores (..., C) -> probabilities (..., C), each row summing to 1; safe for scores of any size."""
    p = array_module(x).exp(x - x.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return p


def softmax_gradient(y: Any, gy: Any) -> Any:
    """gx = y * (gy - sum over the classes of gy * y), for y = softmax(x); all (..., C)."""
    return y * (gy - (gy * y).sum(-1, keepdims=True))


def cross_entropy(scores: Any, labels: np.ndarray) -> tuple[float, Any]:
    """Mean over the batch of -log softmax(scores)[label], in nats, and its gradient: scores (N, C), labels (N,)."""
    xp = array_module(scores)
    rows, labels, n = xp.arange(len(labels)), xp.asarray(labels), len(labels)
    shifted = scores - scores.max(1, keepdims=True)
    total = xp.exp(shifted).sum(1)
    loss = float((xp.log(total) - shifted[rows, labels]).mean())
    gscores = xp.exp(shifted) / (total[:, None] * n)
    gscores[rows, labels] -= scores.dtype.type(1 / n)
    return loss, gscores
