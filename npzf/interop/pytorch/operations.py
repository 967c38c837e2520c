"""Nodes of a traced module, modules, functions and methods alike, as operations of NetBuilder; no part of the paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from npzf import layers
from npzf.interop.node_rows import SizeError, Value
from npzf.interop.pytorch import modules as own
from npzf.interop.pytorch.functions import FUNCTIONS, METHODS, Functions
from npzf.interop.pytorch.shapes import Batch, as_pair


class Operations(Functions):
    """What the nodes of one module do, on values of a builder. ValueError, naming the node, for what no layer does."""

    def module(self, name: str, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        """A leaf module called with these values."""
        kind = type(module).__name__
        if any(nn.parameter.is_lazy(part) for part in (*module.parameters(), *module.buffers())):
            raise ValueError(f"node {name!r} is {kind} without numbers, expected an initialised module: run it once")
        for hook in module._forward_pre_hooks.values():
            if type(hook).__module__.startswith("torch.nn.utils."):
                reason = f"computes its weight by {type(hook).__name__} in each pass"
                raise ValueError(f"node {name!r} {reason}, expected a plain one: torch.nn.utils has what removes it")
        if type(module) not in MODULES:
            self.refuse(name, f"is {kind}")
        return self._called(name, MODULES[type(module)], (module, *args), kwargs)

    def function(self, name: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        """A function called with these values; computed at once where it takes none."""
        if function not in FUNCTIONS and _has_value((args, kwargs)):
            self.refuse(name, f"is {getattr(function, '__name__', function)}")
        if not _has_value((args, kwargs)):
            return self._called(name, lambda _, __, *args, **kwargs: function(*args, **kwargs), args, kwargs)
        return self._called(name, FUNCTIONS[function], args, kwargs)

    def method(self, name: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """A method of a tensor; of a constant it is computed at once."""
        if not _has_value((args, kwargs)):
            return self._called(name, lambda _, __, first, *args, **kwargs: getattr(first, method)(*args, **kwargs), args, kwargs)
        if method not in METHODS:
            self.refuse(name, f"is {method}")
        return self._called(name, METHODS[method], args, kwargs)

    def _called(self, name: str, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """The operation; whatever it finds wrong is said of this node, in one line."""
        try:
            with torch.no_grad():
                return run(self, name, *args, **kwargs)
        except SizeError:
            raise
        except Exception as error:
            text = " ".join(str(error).split())
            if isinstance(error, ValueError) and text.startswith("node "):
                raise
            raise ValueError(f"node {name!r} cannot be converted: {text or type(error).__name__}") from error

    # Modules

    def _conv(self, name: str, module: nn.Conv2d, input: Value) -> Value:
        padded = isinstance(module.padding, str) or any(as_pair(module.padding))
        if module.padding_mode != "zeros" and padded:
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
        left, right, top, bottom = module.padding
        return self.builder.row(name, layers.ZeroPad((top, bottom, left, right)), input)

    def _dropout(self, name: str, module: Any, input: Value) -> Value:
        return self.dropout(name, input, module.p, training=False)

    def _affine(self, name: str, module: own.Affine, input: Value) -> Value:
        scale, shift = self.array(name, "weight", module.weight), self.array(name, "bias", module.bias)
        return self.builder.affine(name, input, scale, shift, fold=False)

    def _concatenate(self, name: str, module: own.Concatenate, *inputs: Value) -> Value:
        if len(inputs) == 1:
            return self.builder.row(name, layers.Concatenate(), *inputs)
        return self.builder.concatenate(name, inputs)

    def _sum(self, name: str, module: own.Add, *inputs: Value) -> Value:
        return self.builder.row(name, layers.Add(), *inputs) if len(inputs) == 1 else self.builder.add(name, inputs)

    def _norm_of_sums(self, name: str, module: own.LocalResponseNorm, input: Value) -> Value:
        return self.builder.local_response_norm(name, input, module.size, module.k, module.alpha, module.beta, divided=False)

    def _local_contrast(self, name: str, module: own.LocalContrastNorm2d, input: Value) -> Value:
        return self.builder.local_contrast_norm(name, input, module.window, module.sigma, module.floor)


MODULES: dict[type, Callable[..., Any]] = {
    **dict.fromkeys((nn.Conv2d, own.CeilConv2d), Operations._conv),
    nn.Linear: lambda self, name, m, input: self.linear(name, input, m.weight, m.bias),
    **dict.fromkeys((nn.BatchNorm2d, nn.BatchNorm1d, nn.SyncBatchNorm), Operations._batch_norm),
    nn.MaxPool2d: Operations._max_pool,
    nn.AvgPool2d: Operations._avg_pool,
    own.SidedPool2d: Operations._sided_pool,
    nn.AdaptiveAvgPool2d: lambda self, name, m, input: self.adaptive_avg_pool2d(name, input, m.output_size),
    nn.AdaptiveMaxPool2d: lambda self, name, m, input: self.adaptive_max_pool2d(name, input, m.output_size, m.return_indices),
    **dict.fromkeys((nn.ZeroPad2d, nn.ConstantPad2d), Operations._zero_pad),
    nn.LocalResponseNorm: lambda self, name, m, input: self.local_response_norm(name, input, m.size, m.alpha, m.beta, m.k),
    own.LocalResponseNorm: Operations._norm_of_sums,
    own.LocalContrastNorm2d: Operations._local_contrast,
    own.Affine: Operations._affine,
    own.ZeroPad2d: Operations._zeros,
    own.GlobalAveragePool2d: lambda self, name, m, input: self.builder.row(name, layers.GlobalAveragePool(), input),
    own.Flatten: lambda self, name, m, input: self.builder.row(name, layers.Flatten(m.channels_first), input),
    own.Concatenate: Operations._concatenate,
    own.Add: Operations._sum,
    nn.ReLU: lambda self, name, m, input: self.relu(name, input),
    **dict.fromkeys((nn.Dropout, nn.Dropout2d), Operations._dropout),
    nn.Identity: lambda self, name, m, input: input,
    nn.Flatten: lambda self, name, m, input: self.flatten(name, input, m.start_dim, m.end_dim),
    own.L2Normalize: lambda self, name, m, input: self.normalize(name, input, eps=m.eps),
    nn.Softmax: lambda self, name, m, input: self.softmax(name, input, m.dim),
}


def _has_value(part: Any) -> bool:
    if isinstance(part, dict):
        part = list(part.values())
    return any(map(_has_value, part)) if isinstance(part, list | tuple) else isinstance(part, Value | Batch)
