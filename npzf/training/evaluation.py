"""Errors on images not trained on (section 5.1, Table 2): one centre crop, or ten crops averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npzf.data import EvaluationBatches, ImageSet, SquareImages, TenCropBatches, fit_to_net, one_class_each
from npzf.network import Network
from npzf.predict import probabilities


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy in nats, top-1 and top-5 error in percent, and the number of images."""

    loss: float
    error: float
    top5_error: float
    images: int


def evaluate(net: Network, images: ImageSet | SquareImages, crops: int = 1, batch: int = 128) -> Score:
    """The net's score on these images; those that cannot be decoded are left out.

    crops: 1, the centre, or 10, corners and centre, mirrored, whose probabilities are averaged; batch: crops in one forward pass.
    ValueError for another number of crops, for several labels an image, or if a target is not one of the net's classes.
    """
    resized = fit_to_net(net, images)
    one_class_each(resized.source.targets)
    rows, columns, _ = net.input_shape
    if crops == 1:
        batches = EvaluationBatches(resized, (rows, columns), batch, net.preprocessing)
    elif crops == 10:
        batches = TenCropBatches(resized, (rows, columns), max(1, batch // 10), net.preprocessing)
    else:
        raise ValueError(f"crops is {crops}, expected 1 (centre) or 10 (corners and centre, mirrored)")
    loss, wrong, wrong5, count = 0.0, 0, 0, 0
    for p, targets, _ in probabilities(net, batches):
        if targets.max() >= p.shape[1]:
            raise ValueError(f"targets run to {targets.max()}, expected below {p.shape[1]}, the net's number of classes")
        p_target = p[np.arange(len(p)), targets]
        order = np.argsort(-p, axis=1, kind="stable")  # ties: the first class, as in argmax
        rank = (order == targets[:, None]).argmax(1)  # number of classes before the true one
        loss -= float(np.log(np.maximum(p_target, np.finfo(p.dtype).tiny)).sum())
        wrong, wrong5, count = wrong + int((rank >= 1).sum()), wrong5 + int((rank >= 5).sum()), count + len(p)
    if not count:
        raise ValueError("number of images is 0, expected at least one")
    return Score(loss / count, 100 * wrong / count, 100 * wrong5 / count, count)
