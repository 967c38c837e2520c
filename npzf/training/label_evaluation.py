"""Errors on images with several labels (section 5.2, Table 6): the average precision of each class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from npzf.data import ImageSet, SquareImages, counted_labels, fit_to_net
from npzf.network import Network
from npzf.predict import class_scores
from npzf.training.evaluation import evaluation_crops
from npzf.training.objectives import check_loss, loss_and_gradient


@dataclass(frozen=True)
class LabelScore:
    """Mean loss, error in percent, average precision of each class (classes,) in [0, 1], and the number of images.

    The error is 100 less the mean of the average precisions.
    """

    loss: float
    error: float
    average_precision: tuple[float, ...]
    images: int


def evaluate_labels(
    net: Network,
    images: ImageSet | SquareImages,
    crops: int = 1,
    batch: int = 128,
    loss: str = "binary",
    after_batch: Callable[[], object] | None = None,
) -> LabelScore:
    """The net's score on images with several labels; images that cannot be decoded and difficult labels are left out.

    crops: 1, or 10, whose scores are averaged; batch: crops in one forward pass; loss: "binary" or "hinge"; after_batch: as for
    evaluate. ArithmeticError if scores are infinite or NaN. ValueError, before any work, for another number of crops, loss or
    targets, and for a class without a positive image.
    """
    from npzf.transfer.average_precision import mean_average_precision  # here: transfer builds on training

    resized = fit_to_net(net, images)
    check_labels(resized.source)
    check_loss(loss, resized.source)
    found, kept = _scores(net, resized, crops, batch, after_batch)
    targets, counted = resized.source.targets[kept].astype(bool), counted_labels(resized.source)
    counted = np.ones(targets.shape, bool) if counted is None else counted[kept]
    mean_loss, _ = loss_and_gradient(loss, found, targets, counted)
    mean, each = mean_average_precision(found, targets, ignored=~counted)
    return LabelScore(mean_loss, 100 - 100 * mean, tuple(each.tolist()), len(found))


def check_labels(images: ImageSet) -> None:
    """ValueError unless these images have several labels each, 0 or 1, and every class has a positive image that counts."""
    targets, counted = images.targets, counted_labels(images)
    if targets.ndim != 2:
        raise ValueError(f"targets have shape {targets.shape}, expected ({len(images)}, {len(images.classes)}): several labels")
    if not np.isin(targets, (0, 1)).all():
        raise ValueError("targets have numbers other than 0 and 1, expected these alone for an average precision")
    positive = (targets == 1) & (True if counted is None else counted)
    if not positive.any(0).all():
        name = images.classes[int(positive.any(0).argmin())]
        raise ValueError(f"class {name!r} has no positive image, expected at least one for its average precision")


def _scores(
    net: Network, images: SquareImages, crops: int, batch: int, after_batch: Callable[[], object] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n, classes), the mean of those of an image's crops, and indices (n,), of the images that can be decoded."""
    batches = []
    for found, _, indices in class_scores(net, evaluation_crops(net, images, crops, batch), finite=True):
        batches.append((found, indices))
        if after_batch:
            after_batch()
    if not batches:
        raise ValueError("number of images is 0, expected at least one")
    scores, kept = zip(*batches, strict=True)
    return np.concatenate(scores), np.concatenate(kept)
