"""The operations of PyTorch, modules, functions and methods, as operations of NetBuilder; no part of the paper.

Each method of Operations has the signature of the function in torch or torch.nn.functional, with the node's name before it: a
module, a function and a method of a tensor come to the same place.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from npzf.geometry import Sides, pair
from npzf.interop import torch_modules as own
from npzf.interop.builder import NetBuilder
from npzf.interop.node_rows import SizeError, Value


class _Batch:
    """The number of images, wherever a forward asks for it."""

    def __repr__(self) -> str:
        return "N"


N = _Batch()


class Operations:
    """What the nodes of one module do, on values of a builder."""

    def __init__(self, builder: NetBuilder):
        self.builder = builder
        self._run: set[str] = set()

    def first_run(self, name: str) -> bool:
        """Whether a module has not run before."""
        first = name not in self._run
        self._run.add(name)
        return first

    # Nodes

    def module(self, name: str, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        """A leaf module called with these values."""
        for kind, run in MODULES.items():
            if type(module) is kind:
                return run(self, name, module, *args, **kwargs)
        raise ValueError(f"node {name!r} is {type(module).__name__}, which npzf has no layer for")

    def function(self, name: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        """A function called with these values; computed at once where it takes none."""
        if not _has_value((args, kwargs)):
            return function(*args, **kwargs)
        run = FUNCTIONS.get(function)
        if run is None:
            raise ValueError(f"node {name!r} is {getattr(function, '__name__', function)}, which npzf has no layer for")
        return self._called(name, run, args, kwargs)

    def method(self, name: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """A method of a tensor."""
        if not _has_value((args, kwargs)):
            return getattr(args[0], method)(*args[1:], **kwargs)
        if method not in METHODS:
            raise ValueError(f"node {name!r} is {method}, which npzf has no layer for")
        return self._called(name, METHODS[method], args, kwargs)

    def _called(self, name: str, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        try:
            return run(self, name, *args, **kwargs)
        except TypeError as error:
            raise ValueError(f"node {name!r} has arguments that npzf does not know: {error}") from None

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
        weight = array(name, "weight", weight)
        _expect(name, "dilation", _pair(dilation), (1, 1))
        if isinstance(padding, str):
            extra = [k - 1 if padding == "same" else 0 for k in weight.shape[2:]]
            sides = (extra[0] // 2, extra[0] - extra[0] // 2, extra[1] // 2, extra[1] - extra[1] // 2)
        around = _pair(padding) if sides is None else sides
        bias = None if bias is None else array(name, "bias", bias)
        return self.builder.conv(name, input, weight, bias, stride=_pair(stride), pad=around, groups=groups, ceil=ceil)

    def linear(self, name: str, input: Value, weight: Any, bias: Any = None) -> Value:
        bias = None if bias is None else array(name, "bias", bias)
        if len(input.shape) != 1:
            raise ValueError(f"node {name!r} takes the last axis of {input.shape}, expected flattened features (F,)")
        return self.builder.linear(name, input, array(name, "weight", weight), bias)

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
        mean, variance = (array(name, "running statistics", part) for part in (running_mean, running_var))
        scale = 1 / np.sqrt(variance.astype(np.float64) + eps)
        if weight is not None:
            scale = scale * array(name, "weight", weight)
        shift = -mean * scale
        if bias is not None:
            shift = shift + array(name, "bias", bias)
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
        _expect(name, "dilation", _pair(dilation), (1, 1))
        _expect(name, "return_indices", return_indices, False)
        window = _pair(kernel_size)
        return self.builder.max_pool(name, input, window, _pair(stride) if stride else window, _pair(padding), ceil_mode)

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
        window = _pair(kernel_size)
        if divisor_override not in (None, window[0] * window[1]):
            raise ValueError(f"node {name!r} has divisor_override {divisor_override}, expected None")
        stride = _pair(stride) if stride else window
        return self.builder.average_pool(name, input, window, stride, _pair(padding), ceil_mode, count_include_pad)

    def adaptive_avg_pool2d(self, name: str, input: Value, output_size: Any) -> Value:
        size = tuple(output_size) if isinstance(output_size, list | tuple) else (output_size, output_size)
        return self.builder.adaptive_average_pool(name, input, size)

    # Number by number

    def relu(self, name: str, input: Value, inplace: bool = False) -> Value:
        return self.builder.relu(name, input)

    def dropout(self, name: str, input: Value, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
        return self.builder.dropout(name, input, p) if p < 1 else self._refuse(name, "drops everything")

    def local_response_norm(
        self, name: str, input: Value, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
    ) -> Value:
        return self.builder.local_response_norm(name, input, size, k, alpha, beta)

    def softmax(self, name: str, input: Value, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Value:
        if dim is None or dim % (len(input.shape) + 1) != 1:
            raise ValueError(f"node {name!r} has dim {dim}, expected 1: over the classes")
        return self.builder.softmax(name, input)

    def add(self, name: str, input: Any, other: Any, alpha: float = 1) -> Value:
        if isinstance(input, Value) and isinstance(other, Value):
            _expect(name, "alpha", alpha, 1)
            return self.builder.add(name, [input, other])
        value, number = (input, other) if isinstance(input, Value) else (other, input)
        return self._scaled(name, value, 1.0, self._per_map(name, value, number) * alpha)

    def sub(self, name: str, input: Any, other: Any, alpha: float = 1) -> Value:
        if isinstance(input, Value) and not isinstance(other, Value):
            return self._scaled(name, input, 1.0, -self._per_map(name, input, other) * alpha)
        if isinstance(other, Value) and not isinstance(input, Value):
            return self._scaled(name, other, -alpha, self._per_map(name, other, input))
        return self._refuse(name, "subtracts two values")

    def mul(self, name: str, input: Any, other: Any) -> Any:
        if isinstance(input, Value) and isinstance(other, Value):
            return self._refuse(name, "multiplies two values")
        value, number = (input, other) if isinstance(input, Value) else (other, input)
        return self._scaled(name, value, self._per_map(name, value, number), 0.0)

    def div(self, name: str, input: Any, other: Any) -> Value:
        if isinstance(other, Value):
            return self._refuse(name, "divides by a value")
        return self._scaled(name, input, 1 / self._per_map(name, input, other), 0.0)

    def _scaled(self, name: str, value: Value, scale: Any, shift: Any) -> Value:
        return self.builder.affine(name, value, np.atleast_1d(scale), np.atleast_1d(shift))

    def _per_map(self, name: str, value: Value, number: Any) -> np.ndarray:
        """A number, or one for each map, as (1,) or (C,)."""
        given = array(name, "constant", torch.as_tensor(number))
        full = given.reshape((1,) * (len(value.shape) + 1 - given.ndim) + given.shape)
        if given.ndim > len(value.shape) + 1 or full.size not in (1, full.shape[1]) or full.size not in (1, value.shape[0]):
            raise ValueError(f"node {name!r} has a constant of shape {given.shape}, expected one number, or one for each map")
        return full.reshape(-1)

    # Shapes

    def flatten(self, name: str, input: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
        axes = len(input.shape) + 1
        if start_dim % axes != 1 or end_dim % axes != axes - 1:
            raise ValueError(f"node {name!r} flattens axes {start_dim} to {end_dim}, expected 1 to -1: all but the images'")
        return self.builder.flatten(name, input)

    def view(self, name: str, input: Value, *shape: Any) -> Value:
        sizes = list(shape[0]) if len(shape) == 1 and isinstance(shape[0], list | tuple) else list(shape)
        count = math.prod(input.shape)
        if sizes[:1] == [-1] and sizes[1:] and _product(sizes[1:]) == count:
            sizes[0] = N
        known = _product([size for size in sizes[1:] if size != -1])
        sizes = [count // known if size == -1 and known else size for size in sizes]
        if sizes[:1] == [N] or sizes[:1] == [1]:
            if sizes[1:] == [count]:
                return self.builder.flatten(name, input)
            if tuple(sizes[1:]) == input.shape:
                return input
            if sizes[1:] == [count, 1, 1]:
                return self.builder.one_place(name, self.builder.flatten(name, input))
        raise SizeError(f"node {name!r} reshapes {('N', *input.shape)} to {tuple(sizes)}, expected (N, {count}): flattened maps")

    def mean(self, name: str, input: Value, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Value:
        axes = {axis % 4 for axis in (dim if isinstance(dim, list | tuple) else [dim])} if dim is not None else set()
        if axes != {2, 3} or len(input.shape) != 3:
            raise ValueError(f"node {name!r} averages axes {dim} of {('N', *input.shape)}, expected (2, 3): rows and columns")
        pooled = self.builder.global_average_pool(name, input)
        return pooled if keepdim else self.builder.flatten(f"{name}/flatten", pooled)

    def squeeze(self, name: str, input: Value, dim: Any = None) -> Value:
        if len(input.shape) == 3 and input.shape[1:] == (1, 1) and dim is not None:
            axes = {axis % 4 for axis in (dim if isinstance(dim, list | tuple) else [dim])}
            if axes == {2, 3}:
                return self.builder.flatten(name, input)
            if axes in ({2}, {3}):
                return input  # (N, C, 1), which nothing but the other squeeze can take here
        return self._refuse(name, f"squeezes axes {dim} of {('N', *input.shape)}")

    def cat(self, name: str, tensors: Sequence[Value], dim: int = 0, axis: int | None = None) -> Value:
        dim = dim if axis is None else axis
        if not all(isinstance(value, Value) for value in tensors):
            return self._refuse(name, "concatenates constants")
        if dim % (len(tensors[0].shape) + 1) != 1:
            raise ValueError(f"node {name!r} concatenates along axis {dim}, expected 1: maps")
        return self.builder.concatenate(name, tensors)

    def pad(self, name: str, input: Value, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Value:
        if mode != "constant" or value not in (None, 0):
            raise ValueError(f"node {name!r} pads with {mode if mode != 'constant' else value}, expected zeros")
        sides = [*pad, 0, 0, 0, 0][:4]
        if any(pad[4:]) or min(sides) < 0:
            raise ValueError(f"node {name!r} pads by {tuple(pad)}, expected (left, right, top, bottom) of at least 0")
        left, right, top, bottom = (int(side) for side in sides)
        return self.builder.zero_pad(name, input, (top, bottom, left, right))

    def size(self, name: str, input: Value, dim: int | None = None) -> Any:
        sizes = (N, *input.shape)
        return sizes if dim is None else sizes[dim]

    def getattr(self, name: str, input: Any, attribute: str) -> Any:
        if attribute == "shape":
            return self.size(name, input)
        return self._refuse(name, f"takes {attribute} of a tensor")

    def getitem(self, name: str, input: Any, index: Any) -> Any:
        return self._refuse(name, f"takes a part of a tensor, [{index}]") if isinstance(input, Value) else input[index]

    def identity(self, name: str, input: Value, *args: Any, **kwargs: Any) -> Value:
        return input

    def _refuse(self, name: str, what: str) -> Any:
        raise ValueError(f"node {name!r} {what}, which npzf has no layer for")

    # Modules

    def _conv(self, name: str, module: nn.Conv2d, input: Value) -> Value:
        if module.padding_mode != "zeros" and any(n for n in _pair(module.padding)):
            raise ValueError(f"node {name!r} has padding_mode {module.padding_mode!r}, expected 'zeros'")
        moves = (module.stride, module.padding, module.dilation, module.groups)
        uneven = (module.sides, module.ceil) if isinstance(module, own.CeilConv2d) else ()
        return self.conv2d(name, input, module.weight, module.bias, *moves, *uneven)

    def _batch_norm(self, name: str, module: Any, input: Value) -> Value:
        statistics = module.running_mean, module.running_var
        return self.batch_norm(name, input, *statistics, module.weight, module.bias, eps=module.eps)

    def _max_pool(self, name: str, module: nn.MaxPool2d, input: Value) -> Value:
        moves = module.kernel_size, module.stride, module.padding, module.dilation
        return self.max_pool2d(name, input, *moves, module.ceil_mode, module.return_indices)

    def _avg_pool(self, name: str, module: nn.AvgPool2d, input: Value) -> Value:
        moves = module.kernel_size, module.stride, module.padding, module.ceil_mode
        return self.avg_pool2d(name, input, *moves, module.count_include_pad, module.divisor_override)

    def _sided_pool(self, name: str, module: own.SidedPool2d, input: Value) -> Value:
        moves = module.window, module.stride, module.sides, module.ceil
        if module.is_average:
            return self.builder.average_pool(name, input, *moves, bool(module.count_padding))
        return self.builder.max_pool(name, input, *moves)

    def _zero_pad(self, name: str, module: Any, input: Value) -> Value:
        return self.pad(name, input, module.padding, value=getattr(module, "value", 0))

    def _zeros(self, name: str, module: own.ZeroPad2d, input: Value) -> Value:
        return self.builder.with_zeros(self._zero_pad(name, module, input))

    def _affine(self, name: str, module: own.Affine, input: Value) -> Value:
        scale, shift = array(name, "weight", module.weight), array(name, "bias", module.bias)
        return self.builder.affine(name, input, scale, shift, fold=False)

    def _local_contrast(self, name: str, module: own.LocalContrastNorm2d, input: Value) -> Value:
        return self.builder.local_contrast_norm(name, input, module.window, module.sigma, module.floor)


MODULES: dict[type, Callable[..., Any]] = {
    nn.Conv2d: Operations._conv,
    own.CeilConv2d: Operations._conv,
    nn.Linear: lambda self, name, m, input: self.linear(name, input, m.weight, m.bias),
    nn.BatchNorm2d: Operations._batch_norm,
    nn.BatchNorm1d: Operations._batch_norm,
    nn.MaxPool2d: Operations._max_pool,
    nn.AvgPool2d: Operations._avg_pool,
    own.SidedPool2d: Operations._sided_pool,
    nn.AdaptiveAvgPool2d: lambda self, name, m, input: self.adaptive_avg_pool2d(name, input, m.output_size),
    nn.ZeroPad2d: Operations._zero_pad,
    nn.ConstantPad2d: Operations._zero_pad,
    nn.LocalResponseNorm: lambda self, name, m, input: self.local_response_norm(name, input, m.size, m.alpha, m.beta, m.k),
    own.LocalContrastNorm2d: Operations._local_contrast,
    own.Affine: Operations._affine,
    own.ZeroPad2d: Operations._zeros,
    own.GlobalAveragePool2d: lambda self, name, m, input: self.mean(name, input, (2, 3)),
    own.FlattenChannelsLast: lambda self, name, m, input: self.builder.flatten(name, input, channels_last=True),
    own.Concatenate: lambda self, name, m, *inputs: self.cat(name, inputs, 1),
    own.Add: lambda self, name, m, *inputs: self.builder.add(name, inputs),
    nn.ReLU: lambda self, name, m, input: self.relu(name, input),
    nn.Dropout: lambda self, name, m, input: self.dropout(name, input, m.p),
    nn.Dropout2d: lambda self, name, m, input: self.dropout(name, input, m.p),
    nn.Identity: lambda self, name, m, input: input,
    nn.Flatten: lambda self, name, m, input: self.flatten(name, input, m.start_dim, m.end_dim),
    nn.Softmax: lambda self, name, m, input: self.softmax(name, input, m.dim),
}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **dict.fromkeys((F.conv2d, torch.conv2d), Operations.conv2d),
    F.linear: Operations.linear,
    F.batch_norm: Operations.batch_norm,
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_), Operations.relu),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), Operations.max_pool2d),
    F.avg_pool2d: Operations.avg_pool2d,
    F.adaptive_avg_pool2d: Operations.adaptive_avg_pool2d,
    F.local_response_norm: Operations.local_response_norm,
    **dict.fromkeys((F.dropout, F.dropout2d), Operations.dropout),
    **dict.fromkeys((F.softmax, torch.softmax), Operations.softmax),
    F.pad: Operations.pad,
    torch.flatten: Operations.flatten,
    torch.reshape: Operations.view,
    torch.mean: Operations.mean,
    torch.squeeze: Operations.squeeze,
    **dict.fromkeys((torch.cat, torch.concat, torch.concatenate), Operations.cat),
    **dict.fromkeys((operator.add, operator.iadd, torch.add), Operations.add),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub), Operations.sub),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul), Operations.mul),
    **dict.fromkeys((operator.truediv, operator.itruediv, torch.div), Operations.div),
    getattr: Operations.getattr,
    operator.getitem: Operations.getitem,
}
METHODS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("relu", "relu_"), Operations.relu),
    **dict.fromkeys(("view", "reshape"), Operations.view),
    **dict.fromkeys(("add", "add_"), Operations.add),
    **dict.fromkeys(("sub", "sub_"), Operations.sub),
    **dict.fromkeys(("mul", "mul_"), Operations.mul),
    **dict.fromkeys(("div", "div_"), Operations.div),
    **dict.fromkeys(("contiguous", "clone", "detach", "float", "double", "to"), Operations.identity),
    "flatten": Operations.flatten,
    "mean": Operations.mean,
    "squeeze": Operations.squeeze,
    "softmax": Operations.softmax,
    "size": Operations.size,
}


def array(name: str, what: str, tensor: Any) -> np.ndarray:
    """A tensor of a module as a NumPy array of its own: float64 as it is, anything else float32."""
    if not isinstance(tensor, torch.Tensor) or nn.parameter.is_lazy(tensor) or tensor.is_meta:
        raise ValueError(f"node {name!r} has a {what} without numbers, expected an initialised module")
    if tensor.is_quantized or tensor.is_complex():
        raise ValueError(f"node {name!r} has a {what} of type {tensor.dtype}, expected floating-point numbers")
    dtype = torch.float64 if tensor.dtype == torch.float64 else torch.float32
    return tensor.detach().to("cpu", dtype, copy=True).contiguous().numpy()


def _pair(value: Any) -> tuple[int, int]:
    """(rows, columns) of an int or a sequence of one or two."""
    numbers = tuple(int(number) for number in value) if isinstance(value, list | tuple) else (int(value),)
    return pair(numbers * 2 if len(numbers) == 1 else numbers)  # type: ignore[arg-type]


def _product(sizes: Sequence[Any]) -> int:
    return math.prod(size for size in sizes if isinstance(size, int))


def _expect(name: str, what: str, value: Any, expected: Any) -> None:
    if value != expected:
        raise ValueError(f"node {name!r} has {what} {value}, expected {expected}")


def _has_value(part: Any) -> bool:
    if isinstance(part, dict):
        part = list(part.values())
    return any(map(_has_value, part)) if isinstance(part, list | tuple) else isinstance(part, Value | _Batch)
