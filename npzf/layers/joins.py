"""Layers with several sources: branches that are concatenated or added; an extension of the paper, whose nets are chains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from npzf.backend.arrays import array_module
from npzf.geometry import Field
from npzf.layers.layer import Gradients, Layer, ProjectionRules, Save, Shape
from npzf.regions import Region, join


class Join(Layer):
    """A layer whose input is a tuple of arrays, one from each of its sources, and whose way down gives as many."""

    def receptive_field(self, *below: Field) -> Field:
        return reduce(Field.union, below)

    def _check(self, shapes: Sequence[Shape], same: int) -> None:
        if any(len(s) != 3 or s[:same] != shapes[0][:same] for s in shapes):
            expected = "(H, W, C) of one size" if same == 2 else "the same (H, W, C)"
            raise ValueError(f"{type(self).__name__}: inputs are {', '.join(map(str, shapes))}, expected {expected}")


@dataclass(eq=False)
class Concatenate(Join):
    """Several (N, H, W, C) -> (N, H, W, sum of the C), as SqueezeNet's fire modules do; or several (N, F) alike."""

    def shape(self, *shapes: Shape) -> Shape:
        if any(len(s) != 1 for s in shapes):
            self._check(shapes, 2)
        return (*shapes[0][:-1], sum(s[-1] for s in shapes))

    def forward(self, xs: Sequence[Any], save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """Arrays (N, H, W, C) -> y (N, H, W, sum of the C)."""
        edges = np.cumsum([x.shape[-1] for x in xs])[:-1].tolist()
        return array_module(xs[0]).concatenate(xs, axis=-1), edges

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy -> one gx for each source."""
        return [part.copy() for part in array_module(gy).split(gy, saved, axis=-1)], {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """Each branch gets its own maps back."""
        return self.backward(y, saved)[0]

    def forward_region(self, regions: Sequence[Region], bases: Sequence[Any]) -> Region:
        """The rectangle that holds what has changed in any branch."""
        windows, rows, columns = join(regions, bases)
        return replace(regions[0], values=self.forward(windows)[0], rows=rows, columns=columns)

    def project_region(self, region: Region, saved: Any, rules: ProjectionRules) -> list[Region]:
        """The same on rectangles."""
        return [replace(region, values=values) for values in self.backward(region.values, saved)[0]]


@dataclass(eq=False)
class Add(Join):
    """Several (N, H, W, C) -> their sum, as residual nets do; on the way down the signal goes to every source."""

    def shape(self, *shapes: Shape) -> Shape:
        if all(len(s) == 1 for s in shapes) and len(set(shapes)) == 1:
            return shapes[0]
        self._check(shapes, 3)
        return shapes[0]

    def forward(self, xs: Sequence[Any], save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """Arrays of one shape -> their sum."""
        return reduce(lambda a, b: a + b, xs), len(xs)

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy for each source."""
        return [gy] * saved, {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """The signal for each source; where branches meet below, their signals are summed."""
        return [y] * saved

    def forward_region(self, regions: Sequence[Region], bases: Sequence[Any]) -> Region:
        """The rectangle that holds what has changed in any branch."""
        windows, rows, columns = join(regions, bases)
        return replace(regions[0], values=self.forward(windows)[0], rows=rows, columns=columns)

    def project_region(self, region: Region, saved: Any, rules: ProjectionRules) -> list[Region]:
        """The same rectangle for each source."""
        return [region] * saved
