"""Concatenation of branches along the maps (SqueezeNet's fire modules); an extension of the paper, whose nets are chains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from npzf.geometry import Field
from npzf.layers.layer import Layer, Save


@dataclass(eq=False)
class Concatenate(Layer):
    """Several (N, H, W, C) -> (N, H, W, sum of the C); the only layer with more than one source."""

    def shape(self, *shapes):
        if any(len(s) != 3 or s[:2] != shapes[0][:2] for s in shapes):
            raise ValueError(f"Concatenate: inputs are {', '.join(map(str, shapes))}, expected (H, W, C) of one size")
        return (*shapes[0][:2], sum(s[2] for s in shapes))

    def receptive_field(self, *below):
        return reduce(Field.union, below)

    def forward(self, *xs, keep=Save.NOTHING):
        """Arrays (N, H, W, C) -> y (N, H, W, sum of the C)."""
        self.edges = np.cumsum([x.shape[3] for x in xs])[:-1]
        return np.concatenate(xs, axis=3)

    def backward(self, gy):
        """gy -> one gx for each source."""
        return [part.copy() for part in np.split(gy, self.edges, axis=3)]

    def project(self, y, rules):
        """Each branch gets its own maps back."""
        return self.backward(y)

    def project_part(self, part, rules):
        """The same on rectangles."""
        return [replace(part, values=values) for values in self.backward(part.values)]
