"""From pixels to the net's input and back: the mean image is subtracted (section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """x = (pixels - mean) / std, pixels in [0, 255].

    mean: per pixel (H, W, C), per channel (C,), or None for none; std: a number or (C,). Section 3 subtracts the mean image and
    divides by nothing.
    """

    mean: np.ndarray | Sequence[float] | None = None
    std: float | np.ndarray | Sequence[float] = 1.0

    def check(self, shape: Sequence[int]) -> None:
        """ValueError, naming both shapes, unless images of this (H, W, C) can be preprocessed."""
        whole, channels = tuple(shape), tuple(shape[2:])
        mean = whole if self.mean is None else np.shape(self.mean)
        if mean not in (whole, channels):
            raise ValueError(f"mean has shape {mean}, expected {channels} or {whole}")
        std = np.asarray(self.std)
        positive = std.dtype.kind in "fiu" and np.all((std > 0) & np.isfinite(std))
        if np.shape(std) not in ((), channels) or not positive:
            raise ValueError(f"std is {self.std}, expected a positive number or {channels[0]} of them")

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (N, H, W, C) in [0, 255] -> x float32 of that shape; ValueError as check."""
        self.check(pixels.shape[1:])
        x = pixels.astype(np.float32)
        if self.mean is not None:
            x -= self.mean
        if np.any(np.asarray(self.std) != 1):
            x /= np.asarray(self.std, np.float32)
        return x

    def invert(self, x: np.ndarray) -> np.ndarray:
        """x (N, H, W, C) -> pixels uint8 of that shape, rounded and clipped to [0, 255]; ValueError as check."""
        self.check(x.shape[1:])
        pixels = x * np.asarray(self.std, np.float64) + (0 if self.mean is None else np.asarray(self.mean))
        return np.rint(pixels.clip(0, 255)).astype(np.uint8)
