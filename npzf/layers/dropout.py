"""Dropout in layers 6 and 7 (section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from npzf.layers.checks import require_finite
from npzf.layers.layer import Gradients, Pointwise, ProjectionRules, Save


class Draw(NamedTuple):
    """Which mask a training pass draws: (seed, layer, training pass), and the place of its first image in the whole batch."""

    key: tuple[int, int, int]
    first: int = 0


@dataclass(eq=False)
class Dropout(Pointwise):
    """In training each number is 0 with probability `rate`, else divided by 1 - rate; otherwise nothing happens."""

    rate: float = 0.5  # section 3

    def __post_init__(self) -> None:
        require_finite("Dropout", rate=self.rate)
        if not 0 <= self.rate < 1:
            raise ValueError(f"Dropout: rate is {self.rate}, expected at least 0 and below 1")

    def forward(self, x: Any, save: Save = Save.NOTHING, draw: Draw | None = None) -> tuple[Any, Any]:
        """x -> y of the same shape; draw: the mask of a training pass, None outside of training."""
        if draw is None:
            return x, None
        mask = self.ops.dropout_mask(x, self.rate, *draw)
        return x * mask, mask

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gx = gy through the same mask; unchanged if nothing was dropped."""
        return gy if saved is None else gy * saved, {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """Passed on as it is: nothing is dropped when looking at a net."""
        return y
