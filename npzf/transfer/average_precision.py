"""Average precision (section 5.2, Table 6): how well the scores of one class put its images before all others."""

from __future__ import annotations

import numpy as np

FORMS = ("area", "11-point", "step")


def average_precision(scores: np.ndarray, targets: np.ndarray, form: str = "area", ignored: np.ndarray | None = None) -> float:
    """The average precision of one class, in [0, 1]: 1 if every positive image scores higher than every other.

    scores (N,); targets (N,) bool: the positive images; ignored (N,) bool: images left out as if they were not there, such as
    VOC's difficult ones. Images of equal score are taken together, so their order does not matter. form:
    "area", under the precision at recall r or above, as a function of r (VOC from 2010 on, Table 6);
    "11-point", the mean of that precision at r = 0, 0.1, ..., 1 (VOC 2007);
    "step", the mean of the precision at each positive image itself (scikit-learn).
    ValueError for other forms, shapes or types, scores that are NaN, or no positive image.
    """
    scores, targets, ignored = _checked(scores, targets, form, ignored, 1)
    return _average_precision(scores[~ignored], targets[~ignored], form)


def mean_average_precision(
    scores: np.ndarray, targets: np.ndarray, form: str = "area", ignored: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """The mean over the classes of their average precision, and the average precision of each, (C,), all in [0, 1].

    scores (N, C), targets (N, C) bool, ignored (N, C) bool; form and errors as for average_precision.
    """
    scores, targets, ignored = _checked(scores, targets, form, ignored, 2)
    columns = zip(scores.T, targets.T, ~ignored.T, strict=True)
    each = np.array([_average_precision(s[kept], t[kept], form, f" of class {c}") for c, (s, t, kept) in enumerate(columns)])
    return float(each.mean()), each


def _average_precision(scores: np.ndarray, targets: np.ndarray, form: str, of: str = "") -> float:
    """average_precision of arguments that have been checked, but for the positives; of: the class, for the message."""
    positives = int(targets.sum())
    if not positives:
        raise ValueError(f"number of positive images{of} is 0, expected at least one that is not ignored")
    order = np.argsort(scores)[::-1]
    scores, targets = scores[order], targets[order]
    last = np.append(scores[1:] != scores[:-1], True)  # of the images that share a score
    found = np.cumsum(targets)[last]  # positives down to each score
    precision = found / (np.flatnonzero(last) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]  # at this recall or above: it never rises with recall
    if form == "11-point":
        reached = [10 * found >= tenth * positives for tenth in range(11)]  # in whole numbers: 3 of 10 is 0.3
        return float(np.mean([best[at.argmax()] for at in reached]))
    fresh = np.diff(found, prepend=0)
    return float(fresh @ (best if form == "area" else precision) / positives)


def _checked(
    scores: np.ndarray, targets: np.ndarray, form: str, ignored: np.ndarray | None, dimensions: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, targets and ignored as arrays of one shape with that many dimensions; ValueError for others."""
    if form not in FORMS:
        raise ValueError(f"form is {form!r}, expected one of {', '.join(FORMS)}")
    scores, targets = np.asarray(scores), np.asarray(targets)
    if scores.ndim != dimensions or scores.dtype.kind not in "fiu" or not scores.size:
        shape = "(N,)" if dimensions == 1 else "(N, C)"
        raise ValueError(f"scores are {scores.dtype} {scores.shape}, expected numbers {shape}, at least one")
    ignored = np.zeros(scores.shape, bool) if ignored is None else np.asarray(ignored)
    for name, array in (("targets", targets), ("ignored", ignored)):
        if array.shape != scores.shape or array.dtype != bool:
            raise ValueError(f"{name} are {array.dtype} {array.shape}, expected bool {scores.shape}, as the scores")
    if np.isnan(scores).any():
        raise ValueError(f"scores are NaN in {np.isnan(scores).sum()} of {scores.size} places, expected numbers")
    return scores, targets, ignored
