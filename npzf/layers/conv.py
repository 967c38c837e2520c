"""Convolution (section 3, figure 3), and the deconvnet's filtering (section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npzf.geometry import output_size
from npzf.layers.layer import Layer, Save, initial_weight, require_positive
from npzf.ops import convolution as op


@dataclass(eq=False)
class Conv(Layer):
    """y[n, i, j, o] = bias[o] + sum over kh, kw, c of weight[o, kh, kw, c] * x[n, i*s + kh - pad, j*s + kw - pad, c].

    maps: O; window: KH = KW; stride, pad in pixels of x; groups: map o sees the maps of its own group alone (Krizhevsky's
    layers 2, 4, 5); ceil: sizes are rounded up (figure 3).
    """

    maps: int
    window: int
    stride: int = 1
    pad: int = 0
    groups: int = 1
    ceil: bool = False

    def __post_init__(self):
        require_positive("Conv", maps=self.maps, window=self.window, stride=self.stride, groups=self.groups)
        if self.maps % self.groups:
            raise ValueError(f"Conv: maps is {self.maps}, expected a multiple of groups, {self.groups}")

    def shape(self, shape):
        if len(shape) != 3 or shape[2] % self.groups:
            raise ValueError(f"Conv: input is {shape}, expected (H, W, C) with C a multiple of groups, {self.groups}")
        sides = (output_size(side, self.window, self.stride, self.pad, self.ceil) for side in shape[:2])
        return (*sides, self.maps)

    def receptive_field(self, below):
        return below.through(self.window, self.stride, self.pad)

    def initialize(self, shape, weight_init, generator, dtype):
        weight = (self.maps, self.window, self.window, shape[2] // self.groups)
        self.parameters["weight"] = initial_weight(weight, weight_init, generator, dtype)
        self.parameters["bias"] = np.zeros(self.maps, dtype)  # biases 0 (section 3)

    def forward(self, x, keep=Save.NOTHING, relu=False):
        """x (N, H, W, C) -> y (N, OH, OW, O); relu: the rectification that follows is done here."""
        self.kept = x if keep >= Save.GRADIENTS else None
        self.size = x.shape[1:3]
        weight, bias = self.parameters["weight"], self.parameters["bias"]
        return op.convolve(x, weight, bias, **self._geometry(), ceil=self.ceil, relu=relu)

    def backward(self, gy):
        """gy (N, OH, OW, O) -> gx (N, H, W, C); sets gweight (O, KH, KW, C) and gbias (O,)."""
        self.parameter_gradients(gy)
        return op.convolve_transpose(gy, self.parameters["weight"], self.size, **self._geometry())

    def parameter_gradients(self, gy):
        """Sets gweight (O, KH, KW, C) and gbias (O,)."""
        weight = op.filter_gradient(self.kept, gy, self.parameters["weight"], **self._geometry())
        self.gradients.update(weight=weight, bias=op.bias_gradient(gy))
        self.kept = None

    def project(self, y, rules):
        """Deconvnet: the same filters, transposed; the bias is not undone."""
        return op.convolve_transpose(y, self.parameters["weight"], self.size, **self._geometry())

    def project_part(self, part, rules):
        """The same on rectangles: h x w places see (h - 1) * stride + window pixels."""
        size = tuple((side - 1) * self.stride + self.window for side in part.values.shape[1:3])
        values = op.convolve_transpose(part.values, self.parameters["weight"], size, stride=self.stride, groups=self.groups)
        return part.below(values, self.stride, self.pad, self.size)

    def _geometry(self):
        return {"stride": self.stride, "pad": self.pad, "groups": self.groups}
