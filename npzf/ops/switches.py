"""What max pooling records for the deconvnet (section 2.1, figure 1): where each maximum was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from npzf.geometry import Pair, Sides


@dataclass(frozen=True)
class Switches:
    """index (N, OH, OW, C) int32 = row * W + column in the pooled layer's input of size (H, W).

    moves: the window (rows, columns), its stride (rows, columns) and its padding (top, bottom, left, right), in pixels.
    """

    index: Any
    size: Pair
    moves: tuple[Pair, Pair, Sides]

    def check(self, y: Any) -> None:
        """ValueError unless these are switches for y (N, OH, OW, C)."""
        if y.shape != self.index.shape:
            raise ValueError(f"y has shape {y.shape}, expected that of the switches, {self.index.shape}")
