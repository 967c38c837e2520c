"""How well the features of a net serve for other classes (section 5.2): accuracy on test images, mean over classes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from npzf.transfer.classifiers import LinearClassifier, Problem, choose_c
from npzf.transfer.feature_file import FeatureFile
from npzf.transfer.splits import Split

BLOCK = 2**27  # bytes of features that are scored at once

log = logging.getLogger("npzf")


@dataclass(frozen=True)
class Setting:
    """What is classified and how: layers, side by side; kind "svm" or "softmax"; normalize: each layer to unit length.

    grid: the values of C that are tried out on the training images, None for the usual ones.
    """

    layers: tuple[str, ...]
    kind: str = "svm"
    normalize: bool = True
    grid: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """Of one split: accuracy in percent, mean over classes; its C; scores (m, classes) of its test images; seconds."""

    accuracy: float
    c: float
    scores: np.ndarray
    test: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation (of a sample) over splits, in percent, and how many they were."""

    mean: float
    deviation: float
    splits: int

    def __str__(self) -> str:
        return f"{self.mean:.1f} +- {self.deviation:.1f}"


def summary(accuracies: Sequence[float]) -> Summary:
    """Their mean and deviation; a single one deviates by nothing."""
    deviation = float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0
    return Summary(float(np.mean(accuracies)), deviation, len(accuracies))


def example_rows(features: FeatureFile, setting: Setting, indices: np.ndarray) -> np.ndarray:
    """The features of these images (n,) as the classifier takes them: float32 (n, crops, F)."""
    if not setting.normalize:
        return features.rows(setting.layers, indices)
    parts = [features.rows((layer,), indices) for layer in setting.layers]
    lengths = [np.linalg.norm(part, axis=2, keepdims=True) for part in parts]
    return np.concatenate([part / np.maximum(length, 1e-12) for part, length in zip(parts, lengths, strict=True)], axis=2)


def fit_split(features: FeatureFile, setting: Setting, train: np.ndarray, *, seed: int = 0) -> LinearClassifier:
    """The classifier of these training images, its C chosen among them; images that cannot be decoded are left out.

    Every crop of an image is an example of its own. ValueError as fit_classifier.
    """
    train = train[features.decoded[train]]
    rows = example_rows(features, setting, train)
    groups, x = np.repeat(np.arange(len(train)), rows.shape[1]), rows.reshape(-1, rows.shape[2])
    targets = features.targets[train][groups]
    c = choose_c(x, targets, setting.kind, setting.grid, groups=groups, seed=seed)
    return Problem(x, targets).fit(setting.kind, c)


def scores_of(features: FeatureFile, setting: Setting, classifier: LinearClassifier, indices: np.ndarray) -> np.ndarray:
    """Scores of these images (n,), averaged over their crops: (n, classes), a block of images at a time."""
    width = classifier.weight.shape[1] * features.crops * 4
    blocks = np.array_split(indices, min(max(1, len(indices) * width // BLOCK), max(1, len(indices))))
    return np.concatenate([_block_scores(example_rows(features, setting, block), classifier) for block in blocks])


def _block_scores(rows: np.ndarray, classifier: LinearClassifier) -> np.ndarray:
    scores = classifier.scores(rows.reshape(-1, rows.shape[2]))
    return scores.reshape(*rows.shape[:2], -1).mean(1)


def evaluate_split(features: FeatureFile, setting: Setting, split: Split, *, seed: int = 0) -> Outcome:
    """Fits on the split's training images and scores its test images."""
    start = time.perf_counter()
    classifier = fit_split(features, setting, split.train, seed=seed)
    test = split.test[features.decoded[split.test]]
    scores = scores_of(features, setting, classifier, test)
    accuracy = mean_class_accuracy(scores.argmax(1), features.targets[test], len(features.classes))
    return Outcome(accuracy, classifier.c, scores, test, time.perf_counter() - start)


def evaluate_splits(
    features: FeatureFile,
    setting: Setting,
    splits: Sequence[Split],
    each: Callable[[int, Outcome], None] | None = None,
) -> tuple[Summary, list[Outcome]]:
    """Evaluates split by split, calling each(number, outcome); the summary and all outcomes."""
    outcomes = []
    for number, split in enumerate(splits):
        outcomes.append(evaluate_split(features, setting, split, seed=number))
        if each:
            each(number, outcomes[-1])
    return summary([outcome.accuracy for outcome in outcomes]), outcomes


def mean_class_accuracy(predictions: np.ndarray, targets: np.ndarray, classes: int) -> float:
    """Percent of each class that is right, mean over the classes that have test images: small classes count as large ones do."""
    table = confusion_matrix(predictions, targets, classes)
    counts = table.sum(1)
    return float(100 * (np.diag(table)[counts > 0] / counts[counts > 0]).mean())


def confusion_matrix(predictions: np.ndarray, targets: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes): how many images of the class of the row were taken for that of the column."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (targets, predictions), 1)
    return table
