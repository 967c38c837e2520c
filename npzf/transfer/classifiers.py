"""Linear classifiers on the features of a trained net (section 5.2, Tables 4 to 7): softmax regression and a linear SVM."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from npzf.backend import threads
from npzf.interop.packages import required
from npzf.transfer.span import Span
from npzf.transfer.splits import cross_validation

KINDS = ("svm", "softmax")
GRIDS = {"svm": (0.3, 1.0, 3.0), "softmax": (10.0, 30.0, 100.0)}  # of C, for features of unit length
INNER_FOLDS = 3
MOST_STEPS = 2000

log = logging.getLogger("npzf")


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """scores = x weight^T + bias: weight (classes, F), bias (classes,); c: what it was fitted with."""

    weight: np.ndarray
    bias: np.ndarray
    c: float

    def scores(self, x: np.ndarray) -> np.ndarray:
        """x (N, F) -> scores (N, classes): the SVM's decision values, or scores before the softmax."""
        return x @ self.weight.T + self.bias

    def mean_scores(self, rows: np.ndarray) -> np.ndarray:
        """Features of images' crops (n, crops, F) -> scores (n, classes), averaged over the crops."""
        return self.scores(rows.reshape(-1, rows.shape[2])).reshape(*rows.shape[:2], -1).mean(1)


def fit_classifier(x: np.ndarray, targets: np.ndarray, kind: str = "svm", c: float = 1.0) -> LinearClassifier:
    """Fits scikit-learn's LinearSVC, one class against the rest, or LogisticRegression, a softmax over all classes.

    x (N, F); targets (N,), classes 0, 1, ... each with an image at least; or bool (N, classes), several labels an image, each of
    which gets a classifier of its own. c: the weight of the errors against that of the squared weights, scikit-learn's C.
    ValueError for another kind, NaN features, fewer than two classes, and a label that all or no images have.
    """
    _check_kind(kind)
    if not c > 0:
        raise ValueError(f"c is {c}, expected more than 0")
    check_finite(x)
    convergence = required("sklearn.exceptions", "transfer").ConvergenceWarning
    with warnings.catch_warnings():  # here, and not in the threads, which share the filters
        warnings.simplefilter("ignore", convergence)
        return _fit(x, targets, kind, c)


def _fit(x: np.ndarray, targets: np.ndarray, kind: str, c: float) -> LinearClassifier:
    if targets.ndim == 2:
        return _fit_labels(x, targets, kind, c)
    present = np.unique(targets)
    if len(present) < 2 or (present != np.arange(len(present))).any():
        raise ValueError(
            f"classes of the training images are {present.tolist()[:5]}, expected at least two, from 0 without a gap"
        )
    if kind == "softmax":
        return _fit_softmax(x, targets, c)
    if len(present) == 2:
        one = _fit_svm(x, targets == 1, c)
        return LinearClassifier(np.stack([-one.weight, one.weight]), np.stack([-one.bias, one.bias]), c)
    return _fit_svms(x, [targets == label for label in present], c)


class Problem:
    """Training examples x (n, F) with targets, to be fitted with several C; few of them are turned into their span first.

    Errors as fit_classifier, which gives the same classifiers up to rounding, more slowly.
    """

    def __init__(self, x: np.ndarray, targets: np.ndarray):
        check_finite(x)
        self.x, self.targets = x, targets
        self.span = Span(x) if len(x) < x.shape[1] else None

    def fit(self, kind: str, c: float) -> LinearClassifier:
        """As fit_classifier(x, targets, kind, c)."""
        if self.span is None:
            return fit_classifier(self.x, self.targets, kind, c)
        fitted = fit_classifier(self.span.train, self.targets, kind, c)
        return LinearClassifier(self.span.weight(fitted.weight), fitted.bias.astype(self.x.dtype), c)


def choose_c(
    x: np.ndarray,
    targets: np.ndarray,
    kind: str = "svm",
    grid: Sequence[float] | None = None,
    *,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> float:
    """The C with the best accuracy in cross-validation over these training examples, three folds; the first of equals.

    x (N, F), targets (N,); groups (N,): examples of one image, such as its crops, which stay together. With fewer than two images
    in every class nothing can be tried out, and the middle of the grid is taken. ValueError as fit_classifier.
    """
    _check_kind(kind)
    grid = tuple(GRIDS[kind] if grid is None else grid)
    if not grid:
        raise ValueError("grid is empty, expected at least one C")
    groups = np.arange(len(targets)) if groups is None else groups
    images, first = np.unique(groups, return_index=True)
    folds = min(INNER_FOLDS, int(np.bincount(targets[first]).min()))
    if len(grid) == 1 or folds < 2:
        return grid[len(grid) // 2]
    right = np.zeros(len(grid))
    for split in cross_validation(targets[first], folds, seed):
        train, test = (np.isin(groups, images[part]) for part in (split.train, split.test))
        problem = Problem(x[train], targets[train])
        for k, c in enumerate(grid):
            scores = problem.fit(kind, c).scores(x[test])
            right[k] += (scores.argmax(1) == targets[test]).sum()
    return grid[int(right.argmax())]


def _fit_softmax(x: np.ndarray, targets: np.ndarray, c: float) -> LinearClassifier:
    linear = required("sklearn.linear_model", "transfer")
    model = linear.LogisticRegression(C=c, max_iter=MOST_STEPS, tol=1e-4)
    model.fit(x, targets)
    _say_if_stopped(model, c)
    if len(model.coef_) == 1:  # two classes: one weight, for the difference of the scores
        weight, bias = model.coef_[0] / 2, model.intercept_[0] / 2
        return LinearClassifier(np.stack([-weight, weight]), np.stack([-bias, bias]), c)
    return LinearClassifier(model.coef_, model.intercept_, c)


def _fit_labels(x: np.ndarray, targets: np.ndarray, kind: str, c: float) -> LinearClassifier:
    constant = np.flatnonzero(targets.all(0) | ~targets.any(0))
    if len(constant):
        raise ValueError(f"label {constant[0]} is that of all training images or of none, expected both kinds")
    labels = list(targets.astype(bool).T)
    if kind == "svm":
        return _fit_svms(x, labels, c)
    fitted = [_fit_softmax(x, label.astype(np.int64), c) for label in labels]  # a sigmoid each
    return LinearClassifier(np.stack([2 * one.weight[1] for one in fitted]), np.stack([2 * one.bias[1] for one in fitted]), c)


def _fit_svms(x: np.ndarray, labels: list[np.ndarray], c: float) -> LinearClassifier:
    """One SVM for each label; LIBLINEAR lets other threads run."""
    x = np.ascontiguousarray(x, np.float64)  # once, instead of in each fit
    with ThreadPoolExecutor(threads.count(), thread_name_prefix="npzf-svm") as pool:
        fitted = list(pool.map(lambda label: _fit_svm(x, label, c), labels))
    return LinearClassifier(np.stack([one.weight for one in fitted]), np.array([one.bias for one in fitted]), c)


def _fit_svm(x: np.ndarray, label: np.ndarray, c: float) -> LinearClassifier:
    svm = required("sklearn.svm", "transfer")
    # Not the dual problem: its solver draws from one generator that all threads share, and no two fits would be the same.
    model = svm.LinearSVC(C=c, dual=False, max_iter=MOST_STEPS)
    model.fit(x, label)
    _say_if_stopped(model, c)
    return LinearClassifier(model.coef_[0], model.intercept_[0], c)


def check_finite(x: np.ndarray) -> None:
    """ValueError if features (N, F) are NaN or infinite."""
    bad = int((~np.isfinite(x).all(1)).sum())
    if bad:
        raise ValueError(f"features of {bad} of {len(x)} examples are NaN or infinite, expected none")


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join(KINDS)}")


def _say_if_stopped(model: Any, c: float) -> None:
    steps = int(np.max(model.n_iter_))
    if steps >= MOST_STEPS:
        log.warning("%s with C = %g stopped after %d steps, before it had converged", type(model).__name__, c, steps)
