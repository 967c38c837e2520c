"""An ONNX model as nodes that lead from images to one output, walked with a builder; no part of the paper."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, inliner

from npzf.interop.builder import NetBuilder
from npzf.interop.node_rows import SizeError, Value
from npzf.interop.onnx.channels_last import takes_channels_last, turns, with_channels_last
from npzf.interop.onnx.constants import evaluate
from npzf.interop.onnx.file import OnnxFile
from npzf.interop.onnx.functions import DOMAIN, FUNCTIONS
from npzf.interop.onnx.operators import OPERATORS
from npzf.interop.onnx.step import ANY_BATCH, Argument, ChannelsLast, Squares, Step

IMAGES = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
OURS = ("", "ai.onnx")
MOST_MADE = 2**29 + 2**28  # bytes of all constants that are computed from others


class OnnxGraph:
    """The nodes that the one output needs, and the constants among them; ValueError for what no net can be made of.

    input: the name of the images; shape: their (C, H, W), None where the model leaves it open; channels_last: whether they lie
    (N, H, W, C) in the model; batch: how many, ANY_BATCH if any.
    """

    def __init__(self, file: OnnxFile):
        self.file = file
        model = _inlined(file.model)
        self.opset = _opset(model)
        self.foreign = model.producer_name != "npzf"  # a net of npzf's comes back as it was
        graph = model.graph
        if graph.sparse_initializer:
            raise ValueError(f"tensor {graph.sparse_initializer[0].values.name!r} is sparse, expected dense ones")
        self.output = _only("outputs", [value.name for value in graph.output])
        self.nodes = _leading_to(self.output, graph.node)
        used = {name for node in self.nodes for name in _inputs(node)}
        stored = {tensor.name: tensor for tensor in graph.initializer if tensor.name in used}
        images = [value for value in graph.input if value.name in used and value.name not in stored]
        self.input = _only("inputs", [value.name for value in images])
        self.batch, *sides = _image_shape(images[0])
        self.dtype = "float64" if images[0].type.tensor_type.elem_type == TensorProto.DOUBLE else "float32"
        self.channels_last = takes_channels_last(self.input, self.nodes)
        self.shape = (sides[2], *sides[:2]) if self.channels_last else tuple(sides)
        self._refuse_unknown(set(stored))
        self.constants: dict[str, np.ndarray] = {name: file.array(tensor) for name, tensor in stored.items()}
        self.made = 0  # bytes
        for node in self.nodes:
            self._evaluate_constant(node)

    def build(self, builder: NetBuilder) -> Value:
        """The value of the output, after every node has become an operation of the builder."""
        builder.dtype = self.dtype
        images = ChannelsLast(builder.input) if self.channels_last else builder.input
        values: dict[str, Argument] = {self.input: images}
        self._walk(self.nodes, values, builder)
        output = self._argument(self.output, values, "the output of the model")
        output = output.of if isinstance(output, ChannelsLast) else output
        if not isinstance(output, Value):
            raise ValueError(f"output {self.output!r} is no value of images, expected scores or maps")
        return output

    def _walk(self, nodes: Iterable[onnx.NodeProto], values: dict[str, Argument], builder: NetBuilder) -> None:
        for node in nodes:
            if node.output[0] in self.constants:
                continue
            name = name_of(node)
            arguments = [self._argument(given, values, f"node {name!r}") if given else None for given in node.input]
            step = Step(node, name, arguments, builder, self.opset, self.batch, self.foreign)
            try:
                values.update(zip(node.output, self._outputs(step, values), strict=False))
            except SizeError:
                raise
            except ValueError as error:
                known = str(error).startswith("node ")
                raise ValueError(f"{'' if known else f'node {name!r} '}{_line(error)}") from error
            except (ArithmeticError, AttributeError, IndexError, KeyError, MemoryError, TypeError) as error:
                raise ValueError(f"node {name!r} is no proper {node.op_type} ({_line(error)})") from error

    def _outputs(self, step: Step, values: dict[str, Argument]) -> list[Any]:
        node, arguments = step.node, step.arguments
        if node.op_type in ("Shape", "Size") and isinstance(arguments[0], Value | Squares | ChannelsLast):
            dims = np.array(step.dims(arguments[0]), np.int64)
            chosen = dims[step.whole("start", 0) : step.attribute("end", len(dims))]
            return [chosen if node.op_type == "Shape" else np.prod(dims)]
        if node.op_type == "If" and isinstance(arguments[0], np.ndarray):
            branch = step.attribute("then_branch" if arguments[0].all() else "else_branch")
            self._walk(_leading_to(branch.output[0].name, branch.node), values, step.builder)
            return [self._argument(output.name, values, f"node {step.name!r}") for output in branch.output]
        if node.domain == DOMAIN and node.op_type in FUNCTIONS:
            return [FUNCTIONS[node.op_type](step)]
        if all(argument is None or isinstance(argument, np.ndarray) for argument in arguments):
            return evaluate(node, arguments, self.opset)  # type: ignore[arg-type]
        if node.domain not in OURS or node.op_type not in OPERATORS:
            raise ValueError(f"is {kind_of(node)}, which npzf has no layer for")
        operator = OPERATORS[node.op_type]
        turned = any(isinstance(argument, ChannelsLast) for argument in arguments)
        return [with_channels_last(step, operator) if turned else operator(step)]

    def _argument(self, name: str, values: dict[str, Argument], taker: str) -> Argument:
        if name in self.constants:
            return self.constants[name]
        if name not in values:
            raise ValueError(f"{taker} takes {name!r}, which nothing before it gives")
        return values[name]

    def _evaluate_constant(self, node: onnx.NodeProto) -> None:
        """Puts the node's outputs among the constants if all of its inputs are."""
        if node.domain not in OURS or node.op_type == "If" or any(name and name not in self.constants for name in node.input):
            return
        try:
            if node.op_type == "Constant" and [attribute.name for attribute in node.attribute] == ["value"]:
                results = [self.file.array(node.attribute[0].t)]
            else:
                given = [self.constants[name] if name else None for name in node.input]
                results = evaluate(node, given, self.opset)
                self.made += sum(_memory(array, given) for array in results)
        except ValueError as error:
            raise ValueError(f"node {name_of(node)!r} {_line(error)}") from error
        if self.made > MOST_MADE:
            raise ValueError(f"node {name_of(node)!r} and those before it make constants of more than {MOST_MADE:,} bytes")
        self.constants.update(zip(node.output, results, strict=False))

    def _refuse_unknown(self, fixed: set[str]) -> None:
        """ValueError for the first node that npzf has no layer for, before weights are read; fixed: the initialisers' names."""
        used = {name for node in self.nodes for name in node.input}
        for node in self.nodes:
            shape_alone = node.domain in OURS and node.op_type in ("Shape", "Size")
            if shape_alone or all(name in fixed for name in node.input if name):
                fixed.update(node.output)
                continue
            known = OPERATORS if node.domain in OURS else FUNCTIONS if node.domain == DOMAIN else {}
            chosen = node.domain in OURS and node.op_type == "If" and node.input[0] in fixed
            if (node.op_type not in known or (node.op_type == "Transpose" and not turns(node))) and not chosen:
                raise ValueError(f"node {name_of(node)!r} is {kind_of(node)}, which npzf has no layer for")
            more = [name for name in node.output[1:] if name in used or name == self.output]
            if more and not chosen:
                raise ValueError(f"node {name_of(node)!r} gives {more[0]!r} too, expected its first output alone to be used")


def _memory(array: np.ndarray, given: Iterable[np.ndarray | None]) -> int:
    """Bytes that a constant takes beside those that it is made of: none for a view."""
    view = any(other is not None and np.may_share_memory(array, other) for other in given)
    return 0 if view or 0 in array.strides else array.nbytes


def name_of(node: onnx.NodeProto) -> str:
    """The node's name, else its output's."""
    name = node.name or next(iter(node.output), "") or node.op_type
    return name if isinstance(name, str) else bytes(name).decode("utf-8", "replace")  # bytes: protobuf's for no proper text


def kind_of(node: onnx.NodeProto) -> str:
    """The operator, with its domain if it is not ONNX's own."""
    return node.op_type if node.domain in OURS else f"{node.domain}.{node.op_type}"


def metadata(model: onnx.ModelProto, key: str) -> Any:
    """What to_onnx has written for a reader like this one, or None; ValueError if it cannot be read."""
    text = next((entry.value for entry in model.metadata_props if entry.key == f"npzf.{key}"), None)
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"npzf.{key} in its metadata is {text[:40]!r}, expected JSON") from None  # type: ignore[index]


def _inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without local functions but npzf's own."""
    theirs = [(f.domain, f.name) for f in model.functions if f.domain != DOMAIN]
    if not theirs:
        return model
    try:
        return inliner.inline_selected_functions(model, theirs)
    except Exception as error:  # of many kinds
        raise ValueError(f"its local functions cannot be put in place ({_line(error)})") from error


def _opset(model: onnx.ModelProto) -> int:
    versions = {entry.version for entry in model.opset_import if entry.domain in OURS}
    newest = onnx.defs.onnx_opset_version()
    if len(versions) != 1 or not 1 <= min(versions) <= newest:
        raise ValueError(f"its opset is {sorted(versions) or None}, expected one of 1 to {newest}")
    return versions.pop()


def _only(what: str, names: list[str]) -> str:
    if len(names) != 1:
        raise ValueError(f"{what} are {', '.join(map(repr, names)) or 'none'}, expected one")
    return names[0]


def _image_shape(images: onnx.ValueInfoProto) -> tuple[int, int | None, int | None, int | None]:
    """Batch and the three other sides of the input, None for sides that are left open."""
    tensor = images.type.tensor_type
    sides = [dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in tensor.shape.dim]
    if tensor.elem_type not in IMAGES or len(sides) != 4:
        kind = TensorProto.DataType.Name(tensor.elem_type) if tensor.elem_type in TensorProto.DataType.values() else "unknown"
        shape = ", ".join("?" if side is None else str(side) for side in sides)
        raise ValueError(f"input {images.name!r} is {kind} ({shape}), expected images (N, C, H, W) of floating-point numbers")
    batch, channels, height, width = sides
    return ANY_BATCH if batch is None else batch, channels, height, width


def _leading_to(output: str, nodes: Iterable[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes that the output needs, in order."""
    needed, kept = {output}, []
    for node in reversed(list(nodes)):
        if any(name in needed for name in node.output if name):
            kept.append(node)
            needed.update(_inputs(node))
    return kept[::-1]


def _inputs(node: onnx.NodeProto) -> set[str]:
    """What a node takes, and what the graphs in it take from around them."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                names |= _inputs(inner)
            names |= {output.name for output in graph.output}
    return names


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
