"""The two forms of targets: one class an image (section 3), or several labels an image (PASCAL, section 5.2)."""

from __future__ import annotations

import numpy as np

from npzf.data.protocols import ImageSet


def checked_targets(images: ImageSet) -> np.ndarray:
    """The targets of an image set; ValueError unless they have one of the two forms of ImageSet.targets."""
    targets, count, classes = images.targets, len(images), len(images.classes)
    if targets.dtype == np.int64 and targets.shape == (count,):
        if count and not 0 <= targets.min() <= targets.max() < classes:
            low, high = targets.min(), targets.max()
            raise ValueError(f"targets run from {low} to {high}, expected 0 to {classes - 1}, indices of classes")
    elif targets.dtype.kind not in "fb" or targets.shape != (count, classes):
        raise ValueError(
            f"targets are {targets.dtype} {targets.shape}, expected int64 ({count},) or float or bool ({count}, {classes})"
        )
    return targets


def one_class_each(targets: np.ndarray) -> np.ndarray:
    """The targets, if there is one class an image: int64 (N,). ValueError if there are several labels an image."""
    if targets.ndim != 1:
        raise ValueError(f"targets have shape {targets.shape}, expected ({len(targets)},): one class an image")
    return targets


def counted_labels(images: ImageSet) -> np.ndarray | None:
    """Which labels count, bool (N, classes), of a set with several labels an image: all but `images.difficult`; None for all.

    ValueError for `difficult` of another form.
    """
    difficult = getattr(images, "difficult", None)
    if difficult is None:
        return None
    if difficult.shape != images.targets.shape or difficult.dtype != bool:
        raise ValueError(
            f"difficult is {difficult.dtype} {difficult.shape}, expected bool {images.targets.shape}, as the targets"
        )
    return ~difficult
