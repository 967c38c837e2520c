"""A scale and a shift for each map, such as a batch normalisation with fixed statistics; no part of the paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from npzf.layers.layer import Gradients, Pointwise, ProjectionRules, Save, Shape


@dataclass(eq=False)
class Affine(Pointwise):
    """y[..., c] = weight[c] * x[..., c] + bias[c].

    A batch normalisation in inference (Ioffe & Szegedy 2015, section 3.1): weight = gamma / sqrt(variance + eps), bias =
    beta - mean * weight. The statistics are part of these numbers, so that training changes scale and shift, never by a batch.
    """

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": shape[-1:], "bias": shape[-1:]}

    def initialize(self, shape: Shape, weight_init: str | float, generator: np.random.Generator, dtype: np.dtype) -> None:
        self.parameters["weight"] = np.ones(shape[-1], dtype)
        self.parameters["bias"] = np.zeros(shape[-1], dtype)

    def forward(self, x: Any, save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """x (N, H, W, C) or (N, C) -> y of the same shape."""
        y = x * self.parameters["weight"]
        y += self.parameters["bias"]
        return y, x if save >= Save.GRADIENTS else None

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy -> gx of the same shape, gradients of weight (C,) and bias (C,)."""
        return gy * self.parameters["weight"], self.parameter_gradients(gy, saved)

    def parameter_gradients(self, gy: Any, saved: Any, out: Gradients | None = None) -> Gradients:
        """Gradients of weight (C,) and bias (C,)."""
        return {"weight": self.ops.bias_gradient(gy * saved), "bias": self.ops.bias_gradient(gy)}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """Deconvnet: multiplied by the scale, without the bias, as by the convolution that the scale could be folded into."""
        return y * self.parameters["weight"]
