"""The losses of nets and of classifiers: softmax (section 2), and a sigmoid or a hinge for each class (section 5.2)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from npzf.backend import is_device_array, to_numpy
from npzf.backend.arrays import array_module
from npzf.ops import ops_of


def softmax(scores: Any) -> Any:
    """scores (N, C) -> probabilities (N, C), each row summing to 1; safe for scores of any size. ValueError for other scores."""
    _check_scores(scores)
    return ops_of(scores).softmax(scores)


def softmax_cross_entropy(scores: Any, labels: Any) -> tuple[float, Any]:
    """Mean over the batch of -log softmax(scores)[label], in nats, and its gradient.

    scores (N, C), labels (N,) whole numbers in [0, C) -> loss, gscores (N, C). ValueError for other scores or labels.
    """
    _check_scores(scores)
    return ops_of(scores).cross_entropy(scores, _checked_labels(labels, scores.shape))


def binary_cross_entropy(scores: Any, targets: Any, mask: Any = None) -> tuple[float, Any]:
    """Mean over the entries of -t log p - (1 - t) log(1 - p), p being the score's sigmoid, in nats, and its gradient.

    One binary classifier a class: scores (N, C); targets t (N, C), bool or float in [0, 1]; mask (N, C) bool: the entries that
    count, None for all -> loss, gscores (N, C), 0 where an entry does not count. If none counts, the loss is 0. Safe for scores
    of any size. ValueError for other shapes, targets or masks.
    """
    _check_scores(scores)
    t, counted = _on_host(targets), _checked_mask(mask, scores.shape)
    if t.shape != scores.shape or t.dtype.kind not in "fb":
        raise ValueError(f"targets are {t.dtype} {t.shape}, expected bool or float of shape {scores.shape}")
    if not np.all((t >= 0) & (t <= 1) | ~counted):  # a NaN is not between them either
        raise ValueError(f"targets run from {t[counted].min()} to {t[counted].max()}, expected 0 to 1")
    xp, n = array_module(scores), max(1, int(counted.sum()))
    t = xp.asarray(np.where(counted, t, 0).astype(scores.dtype))
    small = xp.exp(-abs(scores))  # at most 1
    likelier, other = 1 / (1 + small), small / (1 + small)  # p and 1 - p, without a difference that loses digits
    p, q = xp.where(scores > 0, likelier, other), xp.where(scores > 0, other, likelier)
    losses = xp.maximum(scores, 0) - scores * t + xp.log1p(small)
    return _summed(losses, counted) / n, _kept(((1 - t) * p - t * q) / n, counted)


def hinge(scores: Any, labels: Any, margin: float = 1.0, squared: bool = False, mask: Any = None) -> tuple[float, Any]:
    """Mean over the images of the sum over the classes of max(0, margin - y score), and its gradient.

    One linear SVM a class, one against the rest: y is 1 for an image's own classes and -1 for all others. scores (N, C); labels
    (N,) whole numbers in [0, C), or (N, C) bool; squared: of max(0, margin - y score)**2; mask (N, C) bool: the entries that
    count, None for all -> loss, gscores (N, C), 0 where an entry does not count, or is just at the margin. ValueError for other
    shapes, labels, masks or margins.
    """
    _check_scores(scores)
    if not 0 < margin < math.inf:
        raise ValueError(f"margin is {margin}, expected more than 0")
    labels, counted = _on_host(labels), _checked_mask(mask, scores.shape)
    if labels.dtype == bool:
        own = labels
        if own.shape != scores.shape:
            raise ValueError(f"labels are bool {own.shape}, expected shape {scores.shape}, or whole numbers, one an image")
    else:
        own = np.arange(scores.shape[1]) == _checked_labels(labels, scores.shape)[:, None]
    xp, n = array_module(scores), len(labels)
    y = xp.asarray(np.where(own, 1, -1).astype(scores.dtype))
    short = xp.maximum(float(margin) - y * scores, 0)
    losses, gscores = (short * short, -2 * y * short) if squared else (short, -y * xp.sign(short))  # NaN stays NaN
    return _summed(losses, counted) / n, _kept(gscores / n, counted)


def _on_host(array: Any) -> np.ndarray:
    """Targets as a NumPy array, for checking, wherever they lie."""
    return np.asarray(to_numpy(array) if is_device_array(array) else array)


def _check_scores(scores: Any) -> None:
    """ValueError unless these are scores (N, C) of a float type."""
    if not hasattr(scores, "dtype"):
        raise ValueError(f"scores are a {type(scores).__name__}, expected a float array (N, C)")
    if scores.ndim != 2 or 0 in scores.shape or scores.dtype.kind != "f":
        raise ValueError(f"scores are {scores.dtype} {scores.shape}, expected float (N, C), none of them 0")


def _checked_labels(labels: Any, shape: tuple[int, int]) -> np.ndarray:
    """Labels (N,) of scores of shape (N, C); ValueError for others."""
    labels = _on_host(labels)
    if labels.shape != shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(f"labels are {labels.dtype} {labels.shape}, expected whole numbers of shape {shape[:1]}")
    if labels.min() < 0 or labels.max() >= shape[1]:
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, expected 0 to {shape[1] - 1}")
    return labels


def _checked_mask(mask: Any, shape: tuple[int, int]) -> np.ndarray:
    """Which entries count, bool (N, C), all of them for None; ValueError for another mask."""
    counted = np.ones(shape, bool) if mask is None else _on_host(mask)
    if counted.shape != shape or counted.dtype != bool:
        raise ValueError(f"mask is {counted.dtype} {counted.shape}, expected bool {shape}")
    return counted


def _summed(losses: Any, counted: np.ndarray) -> float:
    """The sum of the entries that count, in float64."""
    return float(_kept(losses, counted).sum(dtype=np.float64))


def _kept(x: Any, counted: np.ndarray) -> Any:
    """x, with 0 for the entries that do not count, even where they are NaN."""
    xp = array_module(x)
    return x if counted.all() else xp.where(xp.asarray(counted), x, xp.zeros_like(x))
