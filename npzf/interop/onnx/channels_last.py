"""Maps that lie channels last in an ONNX model, as converters from TensorFlow leave them here and there; no part of the paper.

Such models take (N, H, W, C) and turn it by Transpose before the first convolution, and back before maps are flattened. The
layers are the same: what is done between the two is done to the maps as they lie in the builder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import onnx

from npzf.interop.node_rows import Value
from npzf.interop.onnx.step import Argument, ChannelsLast, Outcome, Step

TO_FIRST, TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]
EACH_NUMBER = ("Add", "Cast", "Div", "Dropout", "Identity", "Mul", "Relu", "Sub", "Sum")  # the same wherever the channels lie


def turns(node: onnx.NodeProto) -> bool:
    """Whether this is a Transpose that puts channels first, or last."""
    orders = [list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"]
    return node.op_type == "Transpose" and orders in ([TO_FIRST], [TO_LAST])


def takes_channels_last(images: str, nodes: Iterable[onnx.NodeProto]) -> bool:
    """Whether the images (N, H, W, C) are turned to channels first before anything looks at more than a number of them."""
    same, turned = {images}, False
    for node in nodes:
        if same.isdisjoint(node.input):
            continue
        if node.op_type in EACH_NUMBER:
            same.update(node.output)
        elif turns(node) and list(node.attribute[0].ints) == TO_FIRST:
            turned = True
        elif node.op_type != "Shape":
            return False
    return turned


def transpose(step: Step) -> Outcome:
    """From one order to the other."""
    order, argument = step.attribute("perm"), step.arguments[0]
    if isinstance(argument, ChannelsLast) and order == TO_FIRST:
        return argument.of
    value = step.value()
    if len(value.shape) != 3 or order != TO_LAST:
        raise step.error("is Transpose, which npzf has no layer for")
    return ChannelsLast(value)


def with_channels_last(step: Step, operator: Callable[[Step], Outcome]) -> Outcome:
    """The operator on arguments of which some lie channels last."""
    kind, first = step.node.op_type, step.arguments[0]
    if kind == "Transpose":
        return transpose(step)
    if kind in ("Flatten", "Reshape", "Squeeze", "Unsqueeze"):
        return operator(step)
    if kind == "ReduceMean" and isinstance(first, ChannelsLast) and step.axes(step.numbers(1, "axes") or [], 4) == [1, 2]:
        made = step.builder.global_average_pool(step.name, first.of)
        return ChannelsLast(made) if step.whole("keepdims", 1) else step.view(made, (step.batch, made.shape[0]))
    along = kind == "Concat" and step.whole("axis", 0) in (3, -1)
    if kind not in EACH_NUMBER and not along:
        raise step.error(f"is {kind} of maps (N, H, W, C), which npzf has no layer for")
    turned = [_channels_first(step, argument) for argument in step.arguments]
    node = step.node
    if along:
        node = onnx.helper.make_node("Concat", node.input, node.output, node.name, axis=1)
    outcome = operator(replace(step, node=node, arguments=turned))
    if not isinstance(outcome, Value):
        raise step.error(f"is {kind} of maps (N, H, W, C) that becomes no maps, which npzf has no layer for")
    return ChannelsLast(outcome)


def _channels_first(step: Step, argument: Argument) -> Argument:
    if isinstance(argument, ChannelsLast):
        return argument.of
    if isinstance(argument, np.ndarray) and step.node.op_type not in ("Cast", "Dropout"):
        if argument.ndim > 4:
            raise step.error(f"has a constant {argument.shape}, expected one number for each map")
        return argument.reshape((1,) * (4 - argument.ndim) + argument.shape).transpose(TO_FIRST)
    if isinstance(argument, Value):
        raise step.error("joins maps (N, H, W, C) with others, which npzf has no layer for")
    return argument
