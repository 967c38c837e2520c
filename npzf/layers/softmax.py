"""The softmax as a layer (section 2), for nets from elsewhere that end in one; the house's own nets end in scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from npzf.layers.layer import Gradients, Layer, ProjectionRules, Save, Shape


@dataclass(eq=False)
class Softmax(Layer):
    """Scores (N, C) -> probabilities (N, C), each row summing to 1."""

    local = False

    def shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"Softmax: input is {shape}, expected scores (C,)")
        return shape

    def forward(self, x: Any, save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """x (N, C) -> y (N, C)."""
        y = self.ops.softmax(x)
        return y, y if save >= Save.GRADIENTS else None

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy (N, C) -> gx (N, C), the true gradient."""
        return self.ops.softmax_gradient(saved, gy), {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """Passed on as it is: what excites a class is asked of its score."""
        return y
