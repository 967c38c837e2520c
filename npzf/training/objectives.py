"""What training lowers: the loss of one class an image (section 3), or of several labels an image (section 5.2, Table 6)."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf.backend import to_numpy
from npzf.data import ImageSet
from npzf.losses import binary_cross_entropy, hinge, softmax_cross_entropy

LOSSES = ("softmax", "binary", "hinge")


def loss_and_gradient(loss: str, scores: Any, targets: np.ndarray, counted: np.ndarray | None = None) -> tuple[float, Any]:
    """The loss of this name, one of LOSSES, and its gradient: scores (n, classes), targets (n,) or (n, classes).

    counted (n, classes) bool: the labels that count, None for all.
    """
    if loss == "softmax":
        return softmax_cross_entropy(scores, targets)
    if loss == "binary":
        return binary_cross_entropy(scores, targets, counted)
    return hinge(scores, targets, mask=counted)


def wrong_images(scores: Any, targets: np.ndarray, counted: np.ndarray | None = None) -> float:
    """Images whose highest score is not their class's; or, of several labels an image, the sum of its shares of wrong ones.

    A label is wrong if its score is above 0 and it should not be, or the other way round; arguments as for loss_and_gradient.
    """
    found = to_numpy(scores)
    if targets.ndim == 1:
        return int((found.argmax(1) != targets).sum())
    counted = np.ones(targets.shape, bool) if counted is None else counted
    wrong = ((found > 0) != (targets > 0.5)) & counted
    return float((wrong.sum(1) / np.maximum(counted.sum(1), 1)).sum())


def check_loss(loss: str, images: ImageSet) -> None:
    """ValueError unless images with such targets can be trained on with this loss."""
    targets, classes = images.targets, len(images.classes)
    if loss == "softmax" and targets.ndim != 1:
        raise ValueError(
            f"targets have shape {targets.shape}, expected ({len(targets)},): one class an image, as the loss 'softmax' takes; "
            "'binary' and 'hinge' take several labels"
        )
    if loss == "binary" and targets.ndim != 2:
        raise ValueError(
            f"targets have shape {targets.shape}, expected ({len(targets)}, {classes}): several labels an image, as the loss "
            "'binary' takes; 'softmax' and 'hinge' take one class"
        )
    if loss == "hinge" and targets.ndim == 2 and targets.dtype != bool:
        raise ValueError(
            f"targets are {targets.dtype}, expected bool, as the loss 'hinge' takes them; 'binary' takes {targets.dtype}"
        )
    if targets.ndim == 2 and not ((targets >= 0) & (targets <= 1)).all():
        raise ValueError(f"targets run from {targets.min()} to {targets.max()}, expected 0 to 1")
