"""Table 6: several labels an image, a linear classifier for each class, judged by average precision (section 5.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npzf.transfer.average_precision import average_precision
from npzf.transfer.classifiers import GRIDS, INNER_FOLDS, LinearClassifier, fit_classifier
from npzf.transfer.span import Span
from npzf.transfer.splits import cross_validation


def fit_labels(
    rows: np.ndarray,
    targets: np.ndarray,
    counted: np.ndarray | None = None,
    kind: str = "svm",
    grid: Sequence[float] | None = None,
    *,
    seed: int = 0,
) -> LinearClassifier:
    """One classifier for each label, all with the C that has the best mean average precision among the training images.

    rows (n, crops, F): the features of each image's crops, as example_rows gives them; targets, counted bool (n, classes): an
    image that does not count for a label, such as one with difficult objects alone, is left out of that label's training. C is
    chosen in three folds; with a single C nothing is tried out. ValueError as fit_classifier, and for a label without both kinds
    of images.
    """
    counted = np.ones(targets.shape, bool) if counted is None else counted
    for label in range(targets.shape[1]):
        for wanted, what in ((True, "with"), (False, "without")):
            if not (targets[:, label] == wanted)[counted[:, label]].any():
                raise ValueError(f"label {label} has no training image {what} it, expected at least one")
    grid = tuple(GRIDS[kind] if grid is None else grid)
    c = grid[0] if len(grid) == 1 else _best_c(rows, targets, counted, kind, grid, seed)
    return _fit(rows, targets, counted, kind, (c,))[0]


def label_scores(rows: np.ndarray, classifier: LinearClassifier) -> np.ndarray:
    """Features of images' crops (n, crops, F) -> scores (n, classes), averaged over the crops."""
    return classifier.scores(rows.reshape(-1, rows.shape[2])).reshape(*rows.shape[:2], -1).mean(1)


def _fit(rows: np.ndarray, targets: np.ndarray, counted: np.ndarray, kind: str, grid: Sequence[float]) -> list[LinearClassifier]:
    """Classifiers of all labels for each C."""
    x, crops = rows.reshape(-1, rows.shape[2]), rows.shape[1]
    span = Span(x) if len(x) < x.shape[1] else None
    coordinates = x if span is None else span.train
    fitted = []
    for c in grid:
        weights, biases = [], []
        for label in range(targets.shape[1]):
            used = np.repeat(counted[:, label], crops)
            one = fit_classifier(coordinates[used], np.repeat(targets[:, [label]], crops, axis=0)[used], kind, c)
            weights.append(one.weight[0])
            biases.append(one.bias[0])
        weight = np.stack(weights)
        fitted.append(LinearClassifier(weight if span is None else span.weight(weight), np.array(biases), c))
    return fitted


def _best_c(rows: np.ndarray, targets: np.ndarray, counted: np.ndarray, kind: str, grid: Sequence[float], seed: int) -> float:
    """The C with the highest mean average precision in cross-validation, the first of equals; the middle if none can be tried."""
    totals, tried = np.zeros(len(grid)), 0
    for split in cross_validation(np.zeros(len(rows), np.int64), min(INNER_FOLDS, len(rows)), seed):
        train, test = split.train, split.test
        usable = np.array([k for k in range(targets.shape[1]) if _both(targets, counted, k, train, test)], np.int64)
        if not len(usable):
            continue
        tried += 1
        fitted = _fit(rows[train], targets[np.ix_(train, usable)], counted[np.ix_(train, usable)], kind, grid)
        for k, classifier in enumerate(fitted):
            scores = label_scores(rows[test], classifier)
            totals[k] += np.mean(
                [
                    average_precision(scores[:, column], targets[test, label], ignored=~counted[test, label])
                    for column, label in enumerate(usable)
                ]
            )
    return grid[int(totals.argmax())] if tried else grid[len(grid) // 2]


def _both(targets: np.ndarray, counted: np.ndarray, label: int, train: np.ndarray, test: np.ndarray) -> bool:
    """Whether the training images have both kinds for a label, and the test images one with it."""
    seen, judged = (targets[part, label][counted[part, label]] for part in (train, test))
    return bool(seen.any() and not seen.all() and judged.any())
