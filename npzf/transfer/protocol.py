"""The protocol of Tables 4, 5 and 7 and of figure 9: training images a class, several random splits, mean over classes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from npzf.numbers import is_finite
from npzf.storage.json_file import read_json, write_json
from npzf.transfer.evaluation import Setting, evaluate_split
from npzf.transfer.feature_file import FeatureFile
from npzf.transfer.splits import MOST_TEST, Split, random_split, write_split
from npzf.transfer.tables import Cell

FOLDS = 5  # section 5.2


@dataclass(frozen=True)
class Protocol:
    """Training images a class; seeds of the splits; most_test: test images a class at most; without: images that are left out."""

    per_class: tuple[int, ...]
    seeds: tuple[int, ...] = tuple(range(FOLDS))
    most_test: int | None = MOST_TEST
    without: tuple[int, ...] = ()

    def split(self, features: FeatureFile, per_class: int, seed: int) -> Split:
        """One of the splits, of the images that can be decoded; errors as random_split."""
        allowed = features.decoded.copy()
        allowed[list(self.without)] = False
        kept = np.flatnonzero(allowed)
        split = random_split(features.targets[kept], features.classes, per_class, most_test=self.most_test, seed=seed)
        return Split(kept[split.train], kept[split.test])

    def check(self, features: FeatureFile) -> None:
        """ValueError, before any work, if one of the splits cannot be made."""
        for per_class in self.per_class:
            self.split(features, per_class, self.seeds[0])


@dataclass(frozen=True)
class Result:
    """What one split gave: accuracy in percent, mean over classes; the C that was chosen, if one was; seconds."""

    accuracy: float
    c: float | None
    seconds: float


class ResultFile:
    """Results that are known already, as JSON with a digest; an interrupted table goes on there. path None: none are kept.

    A result is found again by everything that it depends on: features, setting and the images of the split.
    """

    def __init__(self, path: str | Path | None):
        self.path = None if path is None else Path(path)
        self.results: dict[str, dict[str, Any]] = {}
        if self.path is not None and self.path.exists():
            self.results = read_json(self.path, "results that npzf wrote")
            try:
                for result in self.results.values():
                    _checked(**result)
            except (TypeError, AttributeError) as error:
                raise ValueError(f"{self.path} cannot be read ({error}), expected results that npzf wrote: remove it") from None

    def known(self, parts: tuple, compute: Callable[[], Result]) -> Result:
        """The result of whatever depends on these parts alone, computed if it is not known."""
        key = result_key(parts)
        if key not in self.results:
            result = compute()
            if not math.isfinite(result.accuracy):
                raise ValueError(f"accuracy is {result.accuracy}, expected a number: no test image of a class can be decoded")
            self.results[key] = asdict(result)
            if self.path is not None:
                write_json(self.path, self.results)
        return Result(**self.results[key])

    def evaluate(self, features: FeatureFile, setting: Setting, split: Split, seed: int) -> Result:
        """The result of a classifier on features."""

        def compute() -> Result:
            outcome = evaluate_split(features, setting, split, seed=seed)
            return Result(outcome.accuracy, outcome.c, outcome.seconds)

        return self.known((sorted(features.identity.items()), setting, seed, *split_identity(split)), compute)


def _checked(accuracy: float, c: float | None, seconds: float) -> Result:
    """The result in a file; TypeError if one of its numbers is none."""
    for number in (accuracy, seconds, 0.0 if c is None else c):
        if not is_finite(number):
            raise TypeError(f"{number!r} stands where a number was expected")
    return Result(accuracy, c, seconds)


def result_key(parts: tuple) -> str:
    """A digest of whatever a result depends on."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def split_identity(split: Split) -> tuple[bytes, bytes]:
    """What tells splits of one set apart."""
    return split.train.tobytes(), split.test.tobytes()


def evaluate_protocol(
    features: FeatureFile,
    setting: Setting,
    protocol: Protocol,
    results: ResultFile,
    each: Callable[[int, int, Result], None] | None = None,
) -> dict[int, Cell]:
    """Training images a class -> accuracy over the splits; each(per_class, seed, result) is called as they are known.

    ValueError, before any work, as Protocol.check.
    """
    protocol.check(features)
    cells = {}
    for per_class in protocol.per_class:
        found = []
        for seed in protocol.seeds:
            found.append(results.evaluate(features, setting, protocol.split(features, per_class, seed), seed))
            if each:
                each(per_class, seed, found[-1])
        cells[per_class] = Cell.over([result.accuracy for result in found], sum(result.seconds for result in found))
    return cells


def write_splits(folder: str | Path, features: FeatureFile, protocol: Protocol, root: str | Path = "") -> None:
    """Writes the protocol's splits, one file each: 30-a-class-seed-0.txt."""
    for per_class in protocol.per_class:
        for seed in protocol.seeds:
            path = Path(folder) / f"{per_class}-a-class-seed-{seed}.txt"
            write_split(path, protocol.split(features, per_class, seed), features.names, root)
