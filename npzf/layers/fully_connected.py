"""Fully connected layers 6 to 8 (figure 3); projecting through them extends the paper, which starts at convolutions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from npzf.layers.layer import Layer, Save, initial_weight, require_positive
from npzf.ops import fully_connected as op
from npzf.ops.convolution import bias_gradient


@dataclass(eq=False)
class Flatten(Layer):
    """(N, H, W, C) -> (N, H * W * C), in that order."""

    local = False

    def shape(self, shape):
        return (int(np.prod(shape)),)

    def receptive_field(self, below):
        return replace(below, whole=True)

    def forward(self, x, keep=Save.NOTHING):
        """x (N, H, W, C) -> y (N, H * W * C)."""
        self.size = x.shape[1:]
        return x.reshape(x.shape[0], -1)

    def backward(self, gy):
        """gy (N, H * W * C) -> gx (N, H, W, C)."""
        return gy.reshape(-1, *self.size)

    def project(self, y, rules):
        """Back into maps."""
        return y.reshape(-1, *self.size)


@dataclass(eq=False)
class FullyConnected(Layer):
    """y[n, o] = bias[o] + sum over i of weight[o, i] * x[n, i]."""

    units: int
    local = False

    def __post_init__(self):
        require_positive("FullyConnected", units=self.units)

    def shape(self, shape):
        if len(shape) != 1:
            raise ValueError(f"FullyConnected: input is {shape}, expected (F,): put a Flatten before it")
        return (self.units,)

    def initialize(self, shape, weight_init, generator, dtype):
        self.parameters["weight"] = initial_weight((self.units, *shape), weight_init, generator, dtype)
        self.parameters["bias"] = np.zeros(self.units, dtype)

    def forward(self, x, keep=Save.NOTHING, relu=False):
        """x (N, I) -> y (N, O); relu: the rectification that follows is done here."""
        self.kept = x if keep >= Save.GRADIENTS else None
        return op.linear(x, self.parameters["weight"], self.parameters["bias"], relu)

    def backward(self, gy):
        """gy (N, O) -> gx (N, I); sets gweight (O, I) and gbias (O,)."""
        self.parameter_gradients(gy)
        return op.linear_transpose(gy, self.parameters["weight"])

    def parameter_gradients(self, gy):
        """Sets gweight (O, I) and gbias (O,), over the last step's where there is one: fc6's take 151 MB."""
        gweight = self.gradients.setdefault("weight", np.empty_like(self.parameters["weight"]))
        op.weight_gradient(self.kept, gy, out=gweight)
        self.gradients["bias"] = bias_gradient(gy)
        self.kept = None

    def project(self, y, rules):
        """The transposed weight; the bias is not undone."""
        return op.linear_transpose(y, self.parameters["weight"])
