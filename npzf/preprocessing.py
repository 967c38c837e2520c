"""From pixels to the net's input and back: the mean image is subtracted (section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """x = (pixels - mean) / std, pixels in [0, 255].

    mean: per pixel (H, W, C), per channel (C,), or None for none; std: a number or (C,). Section 3 subtracts the mean
    image and divides by nothing.
    """

    mean: np.ndarray | None = None
    std: float | np.ndarray = 1.0

    def check(self, shape: tuple[int, int, int]) -> None:
        """ValueError, naming both shapes, unless images of this (H, W, C) can be scaled."""
        mean = shape if self.mean is None else np.shape(self.mean)
        if mean not in (tuple(shape), tuple(shape[2:])):
            raise ValueError(f"mean has shape {mean}, expected {tuple(shape[2:])} or {tuple(shape)}")
        if np.shape(self.std) not in ((), tuple(shape[2:])) or not np.all(np.asarray(self.std) > 0):
            raise ValueError(f"std is {self.std}, expected a positive number or {shape[2]} of them")

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
        """x (N, H, W, C) -> the photographs they came from, uint8, clipped and rounded; ValueError as check."""
        self.check(x.shape[1:])
        pixels = x * np.asarray(self.std, np.float64) + (0 if self.mean is None else self.mean)
        return np.rint(pixels.clip(0, 255)).astype(np.uint8)
