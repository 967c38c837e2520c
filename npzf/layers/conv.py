"""Convolution (section 3, figure 3), and the deconvnet's filtering (section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npzf.geometry import Field, Pair, Sides, output_sizes, pair, sides
from npzf.layers.checks import require_flags, require_pad, require_positive
from npzf.layers.layer import Gradients, Layer, ProjectionRules, Save, Shape, initial_weight
from npzf.regions import Region


@dataclass(eq=False)
class Conv(Layer):
    """y[n, i, j, o] = bias[o] + sum over kh, kw, c of weight[o, kh, kw, c] * x[n, i*s + kh - pad, j*s + kw - pad, c].

    maps: O; window: the kernel size KH = KW, or (KH, KW); stride: an int or (rows, columns); pad: an int, (rows, columns) or
    (top, bottom, left, right), in pixels of x; groups: map o sees the maps of its own group alone (Krizhevsky's layers 2, 4, 5);
    ceil: sizes are rounded up (figure 3).
    """

    maps: int
    window: int | Pair
    stride: int | Pair = 1
    pad: int | Pair | Sides = 0
    groups: int = 1
    ceil: bool = False

    def __post_init__(self) -> None:
        require_positive("Conv", maps=self.maps, window=self.window, stride=self.stride, groups=self.groups)
        for name in ("maps", "groups"):
            if isinstance(getattr(self, name), tuple | list):
                raise ValueError(f"Conv: {name} is {getattr(self, name)!r}, expected one whole number")
        require_pad("Conv", self.pad)
        require_flags("Conv", ceil=self.ceil)
        if self.maps % self.groups:
            raise ValueError(f"Conv: maps is {self.maps}, expected a multiple of groups, {self.groups}")

    def shape(self, shape: Shape) -> Shape:
        if len(shape) != 3 or shape[2] % self.groups:
            raise ValueError(f"Conv: input is {shape}, expected (H, W, C) with C a multiple of groups, {self.groups}")
        return (*output_sizes(shape[:2], self.window, self.stride, self.pad, self.ceil), self.maps)

    def receptive_field(self, below: Field) -> Field:
        return below.through(self.window, self.stride, self.pad)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (self.maps, *pair(self.window), shape[2] // self.groups), "bias": (self.maps,)}

    def initialize(self, shape: Shape, weight_init: str | float, generator: np.random.Generator, dtype: np.dtype) -> None:
        shapes = self.parameter_shapes(shape)
        self.parameters["weight"] = initial_weight(shapes["weight"], weight_init, generator, dtype)
        self.parameters["bias"] = np.zeros(shapes["bias"], dtype)  # biases 0 (section 3)

    def forward(self, x: Any, save: Save = Save.NOTHING, relu: bool = False) -> tuple[Any, Any]:
        """x (N, H, W, C) -> y (N, OH, OW, O); relu: the rectification that follows is done here."""
        weight, bias = self.parameters["weight"], self.parameters["bias"]
        y = self.ops.convolve(x, weight, bias, **self._moves(), ceil=self.ceil, relu=relu)
        return y, (x.shape[1:3], x if save >= Save.GRADIENTS else None)

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy (N, OH, OW, O) -> gx (N, H, W, C), gradients of weight (O, KH, KW, C) and bias (O,)."""
        gradients, size = self.parameter_gradients(gy, saved), saved[0]
        del saved  # x, as large as gx, is free before gx is made
        return self.ops.convolve_transpose(gy, self.parameters["weight"], size, **self._moves()), gradients

    def parameter_gradients(self, gy: Any, saved: Any, out: Gradients | None = None) -> Gradients:
        """Gradients of weight (O, KH, KW, C) and bias (O,)."""
        gweight = self.ops.filter_gradient(saved[1], gy, self.parameters["weight"], **self._moves())
        return {"weight": gweight, "bias": self.ops.bias_gradient(gy)}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """Deconvnet: the same filters, transposed; the bias is not undone."""
        return self.ops.convolve_transpose(y, self.parameters["weight"], saved[0], **self._moves())

    def forward_region(self, region: Region, base: Any) -> Region:
        """Only the places that see the region, on windows that carry their padding with them."""
        rows, columns, _ = self.shape(base.shape[1:])
        moves = pair(self.window), pair(self.stride), sides(self.pad)
        windows, tops, lefts = region.windows(base, (rows, columns), *moves)
        weight, bias = self.parameters["weight"], self.parameters["bias"]
        values = self.ops.convolve(windows, weight, bias, stride=self.stride, groups=self.groups)
        return replace(region, values=values, rows=tops, columns=lefts)

    def project_region(self, region: Region, saved: Any, rules: ProjectionRules) -> Region:
        """The same on rectangles: h x w places see (h - 1) * stride + window pixels."""
        moves = zip(region.values.shape[1:3], pair(self.stride), pair(self.window), strict=True)
        size = tuple((side - 1) * stride + window for side, stride, window in moves)
        values = self.ops.convolve_transpose(
            region.values, self.parameters["weight"], size, stride=self.stride, groups=self.groups
        )
        return region.to_input(values, self.stride, self.pad, saved[0])

    def _moves(self) -> dict[str, Any]:
        return {"stride": self.stride, "pad": self.pad, "groups": self.groups}
