"""Rectification: max(x, 0) on the way up (section 2), the same on the way down (section 2.1), or one of the two rivals there."""

from __future__ import annotations

from dataclasses import dataclass

from npzf.layers.layer import Layer, Save
from npzf.ops import elementwise as op


@dataclass(eq=False)
class ReLU(Layer):
    """y = max(x, 0)."""

    def forward(self, x, keep=Save.NOTHING, done=False):
        """x -> y of the same shape; done: the layer below has rectified x already."""
        y = x if done else op.rectify(x)
        self.kept = y if keep >= Save.GRADIENTS else None
        return y

    def backward(self, gy):
        """gx = gy where y was positive."""
        y, self.kept = self.kept, None
        return op.rectify_gradient(y, gy)

    def project(self, y, rules):
        """Deconvnet: the signal itself is rectified; gradient: it passes where the output was positive; guided: both."""
        if rules.relu != "gradient":
            y = op.rectify(y)
        return y if rules.relu == "deconvnet" else op.rectify_gradient(self.kept, y)
