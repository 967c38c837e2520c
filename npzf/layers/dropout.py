"""Dropout in layers 6 and 7 (section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from npzf.layers.layer import Layer, Save
from npzf.ops import elementwise as op


@dataclass(eq=False)
class Dropout(Layer):
    """In training each number is 0 with probability `rate`, else divided by 1 - rate; otherwise nothing happens."""

    rate: float = 0.5  # section 3

    def __post_init__(self):
        if not 0 <= self.rate < 1:
            raise ValueError(f"Dropout: rate is {self.rate}, expected at least 0 and below 1")
        self.seed, self.calls = 0, 0

    def initialize(self, shape, weight_init, generator, dtype):
        self.seed, self.calls = int(generator.integers(2**63)), 0

    def forward(self, x, keep=Save.NOTHING):
        """x -> y of the same shape."""
        if keep < Save.TRAIN:
            self.kept = None
            return x
        self.calls += 1
        self.kept = op.dropout_mask(x, self.rate, self.seed, self.calls)
        return x * self.kept

    def backward(self, gy):
        """gx = gy through the same mask; unchanged if nothing was dropped."""
        mask, self.kept = self.kept, None
        return gy if mask is None else gy * mask

    def project(self, y, rules):
        """Passed on as it is: nothing is dropped when looking at a net."""
        return y
