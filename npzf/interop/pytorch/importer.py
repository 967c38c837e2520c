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
from npzf.interop.input_size import build_network, checked_shape
from npzf.interop.node_rows import Value
from npzf.interop.pytorch.exporter import TorchNetwork
from npzf.interop.pytorch.operations import Operations
from npzf.interop.pytorch.trace import Trace
from npzf.network import Network

log = logging.getLogger(__name__)
WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def from_torch(module: nn.Module, input_shape: Sequence[int] | None = None) -> Network:
    """As npzf.from_torch."""
    module = _plain(module)
    ours = module if isinstance(module, TorchNetwork) else None
    shape = checked_shape(input_shape) if input_shape is not None else ours.input_shape if ours else None
    if any(part.training for part in module.modules()):
        log.info("module is in training mode: taken as in inference, with running statistics and without dropout")
    hooked = [path or "the module" for path, part in module.named_modules() if part._forward_hooks or part._forward_pre_hooks]
    if hooked:
        log.warning("hooks of %s are left out: the net is the same if they change no number", ", ".join(hooked))
    trace = Trace(module)
    net = build_network(_Build(trace, ours.layer_names if ours else {}), trace.channels(shape), shape)
    if ours:
        ours.preprocessing.check(net.input_shape)
        net.classes, net.preprocessing = ours.classes, ours.preprocessing
    return net


def _plain(module: Any) -> nn.Module:
    """The module itself, out of what compiles it or spreads it over devices."""
    if isinstance(module, nn.Module):
        module = getattr(module, "_orig_mod", module)
        module = module.module if isinstance(module, WRAPPERS) else module
    if not isinstance(module, nn.Module):
        raise ValueError(f"module is {type(module).__name__}, expected a torch.nn.Module")
    if isinstance(module, torch.jit.ScriptModule):
        raise ValueError("module is a compiled ScriptModule, expected the torch.nn.Module that it was made of")
    return module


class _Build:
    """Every node of a trace as an operation of a builder; names: path of a module -> name of its layer, if not the path."""

    def __init__(self, trace: Trace, names: dict[str, str]):
        self.trace, self.names = trace, names
        floats = [part for part in (*trace.module.parameters(), *trace.module.buffers()) if part.is_floating_point()]
        self.dtype = torch.float64 if any(part.dtype == torch.float64 for part in floats) else torch.float32

    def __call__(self, builder: NetBuilder) -> Value:
        """The value that the module returns."""
        builder.dtype = str(self.dtype).removeprefix("torch.")
        operations, values = Operations(builder, self.dtype), dict[fx.Node, Any]()
        for node in self.trace.nodes:
            if node is self.trace.input:
                values[node] = builder.input
            elif node.op == "placeholder":
                values[node] = node.args[0] if node.args else None
            elif node.op == "get_attr":
                values[node] = self.trace.attribute(node)
            elif node.op == "output":
                return self._output(_filled(node.args[0], values))
            else:
                values[node] = self._operation(operations, node, _filled(node.args, values), _filled(node.kwargs, values))
                if self.trace.writes(node):
                    self._write(node, values)
        raise ValueError(f"module {self.trace.kind} returns nothing, expected one tensor")

    def _operation(self, operations: Operations, node: fx.Node, args: Any, kwargs: Any) -> Any:
        if node.op == "call_method":
            return operations.method(node.name, str(node.target), *args, **kwargs)
        if node.op == "call_function":
            return operations.function(node.name, node.target, *args, **kwargs)
        path, module = self.trace.names[node], self.trace.module_of(node)
        if path != str(node.target) and any(True for _ in module.parameters()):
            raise ValueError(f"node {str(node.target)!r} runs twice, expected once: its weights would become two copies")
        return operations.module(self.names.get(path, path), module, *args, **kwargs)

    def _write(self, node: fx.Node, values: dict[fx.Node, Any]) -> None:
        """What a node has changed in place is what everyone after it sees, under whichever name."""
        trace, before = self.trace, values[node.all_input_nodes[0]]
        if not isinstance(before, Value):
            return  # a Python number
        for other in values:
            later = any(trace.place[user] > trace.place[node] for user in other.users)
            if other is node or not later or not trace.same_memory(other, node):
                continue
            if values[other].shape != before.shape:
                raise ValueError(
                    f"node {node.name!r} changes in place what node {other.name!r} is another view of, expected a copy"
                )
            values[other] = values[node]

    def _output(self, output: Any) -> Value:
        if isinstance(output, list | tuple) and len(output) == 1:
            output = output[0]
        if not isinstance(output, Value):
            kind = f"{len(output)} tensors" if isinstance(output, list | tuple | dict) else f"{output!r}"
            raise ValueError(f"module {self.trace.kind} returns {kind}, expected one tensor made of its input")
        return output


def _filled(arguments: Any, values: dict[fx.Node, Any]) -> Any:
    """A node's arguments with the values of the nodes among them."""
    return fx.node.map_arg(arguments, lambda node: values[node])
