"""The learning rate, lowered when the validation error stops falling (section 3, where it is done by hand)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Plateau:
    """rate is multiplied by `factor` once `patience` epochs have brought no lower validation error (percent)."""

    rate: float
    patience: int
    factor: float = 0.1  # open in section 3; Krizhevsky et al. 2012 divide by ten
    best: float = float("inf")
    waited: int = 0

    def __post_init__(self):
        if not (self.rate > 0 and 0 < self.factor < 1 and self.patience >= 1):
            raise ValueError(
                f"rate is {self.rate}, factor {self.factor}, patience {self.patience}, "
                "expected rate > 0, factor between 0 and 1, patience >= 1 epochs"
            )

    def update(self, error: float) -> bool:
        """Takes an epoch's validation error; whether the rate has been lowered for the next one."""
        if error < self.best:
            self.best, self.waited = error, 0
            return False
        self.waited += 1
        if self.waited < self.patience:
            return False
        self.rate, self.waited = self.rate * self.factor, 0
        return True
