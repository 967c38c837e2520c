"""Errors on images not trained on (section 5.1, Table 2): one centre crop, or ten crops averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from npzf.data import EvaluationBatches, ImageSet, SquareImages, TenCropBatches, fit_to_net, one_class_each
from npzf.network import Network
from npzf.predict import class_scores, probabilities
from npzf.training.objectives import check_loss, loss_and_gradient


@dataclass(frozen=True)
class Score:
    """Mean loss, by default the cross-entropy in nats, top-1 and top-5 error in percent, and the number of images."""

    loss: float
    error: float
    top5_error: float
    images: int


def evaluate(
    net: Network,
    images: ImageSet | SquareImages,
    crops: int = 1,
    batch: int = 128,
    loss: str = "softmax",
    after_batch: Callable[[], object] | None = None,
) -> Score:
    """The net's score on these images; those that cannot be decoded are left out.

    crops: 1, the centre, or 10, corners and centre, mirrored, whose probabilities are averaged; batch: crops in one forward pass.
    loss: "softmax", or "hinge", for which scores are averaged. after_batch: is called after each; what it raises ends the
    evaluation. ArithmeticError if scores are infinite or NaN. ValueError for another number of crops or loss, for several labels
    an image (evaluate_labels), or if a target is not one of the net's classes.
    """
    resized = fit_to_net(net, images)
    one_class_each(resized.source.targets)
    check_loss(loss, resized.source)
    batches = evaluation_crops(net, resized, crops, batch)
    total, wrong, wrong5, count = 0.0, 0, 0, 0
    for y, targets, _ in (probabilities if loss == "softmax" else class_scores)(net, batches, finite=True):
        if targets.max() >= y.shape[1]:
            raise ValueError(f"targets run to {targets.max()}, expected below {y.shape[1]}, the net's number of classes")
        order = np.argsort(-y, axis=1, kind="stable")  # ties: the first class, as in argmax
        rank = (order == targets[:, None]).argmax(1)  # number of classes before the true one
        if loss == "softmax":
            total -= float(np.log(np.maximum(y[np.arange(len(y)), targets], np.finfo(y.dtype).tiny)).sum())
        else:
            total += loss_and_gradient(loss, y, targets)[0] * len(y)
        wrong, wrong5, count = wrong + int((rank >= 1).sum()), wrong5 + int((rank >= 5).sum()), count + len(y)
        if after_batch:
            after_batch()
    if not count:
        raise ValueError("number of images is 0, expected at least one")
    return Score(total / count, 100 * wrong / count, 100 * wrong5 / count, count)


def evaluation_crops(net: Network, images: SquareImages, crops: int, batch: int) -> EvaluationBatches:
    """Batches of one crop of each image, the centre, or of ten, `batch` crops in each; ValueError for another number."""
    rows, columns, _ = net.input_shape
    if crops == 1:
        return EvaluationBatches(images, (rows, columns), batch, net.preprocessing)
    if crops == 10:
        return TenCropBatches(images, (rows, columns), max(1, batch // 10), net.preprocessing)
    raise ValueError(f"crops is {crops}, expected 1 (centre) or 10 (corners and centre, mirrored)")
