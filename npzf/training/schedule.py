"""The learning rate, lowered when the validation error stops falling (section 3, where it is done by hand)."""

from __future__ import annotations

from dataclasses import dataclass


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
        if not self.rate > 0:
            raise ValueError(f"rate is {self.rate}, expected more than 0")
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
