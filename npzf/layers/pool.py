"""Max pooling with switches, and unpooling (section 2.1, figure 1); global average pooling (an extension)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from npzf.geometry import output_size
from npzf.layers.layer import Layer, Save, require_positive
from npzf.ops import pooling as op
from npzf.regions import unpool as unpool_part


@dataclass(eq=False)
class MaxPool(Layer):
    """y = the maximum of each window x window neighbourhood, every `stride` pixels; its place is recorded as a switch."""

    window: int
    stride: int
    pad: int = 0
    ceil: bool = False

    def __post_init__(self):
        require_positive("MaxPool", window=self.window, stride=self.stride)

    def shape(self, shape):
        if len(shape) != 3:
            raise ValueError(f"MaxPool: input is {shape}, expected (H, W, C)")
        return (*(output_size(side, self.window, self.stride, self.pad, self.ceil) for side in shape[:2]), shape[2])

    def receptive_field(self, below):
        return below.through(self.window, self.stride, self.pad)

    def forward(self, x, keep=Save.NOTHING):
        """x (N, H, W, C) -> y (N, OH, OW, C)."""
        y, self.kept = op.max_pool(x, self.window, self.stride, self.pad, self.ceil, record=keep > Save.NOTHING)
        return y

    def backward(self, gy):
        """gy (N, OH, OW, C) -> gx (N, H, W, C): each gradient goes to where the maximum was."""
        switches, self.kept = self.kept, None
        return op.unpool(gy, switches)

    def project(self, y, rules):
        """Deconvnet: unpool through the switches."""
        return op.unpool(y, self.kept, rules.overwrite)

    def project_part(self, part, rules):
        """The same on rectangles."""
        return unpool_part(part, self.kept.index, self.kept.size, self.window, self.stride, self.pad)


@dataclass(eq=False)
class GlobalAveragePool(Layer):
    """y = the mean of each map."""

    local = False

    def shape(self, shape):
        if len(shape) != 3:
            raise ValueError(f"GlobalAveragePool: input is {shape}, expected (H, W, C)")
        return (shape[2],)

    def receptive_field(self, below):
        return replace(below, whole=True)

    def forward(self, x, keep=Save.NOTHING):
        """x (N, H, W, C) -> y (N, C)."""
        self.size = x.shape[1:3]
        return x.mean((1, 2))

    def backward(self, gy):
        """gy (N, C) -> gx (N, H, W, C): every place has the same share."""
        share = gy[:, None, None] / (self.size[0] * self.size[1])
        return np.broadcast_to(share, (gy.shape[0], *self.size, gy.shape[1])).copy()

    def project(self, y, rules):
        """The transpose, as for any linear layer."""
        return self.backward(y)
