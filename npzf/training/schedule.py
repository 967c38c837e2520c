"""The learning rate, lowered when the validation error stops falling (section 3, where it is done by hand), or along a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from npzf.training.config import TrainingConfig


@dataclass
class Plateau:
    """Multiplies rate by factor once `patience` epochs have brought no lower validation error (percent).

    best: the lowest error so far; waited: epochs since. ValueError for values out of range.
    """

    rate: float
    patience: int
    factor: float = 0.1  # open in section 3; Krizhevsky et al. 2012 divide by ten
    best: float = float("inf")
    waited: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.rate < math.inf:
            raise ValueError(f"rate is {self.rate}, expected a finite number above 0")
        if not 0 < self.factor < 1:
            raise ValueError(f"factor is {self.factor}, expected between 0 and 1")
        if not self.patience >= 1:
            raise ValueError(f"patience is {self.patience}, expected at least 1 epoch")

    def update(self, error: float) -> bool:
        """Takes the validation error of an epoch; returns whether the rate of the next one is lowered."""
        if error < self.best:
            self.best, self.waited = error, 0
            return False
        self.waited += 1
        if self.waited < self.patience:
            return False
        self.rate, self.waited = self.rate * self.factor, 0
        return True


@dataclass
class Cosine:
    """A rate that falls from `start` to 0 along half a cosine over the epochs (Loshchilov & Hutter 2017); no part of the paper.

    epoch: how many are done; best: the lowest validation error (percent) so far, which the rate does not depend on. With another
    total of epochs the rate of those to come is that of the other cosine: it does not fall to 0 before the last. ValueError for
    values out of range.
    """

    start: float
    epochs: int
    best: float = float("inf")
    epoch: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.start < math.inf:
            raise ValueError(f"rate is {self.start}, expected a finite number above 0")
        if not self.epochs >= 1:
            raise ValueError(f"epochs is {self.epochs}, expected at least 1")

    @property
    def rate(self) -> float:
        """That of the next epoch; a function of its number alone, so that resuming gives the same bits."""
        return self.start * 0.5 * (1 + math.cos(math.pi * min(1.0, self.epoch / self.epochs)))

    def update(self, error: float) -> bool:
        """Takes the validation error of an epoch; returns whether the rate of the next one, if there is one, is lowered."""
        self.best, self.epoch = min(self.best, error), self.epoch + 1
        return self.epoch < self.epochs


def new_schedule(config: TrainingConfig) -> Plateau | Cosine:
    """The schedule that a config names, before the first epoch."""
    if config.schedule == "cosine":
        return Cosine(config.rate, config.epochs)
    return Plateau(config.rate, config.patience, config.factor)


def resumed_schedule(config: TrainingConfig, state: dict[str, Any]) -> Plateau | Cosine:
    """The schedule with the fields it had when it was saved; a cosine over the epochs of this config."""
    return Cosine(**state | {"epochs": config.epochs}) if config.schedule == "cosine" else Plateau(**state)
