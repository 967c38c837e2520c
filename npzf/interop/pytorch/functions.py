"""Functions of torch and torch.nn.functional, and methods of tensors, as operations of NetBuilder; no part of the paper."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from npzf.geometry import Sides
from npzf.interop.node_rows import Value
from npzf.interop.pytorch.shapes import Shapes, as_pair


class Functions(Shapes):
    """Operations that compute. Each method has the signature of the function in PyTorch, with the node's name before it."""

    # Weighted

    def conv2d(
        self,
        name: str,
        input: Value,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        sides: Sides | None = None,
        ceil: bool = False,
    ) -> Value:
        weight = self.array(name, "weight", weight)
        self._expect_no_dilation(name, dilation, weight.shape[2:])
        if isinstance(padding, str):
            extra = [k - 1 if padding == "same" else 0 for k in weight.shape[2:]]
            sides = (extra[0] // 2, extra[0] - extra[0] // 2, extra[1] // 2, extra[1] - extra[1] // 2)
        around = as_pair(padding) if sides is None else sides
        bias = None if bias is None else self.array(name, "bias", bias)
        return self.builder.conv(name, input, weight, bias, stride=as_pair(stride), pad=around, groups=groups, ceil=ceil)

    def linear(self, name: str, input: Value, weight: Any, bias: Any = None) -> Value:
        bias = None if bias is None else self.array(name, "bias", bias)
        if len(input.shape) != 1:
            raise ValueError(f"node {name!r} takes the last axis of {input.shape}, expected flattened features (F,)")
        return self.builder.linear(name, input, self.array(name, "weight", weight), bias)

    def batch_norm(
        self,
        name: str,
        input: Value,
        running_mean: Any,
        running_var: Any,
        weight: Any = None,
        bias: Any = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Value:
        if running_mean is None or running_var is None or training:
            raise ValueError(f"node {name!r} normalises by the statistics of each batch, expected running statistics")
        mean, variance = (self.array(name, "running statistics", part) for part in (running_mean, running_var))
        if mean.shape != input.shape[:1]:
            raise ValueError(f"node {name!r} takes {len(mean)} maps or features, its input is {input.shape}")
        scale = 1 / np.sqrt(variance.astype(np.float64) + eps)
        if weight is not None:
            scale = scale * self.array(name, "weight", weight)
        shift = -mean * scale
        if bias is not None:
            shift = shift + self.array(name, "bias", bias)
        return self.builder.affine(name, input, scale.astype(mean.dtype), shift.astype(mean.dtype))

    # Windows

    def max_pool2d(
        self,
        name: str,
        input: Value,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Value:
        window = as_pair(kernel_size)
        self._expect_no_dilation(name, dilation, window)
        self.expect(name, "return_indices", return_indices, False)
        return self.builder.max_pool(name, input, window, as_pair(stride) if stride else window, as_pair(padding), ceil_mode)

    def avg_pool2d(
        self,
        name: str,
        input: Value,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Value:
        window = as_pair(kernel_size)
        always = not ceil_mode and (count_include_pad or not any(as_pair(padding)))  # each window's divisor is its size
        if divisor_override is not None and not (always and divisor_override == window[0] * window[1]):
            raise ValueError(f"node {name!r} has divisor_override {divisor_override}, expected None")
        stride = as_pair(stride) if stride else window
        return self.builder.average_pool(name, input, window, stride, as_pair(padding), ceil_mode, count_include_pad)

    def adaptive_avg_pool2d(self, name: str, input: Value, output_size: Any) -> Value:
        size = tuple(output_size) if isinstance(output_size, list | tuple) else (output_size, output_size)
        return self.builder.adaptive_average_pool(name, input, size)

    def adaptive_max_pool2d(self, name: str, input: Value, output_size: Any, return_indices: bool = False) -> Value:
        self.expect(name, "return_indices", return_indices, False)
        size = tuple(output_size) if isinstance(output_size, list | tuple) else (output_size, output_size)
        return self.builder.adaptive_max_pool(name, input, size)

    def _expect_no_dilation(self, name: str, dilation: Any, window: tuple[int, ...]) -> None:
        if any(step != 1 and k > 1 for step, k in zip(as_pair(dilation), window, strict=True)):
            raise ValueError(f"node {name!r} has dilation {as_pair(dilation)}, expected 1")

    # Number by number

    def relu(self, name: str, input: Value, inplace: bool = False) -> Value:
        return self.builder.relu(name, input)

    def clamp(self, name: str, input: Value, min: Any = None, max: Any = None) -> Value:
        """Only the rectification, min=0."""
        if max is not None or isinstance(min, torch.Tensor) or min != 0:
            self.refuse(name, f"clamps to {min} and {max}")
        return self.builder.relu(name, input)

    def dropout(self, name: str, input: Value, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
        if training:
            raise ValueError(f"node {name!r} drops in inference too, expected training=self.training")
        return self.builder.dropout(name, input, p)

    def local_response_norm(
        self, name: str, input: Value, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
    ) -> Value:
        return self.builder.local_response_norm(name, input, size, k, alpha, beta)

    def normalize(self, name: str, input: Value, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None) -> Value:
        """Only the square root of the sum of the squares, over all features."""
        self.expect(name, "p", p, 2)
        if dim % (len(input.shape) + 1) != 1:
            raise ValueError(f"node {name!r} has dim {dim}, expected 1: over the features")
        made = self.builder.l2_normalize(name, input, eps)
        return made if len(input.shape) == 1 else self.builder.one_place(name, made)

    def softmax(self, name: str, input: Value, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Value:
        if dim is not None and dim % (len(input.shape) + 1) != 1:  # None: 1, as PyTorch takes it for these shapes
            raise ValueError(f"node {name!r} has dim {dim}, expected 1: over the classes")
        made = self.builder.softmax(name, input)
        return made if len(input.shape) == 1 else self.builder.one_place(name, made)

    def add(self, name: str, input: Any, other: Any, *, alpha: float = 1) -> Value:
        if isinstance(input, Value) and isinstance(other, Value):
            self.expect(name, "alpha", alpha, 1)
            return self.builder.add(name, [input, other])
        if isinstance(input, Value):
            return self._scaled(name, input, 1, self._per_map(name, input, other) * alpha)
        return self._scaled(name, other, alpha, self._per_map(name, other, input))

    def sub(self, name: str, input: Any, other: Any, *, alpha: float = 1) -> Value:
        if isinstance(input, Value) and isinstance(other, Value):
            self.refuse(name, "subtracts two values")
        if isinstance(input, Value):
            return self._scaled(name, input, 1, -self._per_map(name, input, other) * alpha)
        return self._scaled(name, other, -alpha, self._per_map(name, other, input))

    def neg(self, name: str, input: Value) -> Value:
        return self._scaled(name, input, -1, 0)

    def mul(self, name: str, input: Any, other: Any) -> Any:
        if isinstance(input, Value) and isinstance(other, Value):
            self.refuse(name, "multiplies two values")
        value, number = (input, other) if isinstance(input, Value) else (other, input)
        return self._scaled(name, value, self._per_map(name, value, number), 0)

    def div(self, name: str, input: Any, other: Any, *, rounding_mode: str | None = None) -> Value:
        self.expect(name, "rounding_mode", rounding_mode, None)
        if isinstance(other, Value):
            self.refuse(name, "divides by a value")
        return self._scaled(name, input, 1 / self._per_map(name, input, other), 0)

    def _scaled(self, name: str, value: Value, scale: Any, shift: Any) -> Value:
        """scale * value + shift, each a number or one a map; nothing where that is the value."""
        if np.all(scale == 1) and np.all(shift == 0):
            return value
        dtype = np.float64 if self.dtype == torch.float64 else np.float32
        return self.builder.affine(name, value, np.atleast_1d(scale).astype(dtype), np.atleast_1d(shift).astype(dtype))

    def _per_map(self, name: str, value: Value, number: Any) -> np.ndarray:
        """A number, or one for each map, as (1,) or (C,)."""
        if not isinstance(number, torch.Tensor):
            return np.array([number], np.float64)
        given = self.array(name, "constant", number)
        full = given.reshape((1,) * (len(value.shape) + 1 - given.ndim) + given.shape)
        if given.ndim > len(value.shape) + 1 or full.size not in (1, full.shape[1]) or full.size not in (1, value.shape[0]):
            raise ValueError(f"node {name!r} has a constant of shape {given.shape}, expected one number, or one for each map")
        return full.reshape(-1)


Operation = Callable[..., Any]
FUNCTIONS: dict[Any, Operation] = {
    **dict.fromkeys((F.conv2d, torch.conv2d), Functions.conv2d),
    F.linear: Functions.linear,
    F.batch_norm: Functions.batch_norm,
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_), Functions.relu),
    **dict.fromkeys((torch.clamp, torch.clamp_min), Functions.clamp),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), Functions.max_pool2d),
    F.avg_pool2d: Functions.avg_pool2d,
    F.adaptive_avg_pool2d: Functions.adaptive_avg_pool2d,
    F.adaptive_max_pool2d: Functions.adaptive_max_pool2d,
    F.local_response_norm: Functions.local_response_norm,
    **dict.fromkeys((F.dropout, F.dropout2d), Functions.dropout),
    F.normalize: Functions.normalize,
    **dict.fromkeys((F.softmax, torch.softmax), Functions.softmax),
    F.pad: Functions.pad,
    torch.flatten: Functions.flatten,
    torch.reshape: Functions.view,
    torch.mean: Functions.mean,
    torch.squeeze: Functions.squeeze,
    torch.unsqueeze: Functions.unsqueeze,
    **dict.fromkeys((torch.cat, torch.concat, torch.concatenate), Functions.cat),
    **dict.fromkeys((operator.add, operator.iadd, torch.add), Functions.add),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub), Functions.sub),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul), Functions.mul),
    **dict.fromkeys((operator.truediv, operator.itruediv, torch.div), Functions.div),
    **dict.fromkeys((operator.neg, torch.neg), Functions.neg),
    getattr: Functions.attribute,
    operator.getitem: Functions.part,
}
METHODS: dict[str, Operation] = {
    **dict.fromkeys(("relu", "relu_"), Functions.relu),
    **dict.fromkeys(("clamp", "clamp_", "clamp_min", "clamp_min_"), Functions.clamp),
    **dict.fromkeys(("view", "reshape"), Functions.view),
    **dict.fromkeys(("add", "add_"), Functions.add),
    **dict.fromkeys(("sub", "sub_"), Functions.sub),
    **dict.fromkeys(("mul", "mul_"), Functions.mul),
    **dict.fromkeys(("div", "div_"), Functions.div),
    **dict.fromkeys(("neg", "neg_"), Functions.neg),
    **dict.fromkeys(("contiguous", "clone", "double", "to"), Functions.identity),
    "float": Functions.float,
    "flatten": Functions.flatten,
    "mean": Functions.mean,
    "squeeze": Functions.squeeze,
    "unsqueeze": Functions.unsqueeze,
    "softmax": Functions.softmax,
    "size": Functions.size,
    "dim": Functions.dim,
}
