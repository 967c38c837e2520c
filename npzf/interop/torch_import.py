"""Nets from PyTorch, so that whatever the reader has trained can be looked into (section 4); no part of the paper.

A module's forward is traced by torch.fx into nodes: modules, functions and methods of tensors. Each becomes one operation of
NetBuilder, named by the module's path ("features.0") or by the node ("cat_1").
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

from npzf.interop.builder import NetBuilder
from npzf.interop.input_size import build_network
from npzf.interop.node_rows import Value
from npzf.interop.torch_export import TorchNetwork
from npzf.interop.torch_modules import OWN_MODULES
from npzf.interop.torch_operations import Operations
from npzf.network import Network

log = logging.getLogger(__name__)


def from_torch(module: nn.Module, input_shape: Sequence[int] | None = None) -> Network:
    """As npzf.from_torch."""
    if not isinstance(module, nn.Module):
        raise ValueError(f"module is {type(module).__name__}, expected a torch.nn.Module")
    if isinstance(module, torch.jit.ScriptModule):
        raise ValueError("module is a compiled ScriptModule, expected the torch.nn.Module that it was made of")
    module = getattr(module, "_orig_mod", module)  # what torch.compile wraps
    shape = input_shape if input_shape is not None else getattr(module, "input_shape", None)
    if shape is not None and (len(shape) != 3 or not all(isinstance(side, int) and side >= 1 for side in shape)):
        raise ValueError(f"input_shape is {shape}, expected (H, W, C) in whole numbers of at least 1")
    if module.training:
        log.info("module is in training mode: taken as in inference, with running statistics and without dropout")
    traced = _Traced(module)
    net = build_network(traced.build, traced.channels(shape), shape)
    classes, preprocessing = getattr(module, "classes", None), getattr(module, "preprocessing", None)
    if isinstance(classes, tuple):
        net.classes = classes
    if preprocessing is not None:
        net.preprocessing = preprocessing
    return net


class _Tracer(fx.Tracer):
    """Modules of PyTorch and of npzf stay whole, all others are looked into."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, OWN_MODULES) or super().is_leaf_module(m, module_qualified_name)


class _Traced:
    """The nodes of a module, and the modules, buffers and parameters that they name."""

    def __init__(self, module: nn.Module):
        self.module = module
        self.names = module.layer_names if isinstance(module, TorchNetwork) else {}
        modes = {part: part.training for part in module.modules()}
        try:
            module.eval()  # a forward may ask
            self.graph = _Tracer().trace(module)
        except Exception as error:  # forward is anybody's code
            cause = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"module {type(module).__name__} cannot be traced by torch.fx: {cause}") from error
        finally:
            for part, training in modes.items():
                part.training = training
        inputs = [node for node in self.graph.nodes if node.op == "placeholder" and (node.users or not node.args)]
        if len(inputs) != 1:
            names = ", ".join(node.name for node in inputs)
            raise ValueError(f"module {type(module).__name__} has inputs {names}, expected one batch of images")
        self.input = inputs[0]

    def channels(self, shape: Sequence[int] | None) -> int:
        """The channels of the input: those of the first layer that says so, or of the shape."""
        followed: list[fx.Node] = [self.input]
        for node in followed:
            target = self._module(node) if node.op == "call_module" else None
            for name in ("in_channels", "num_features"):
                if isinstance(getattr(target, name, None), int):
                    return getattr(target, name)
            followed.extend(user for user in node.users if user not in followed)
        if shape is None:
            raise ValueError("input_shape is None, expected (H, W, C): no layer says how many channels the images have")
        return shape[2]

    def build(self, builder: NetBuilder) -> Value:
        """Every node as an operation; the value that the module returns."""
        operations = Operations(builder)
        values: dict[fx.Node, Any] = {self.input: builder.input}
        for node in self.graph.nodes:
            if node is self.input:
                continue
            if node.op == "placeholder":
                values[node] = node.args[0] if node.args else None
            elif node.op == "output":
                return self._output(_filled(node.args[0], values))
            else:
                args, kwargs = _filled(node.args, values), _filled(node.kwargs, values)
                values[node] = self._operation(operations, node, args, kwargs)
        raise ValueError(f"module {type(self.module).__name__} returns nothing, expected one tensor")

    def _operation(self, operations: Operations, node: fx.Node, args: Any, kwargs: Any) -> Any:
        if node.op == "get_attr":
            return self._attribute(str(node.target))
        if node.op == "call_module":
            name, target = self.names.get(str(node.target), str(node.target)), self._module(node)
            if len([n for n in self.graph.nodes if n.op == "call_module" and n.target == node.target]) > 1:
                if any(True for _ in target.parameters()):
                    raise ValueError(f"node {name!r} runs twice, expected once: its weights would become two copies")
                name = name if operations.first_run(name) else f"{name}_{node.name}"
            return operations.module(name, target, *args, **kwargs)
        if node.op == "call_method":
            return operations.method(node.name, str(node.target), *args, **kwargs)
        return operations.function(node.name, node.target, *args, **kwargs)

    def _module(self, node: fx.Node) -> nn.Module:
        return self.module.get_submodule(str(node.target))

    def _attribute(self, name: str) -> torch.Tensor:
        owner, _, key = name.rpartition(".")
        return getattr(self.module.get_submodule(owner), key)

    def _output(self, output: Any) -> Value:
        if isinstance(output, list | tuple) and len(output) == 1:
            output = output[0]
        if not isinstance(output, Value):
            kind = f"{len(output)} tensors" if isinstance(output, list | tuple | dict) else f"{output!r}"
            raise ValueError(f"module {type(self.module).__name__} returns {kind}, expected one tensor made of its input")
        return output


def _filled(arguments: Any, values: dict[fx.Node, Any]) -> Any:
    """A node's arguments with the values of the nodes among them."""
    return fx.node.map_arg(arguments, lambda node: values[node])
