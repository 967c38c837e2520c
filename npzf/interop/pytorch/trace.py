"""What a module of PyTorch does, as the nodes of a torch.fx graph that its output needs; no part of the paper."""

from __future__ import annotations

import inspect
import linecache
import operator
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from npzf.interop.pytorch.modules import OWN_MODULES

WRITING = {operator.iadd, operator.isub, operator.imul, operator.itruediv, torch.relu_, F.relu_}
SAME_MEMORY: set[Any] = {
    *(nn.Identity, nn.Dropout, nn.Dropout2d, nn.Flatten, F.dropout, F.dropout2d, operator.getitem),
    *(torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze),
    *("contiguous", "to", "float", "double", "view", "reshape", "flatten", "squeeze", "unsqueeze"),
}
KEEP_CHANNELS = (
    *(nn.ReLU, nn.Identity, nn.Dropout, nn.Dropout2d, nn.ZeroPad2d, nn.ConstantPad2d, nn.LocalResponseNorm),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
)
KEEP_CHANNELS_TOO = {
    *(operator.add, operator.sub, operator.mul, operator.truediv, torch.add, torch.sub, torch.mul, torch.div),
    *(F.pad, F.relu, torch.relu, F.max_pool2d, F.avg_pool2d, F.dropout),
}
CONV2D = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


class _Tracer(fx.Tracer):
    """Modules of PyTorch and of npzf stay whole, all others are looked into; what a forward asserts is taken to be true."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, OWN_MODULES) or super().is_leaf_module(m, module_qualified_name)

    def to_bool(self, obj: fx.Proxy) -> bool:
        frame = inspect.currentframe()
        while frame is not None and frame.f_globals.get("__name__", "").startswith(("torch.fx", __name__)):
            frame = frame.f_back  # to the line that asks
        line = "" if frame is None else linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        return line.lstrip().startswith("assert ") or super().to_bool(obj)


class Trace:
    """The nodes of a module in the order of their work, and the modules, buffers and parameters that they name.

    ValueError, in one line, for a forward that cannot be traced or takes several inputs. The module is left as it is.
    """

    def __init__(self, module: nn.Module):
        if _Tracer().is_leaf_module(module, ""):
            module = nn.Sequential(module)
        self.module, self.kind = module, type(module).__name__
        parameters = list(inspect.signature(module.forward).parameters.values())
        options = {one.name: one.default for one in parameters[1:] if one.default is not inspect.Parameter.empty}
        before = {part: dict(vars(part)) for part in module.modules()}
        try:
            module.eval()  # a forward may ask
            graph = _Tracer().trace(module, options)
            self.constants = {name: value for name, value in vars(module).items() if name.startswith("_tensor_constant")}
        except Exception as error:  # forward is anybody's code
            cause = " ".join(str(error).split()) or type(error).__name__
            reason = f"cannot be traced by torch.fx ({cause})"
            raise ValueError(f"module {self.kind} {reason}, expected a forward that takes no decision on its input") from error
        finally:
            for part, attributes in before.items():  # a forward may keep what it computes, here without numbers
                vars(part).clear()
                vars(part).update(attributes)
        inputs = [
            node for node in graph.nodes if node.op == "placeholder" and (not node.args or node.target == parameters[0].name)
        ]
        if len(inputs) != 1:
            names = ", ".join(str(node.target) for node in inputs) or "none"
            raise ValueError(f"module {self.kind} has inputs {names}, expected one batch of images")
        self.input = inputs[0]
        self.place = {node: place for place, node in enumerate(graph.nodes)}
        self._memory: dict[fx.Node, fx.Node] = {}
        for node in graph.nodes:
            self._memory[node] = self._memory[node.all_input_nodes[0]] if self._is_view(node) else node
        self.nodes = self._needed(list(graph.nodes))
        self.names = self._names()

    def module_of(self, node: fx.Node) -> nn.Module:
        """The module that a node runs."""
        return self.module.get_submodule(str(node.target))

    def attribute(self, node: fx.Node) -> Any:
        """The parameter, buffer or constant that a node takes."""
        if node.target in self.constants:
            return self.constants[node.target]
        owner, _, key = str(node.target).rpartition(".")
        return getattr(self.module.get_submodule(owner), key)

    def writes(self, node: fx.Node) -> bool:
        """Whether a node changes its first input in place."""
        match node.op:
            case "call_module":
                return isinstance(self.module_of(node), nn.ReLU) and bool(getattr(self.module_of(node), "inplace", False))
            case "call_function":
                positional = node.target is F.relu and any(node.args[1:])
                return node.target in WRITING or positional or (bool(node.kwargs.get("inplace")) and node.target is F.relu)
            case "call_method":
                return str(node.target).endswith("_") and not str(node.target).endswith("__")
        return False

    def same_memory(self, one: fx.Node, other: fx.Node) -> bool:
        """Whether the outputs of two nodes lie in one array."""
        return self._memory[one] is self._memory[other]

    def _is_view(self, node: fx.Node) -> bool:
        """Whether a node's output lies in the memory of its first input."""
        if not node.op.startswith("call") or not node.all_input_nodes:
            return False
        target = type(self.module_of(node)) if node.op == "call_module" else node.target
        return self.writes(node) or target in SAME_MEMORY

    def _names(self) -> dict[fx.Node, str]:
        """What each node is called: the module's path, with a number in further runs of one module; or the node's own name."""
        taken = {path for path, _ in self.module.named_modules()}
        names, run = dict[fx.Node, str](), set[str]()
        for node in self.nodes:
            names[node] = path = str(node.target) if node.op == "call_module" else node.name
            if node.op == "call_module" and path in run:
                numbered = (f"{path}_{count}" for count in range(2, len(taken) + len(self.nodes) + 2))
                names[node] = next(name for name in numbered if name not in taken)
                taken.add(names[node])
            run.add(path)
        return names

    def channels(self, shape: Sequence[int] | None) -> int:
        """The channels of the input: those of the first layer that says so, or of the shape (H, W, C)."""
        followed: list[fx.Node] = [self.input]
        for node in followed:
            taken = self._taken_by(node)
            if taken is not None:
                return taken
            if node is self.input or self._keeps_channels(node):
                followed.extend(user for user in node.users if user not in followed)
        if shape is None:
            raise ValueError("input_shape is None, expected (H, W, C): no layer says how many channels the images have")
        return shape[2]

    def _taken_by(self, node: fx.Node) -> int | None:
        """The channels of what a node takes, if its kind says so."""
        if node.op == "call_module":
            module = self.module_of(node)
            if isinstance(module, nn.modules.lazy.LazyModuleMixin):
                return None
            if isinstance(module, nn.Conv2d):
                return module.in_channels
            return module.num_features if isinstance(module, nn.BatchNorm2d) else None
        if node.op == "call_function" and node.target in (F.conv2d, torch.conv2d):
            given = dict(zip(CONV2D, node.args, strict=False)) | node.kwargs
            weight, groups = given["weight"], given.get("groups", 1)
            if isinstance(weight, fx.Node) and weight.op == "get_attr" and isinstance(groups, int):
                return int(self.attribute(weight).shape[1]) * groups
        return None

    def _keeps_channels(self, node: fx.Node) -> bool:
        """Whether what a node gives has the channels of the one thing that it takes."""
        if node.op == "call_module":
            return isinstance(self.module_of(node), KEEP_CHANNELS)
        changing = [source for source in node.all_input_nodes if source.op != "get_attr"]
        return node.op == "call_function" and node.target in KEEP_CHANNELS_TOO and len(changing) == 1

    def _needed(self, nodes: list[fx.Node]) -> list[fx.Node]:
        """The nodes that the output needs, those among them that change what it needs in place; in order."""
        needed: set[fx.Node] = set()
        for node in reversed(nodes):
            if node.op == "output" or node in needed or (self.writes(node) and self._read_later(node, needed)):
                needed.update((node, *node.all_input_nodes))
        return [node for node in nodes if node in needed]

    def _read_later(self, node: fx.Node, needed: set[fx.Node]) -> bool:
        """Whether the memory that a node changes is read afterwards by nodes that are needed."""
        readers = [other for other in needed if self.place[other] > self.place[node]]
        return any(self.same_memory(source, node) for other in readers for source in other.all_input_nodes)
