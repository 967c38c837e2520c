"""Errors on images not trained on (section 5.1, Table 2): one centre crop, or ten crops averaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from npzf.backend import to_numpy
from npzf.data import EvaluationBatches, SquareImages, ten_crops
from npzf.losses import softmax
from npzf.network import Network


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy in nats, top-1 and top-5 error in percent, over so many images."""

    loss: float
    error: float
    top5_error: float
    images: int


def evaluate(net: Network, squares: SquareImages, crops: int = 1, batch: int = 128) -> Score:
    """The net's score on these images; ValueError unless crops is 1 or 10, or if a label is not one of the net's classes."""
    loss = wrong = wrong5 = images = 0
    for p, labels, _ in probabilities(net, squares, crops, batch):
        if labels.max() >= p.shape[1]:
            raise ValueError(f"labels run to {labels.max()}, expected below {p.shape[1]}, the net's number of classes")
        own = p[np.arange(len(p)), labels]
        order = np.argsort(-p, axis=1, kind="stable")  # of equals the first, as argmax has it
        rank = (order == labels[:, None]).argmax(1)  # how many classes come before the true one
        loss -= float(np.log(np.maximum(own, np.finfo(p.dtype).tiny)).sum())
        wrong, wrong5, images = wrong + int((rank >= 1).sum()), wrong5 + int((rank >= 5).sum()), images + len(p)
    return Score(loss / images, 100 * wrong / images, 100 * wrong5 / images, images)


def probabilities(net: Network, squares: SquareImages, crops: int, batch: int) -> Iterator[tuple[np.ndarray, ...]]:
    """(probabilities (n, classes), labels (n,), indices (n,)); with ten crops the mean of their softmax outputs."""
    size = net.input_shape[0]
    if crops == 1:
        for x, labels, indices in net.fed(EvaluationBatches(squares, size, batch, net.preprocessing)):
            yield softmax(to_numpy(net.forward(x))), labels, indices
    elif crops == 10:
        few = max(1, batch // 10)
        for start in range(0, len(squares), few):
            pixels, indices = squares.take(range(start, min(start + few, len(squares))))
            if len(indices):
                x = net.preprocessing.apply(ten_crops(pixels, size).reshape(-1, size, size, 3))
                p = softmax(to_numpy(net.forward(x))).reshape(len(indices), 10, -1).mean(1)
                yield p, squares.source.targets[indices], indices
    else:
        raise ValueError(f"crops is {crops}, expected 1 (centre) or 10 (corners and centre, mirrored)")
