"""The C-way softmax and its cross-entropy (section 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf.backend import is_device_array, to_numpy
from npzf.ops import ops_of


def softmax(scores: Any) -> Any:
    """scores (N, C) -> probabilities (N, C), each row summing to 1; safe for scores of any size."""
    return ops_of(scores).softmax(scores)


def softmax_cross_entropy(scores: Any, labels: Any) -> tuple[float, Any]:
    """Mean over the batch of -log softmax(scores)[label], in nats, and its gradient.

    scores (N, C), labels (N,) whole numbers in [0, C) -> loss, gscores (N, C). ValueError for other labels.
    """
    labels = np.asarray(to_numpy(labels) if is_device_array(labels) else labels)
    if labels.shape != scores.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(f"labels are {labels.dtype} {labels.shape}, expected whole numbers of shape {scores.shape[:1]}")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, expected 0 to {scores.shape[1] - 1}")
    return ops_of(scores).cross_entropy(scores, labels)
