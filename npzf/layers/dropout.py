"""Dropout in layers 6 and 7 (section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from npzf.layers.layer import Pointwise, Save


class Draw(NamedTuple):
    """Which mask a training pass draws: (seed, layer, training pass), and the place of its first image in the whole batch."""

    key: tuple[int, int, int]
    first: int = 0


@dataclass(eq=False)
class Dropout(Pointwise):
    """In training each number is 0 with probability `rate`, else divided by 1 - rate; otherwise nothing happens."""

    rate: float = 0.5  # section 3

    def __post_init__(self):
        if not 0 <= self.rate < 1:
            raise ValueError(f"Dropout: rate is {self.rate}, expected at least 0 and below 1")

    def forward(self, x, save=Save.NOTHING, draw: Draw | None = None):
        """x -> y of the same shape; draw: the mask of a training pass, None outside of training."""
        if draw is None:
            return x, None
        mask = self.ops.dropout_mask(x, self.rate, *draw)
        return x * mask, mask

    def backward(self, gy, saved, out=None):
        """gx = gy through the same mask; unchanged if nothing was dropped."""
        return gy if saved is None else gy * saved, {}

    def project(self, y, saved, rules):
        """Passed on as it is: nothing is dropped when looking at a net."""
        return y
