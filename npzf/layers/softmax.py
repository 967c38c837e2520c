"""The softmax as a layer (section 2), for nets from elsewhere that end in one; the house's own nets end in scores."""

from __future__ import annotations

from dataclasses import dataclass

from npzf.layers.layer import Layer, Save


@dataclass(eq=False)
class Softmax(Layer):
    """Scores (N, C) -> probabilities (N, C), each row summing to 1."""

    local = False

    def shape(self, shape):
        if len(shape) != 1:
            raise ValueError(f"Softmax: input is {shape}, expected scores (C,)")
        return shape

    def forward(self, x, save=Save.NOTHING):
        """x (N, C) -> y (N, C)."""
        y = self.ops.softmax(x)
        return y, y if save >= Save.GRADIENTS else None

    def backward(self, gy, saved, out=None):
        """gy (N, C) -> gx (N, C), the true gradient."""
        return self.ops.softmax_gradient(saved, gy), {}

    def project(self, y, saved, rules):
        """Passed on as it is: what excites a class is asked of its score."""
        return y
