"""How often each map of a layer had which activation (the atlas, figure 2 for all maps), without knowing the range beforehand."""

from __future__ import annotations

import numpy as np

BINS = 32  # of a histogram, a power of two; between 17 and 32 of them are in use


class Histograms:
    """Counts of each map's activations; the order in which they come makes no difference.

    inactive (maps,): how many were not above 0.
    counts (maps, BINS): the others. Bin b holds values from b to b + 1 times widths (maps,), a power of two that doubles, bins
    merging in pairs, when a value lies beyond the last bin.
    exponents (maps,): all bins of a map together end at two to this power.
    """

    def __init__(self, maps: int):
        self.inactive = np.zeros(maps, np.int64)
        self.counts = np.zeros((maps, BINS), np.int64)
        self.exponents = np.full(maps, -1000, np.int64)  # below any activation's

    def add(self, values: np.ndarray) -> None:
        """Counts values (N, maps), finite."""
        positive = values > 0
        self.inactive += (~positive).sum(0)
        exponents = np.frexp(values.max(0))[1]  # of the smallest power of two above the largest value
        self._widen(np.where(positive.any(0), np.maximum(exponents, self.exponents), self.exponents))
        maps = np.nonzero(positive)[1]
        bins = np.ldexp(values[positive].astype(np.float64), -self.exponents[maps]) * BINS
        np.add.at(self.counts, (maps, bins.astype(np.int64)), 1)

    def _widen(self, exponents: np.ndarray) -> None:
        doublings = np.minimum(exponents - self.exponents, BINS)[:, None]
        counts = np.zeros_like(self.counts)
        np.add.at(counts, (np.arange(len(counts))[:, None], np.arange(BINS) >> doublings), self.counts)
        self.counts, self.exponents = counts, exponents

    @property
    def widths(self) -> np.ndarray:
        """Of one bin of each map (maps,), in units of the activation; 0 for a map that was never active."""
        return np.where(self.counts.any(1), np.ldexp(1.0 / BINS, self.exponents), 0.0)
