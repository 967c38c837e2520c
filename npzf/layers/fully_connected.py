"""Fully connected layers 6 to 8 (figure 3); projecting through them extends the paper, which starts at convolutions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npzf.backend.arrays import array_module
from npzf.geometry import Field
from npzf.layers.checks import require_flags, require_positive
from npzf.layers.layer import Gradients, Layer, ProjectionRules, Save, Shape, initial_weight


@dataclass(eq=False)
class Flatten(Layer):
    """(N, H, W, C) -> (N, H * W * C), in that order.

    channels_first: in the order (C, H, W) instead, for nets from elsewhere that give flattened maps back.
    """

    channels_first: bool = False
    local = False

    def __post_init__(self) -> None:
        require_flags("Flatten", channels_first=self.channels_first)

    def shape(self, shape: Shape) -> Shape:
        return (int(np.prod(shape)),)

    def receptive_field(self, below: Field) -> Field:
        return replace(below, whole=True)

    def forward(self, x: Any, save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """x (N, H, W, C) -> y (N, H * W * C)."""
        maps = x.transpose(0, 3, 1, 2) if self._moves_channels(x.shape) else x
        return maps.reshape(x.shape[0], -1), x.shape[1:]

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy (N, H * W * C) -> gx (N, H, W, C)."""
        return self._maps(gy, saved), {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """Back into maps."""
        return self._maps(y, saved)

    def _moves_channels(self, shape: Shape) -> bool:
        return self.channels_first and len(shape) == 4

    def _maps(self, y: Any, shape: Shape) -> Any:
        """y (N, F) -> (N, H, W, C)."""
        if not self._moves_channels((len(y), *shape)):
            return y.reshape(-1, *shape)
        maps = y.reshape(-1, shape[2], *shape[:2]).transpose(0, 2, 3, 1)
        return array_module(y).ascontiguousarray(maps)


@dataclass(eq=False)
class FullyConnected(Layer):
    """y[n, o] = bias[o] + sum over i of weight[o, i] * x[n, i]."""

    units: int
    local = False

    def __post_init__(self) -> None:
        require_positive("FullyConnected", units=self.units)
        if isinstance(self.units, tuple | list):
            raise ValueError(f"FullyConnected: units is {self.units!r}, expected one whole number")

    def shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"FullyConnected: input is {shape}, expected (F,): put a Flatten before it")
        return (self.units,)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (self.units, *shape), "bias": (self.units,)}

    def initialize(self, shape: Shape, weight_init: str | float, generator: np.random.Generator, dtype: np.dtype) -> None:
        shapes = self.parameter_shapes(shape)
        self.parameters["weight"] = initial_weight(shapes["weight"], weight_init, generator, dtype)
        self.parameters["bias"] = np.zeros(shapes["bias"], dtype)

    def forward(self, x: Any, save: Save = Save.NOTHING, relu: bool = False) -> tuple[Any, Any]:
        """x (N, I) -> y (N, O); relu: the rectification that follows is done here."""
        y = self.ops.linear(x, self.parameters["weight"], self.parameters["bias"], relu)
        return y, x if save >= Save.GRADIENTS else None

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy (N, O) -> gx (N, I), gradients of weight (O, I) and bias (O,)."""
        gx = self.ops.linear_transpose(gy, self.parameters["weight"])
        return gx, self.parameter_gradients(gy, saved, out)

    def parameter_gradients(self, gy: Any, saved: Any, out: Gradients | None = None) -> Gradients:
        """Gradients of weight (O, I), written over the last pass's where there is one (fc6's take 151 MB), and bias (O,)."""
        gweight = self.ops.weight_gradient(saved, gy, None if out is None else out["weight"])
        return {"weight": gweight, "bias": self.ops.bias_gradient(gy)}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """The transposed weight; the bias is not undone."""
        return self.ops.linear_transpose(y, self.parameters["weight"])
