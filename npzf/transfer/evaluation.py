"""How well the features of a net serve for other classes (section 5.2): accuracy on test images, mean over classes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from npzf.transfer.classifiers import LinearClassifier, Problem, choose_c
from npzf.transfer.feature_file import FeatureFile
from npzf.transfer.splits import Split

BLOCK = 2**27  # bytes of features that are scored at once


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
    return np.concatenate([classifier.mean_scores(example_rows(features, setting, block)) for block in blocks])


def evaluate_split(features: FeatureFile, setting: Setting, split: Split, *, seed: int = 0) -> Outcome:
    """Fits on the split's training images and scores its test images."""
    start = time.perf_counter()
    classifier = fit_split(features, setting, split.train, seed=seed)
    test = split.test[features.decoded[split.test]]
    scores = scores_of(features, setting, classifier, test)
    accuracy = mean_class_accuracy(scores.argmax(1), features.targets[test], len(features.classes))
    return Outcome(accuracy, classifier.c, scores, test, time.perf_counter() - start)


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
