"""Rectification: max(x, 0) on the way up (section 2), the same on the way down (section 2.1), or one of the two rivals there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from npzf.layers.layer import Gradients, Pointwise, ProjectionRules, Save


@dataclass(eq=False)
class ReLU(Pointwise):
    """y = max(x, 0)."""

    def forward(self, x: Any, save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """x -> y of the same shape."""
        y = self.ops.rectify(x)
        return y, self.saved(y, save)

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gx = gy where y was positive."""
        return self.ops.rectify_gradient(saved, gy), {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """Deconvnet: the signal itself is rectified; gradient: it passes where the output was positive; guided: both."""
        if rules.relu != "gradient":
            y = self.ops.rectify(y)
        return y if rules.relu == "deconvnet" else self.ops.rectify_gradient(saved, y)

    @staticmethod
    def saved(y: Any, save: Save) -> Any:
        """What the way back needs: the output, also where the layer below has rectified it."""
        return y if save >= Save.GRADIENTS else None
