"""Zeros around the maps, where no window can count them as its own padding; no part of the paper."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from npzf.backend.arrays import array_module
from npzf.geometry import Field, Pair, Sides, sides
from npzf.layers.checks import require_pad
from npzf.layers.layer import Gradients, Layer, ProjectionRules, Save, Shape
from npzf.regions import Region


@dataclass(eq=False)
class ZeroPad(Layer):
    """(N, H, W, C) -> (N, top + H + bottom, left + W + right, C), zero around x.

    pad: an int, (rows, columns) or (top, bottom, left, right), in pixels of x. Convolutions and poolings pad by themselves; this
    is for what they cannot: more zeros than a window is wide, zeros before a max pooling of negative numbers.
    """

    pad: int | Pair | Sides

    def __post_init__(self) -> None:
        require_pad("ZeroPad", self.pad)

    def shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ValueError(f"ZeroPad: input is {shape}, expected (H, W, C)")
        top, bottom, left, right = sides(self.pad)
        return top + shape[0] + bottom, left + shape[1] + right, shape[2]

    def receptive_field(self, below: Field) -> Field:
        return below.through(1, 1, self.pad)

    def forward(self, x: Any, save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """x (N, H, W, C) -> y with zeros around it."""
        top, bottom, left, right = sides(self.pad)
        return array_module(x).pad(x, [(0, 0), (top, bottom), (left, right), (0, 0)]), x.shape[1:3]

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy -> gx (N, H, W, C): what lies inside the zeros."""
        top, _, left, _ = sides(self.pad)
        inside = gy[:, top : top + saved[0], left : left + saved[1]]
        return array_module(gy).ascontiguousarray(inside), {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """The transpose, as for any linear layer."""
        return self.backward(y, saved)[0]

    def forward_region(self, region: Region, base: Any) -> Region:
        """The same rectangle, further from the corner."""
        top, _, left, _ = sides(self.pad)
        return replace(region, rows=region.rows + top, columns=region.columns + left)

    def project_region(self, region: Region, saved: Any, rules: ProjectionRules) -> Region:
        """The same rectangle, nearer to the corner; zero where it hangs over the border."""
        return region.to_input(region.values.copy(), 1, self.pad, saved)
