"""Table 6: several labels an image, a linear classifier for each class, judged by average precision (section 5.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npzf.transfer.average_precision import average_precision
from npzf.transfer.classifiers import GRIDS, INNER_FOLDS, LinearClassifier, check_finite, fit_classifier
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
    chosen in three folds; with a single C nothing is tried out. ValueError as fit_classifier, for other shapes or types, and for
    a label without both kinds of images.
    """
    counted = np.ones(targets.shape, bool) if counted is None else counted
    for name, array in (("targets", targets), ("counted", counted)):
        if array.dtype != bool or array.ndim != 2 or array.shape != (len(rows), targets.shape[-1]):
            raise ValueError(f"{name} are {array.dtype} {array.shape}, expected bool ({len(rows)}, classes), as the rows")
    check_finite(rows.reshape(-1, rows.shape[2]))
    for label in range(targets.shape[1]):
        for wanted, what in ((True, "with"), (False, "without")):
            if not (targets[:, label] == wanted)[counted[:, label]].any():
                raise ValueError(f"label {label} has no training image {what} it, expected at least one")
    grid = tuple(GRIDS[kind] if grid is None else grid)
    c = grid[0] if len(grid) == 1 else _best_c(rows, targets, counted, kind, grid, seed)
    return _fit(rows, targets, counted, kind, (c,))[0]


def _fit(rows: np.ndarray, targets: np.ndarray, counted: np.ndarray, kind: str, grid: Sequence[float]) -> list[LinearClassifier]:
    """Classifiers of all labels for each C."""
    x, crops = rows.reshape(-1, rows.shape[2]), rows.shape[1]
    span = Span(x) if len(x) < x.shape[1] else None
    coordinates = x if span is None else span.train
    alike: dict[bytes, list[int]] = {}  # labels for which the same images count are fitted at once
    for label in range(targets.shape[1]):
        alike.setdefault(counted[:, label].tobytes(), []).append(label)
    weight, bias = np.empty((len(grid), targets.shape[1], coordinates.shape[1])), np.empty((len(grid), targets.shape[1]))
    for labels in alike.values():
        used = counted[:, labels[0]]
        examples = coordinates[np.repeat(used, crops)]
        positive = np.repeat(targets[used][:, labels], crops, axis=0)
        for k, c in enumerate(grid):
            one = fit_classifier(examples, positive, kind, c)
            weight[k, labels], bias[k, labels] = one.weight, one.bias
    weights = weight if span is None else [span.weight(one) for one in weight]
    return [LinearClassifier(*parts) for parts in zip(weights, bias, grid, strict=True)]


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
            scores = classifier.mean_scores(rows[test])
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
