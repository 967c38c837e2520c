"""ONNX's convolutions, poolings and padding as operations of the builder, of all opsets; no part of the paper."""

from __future__ import annotations

import numpy as np

from npzf.geometry import Pair, Sides, output_sizes
from npzf.interop.node_rows import Value
from npzf.interop.onnx import patterns as onnx_patterns
from npzf.interop.onnx.step import Outcome, Squares, Step


def conv(step: Step) -> Outcome:
    value, weight = step.value(), step.constant(1, "weight")
    if weight.ndim != 4:
        raise step.error(f"convolves {weight.ndim - 2} dimensions, expected 2")
    window, stride, pad = _window(step, value, (weight.shape[2], weight.shape[3]))
    if window != weight.shape[2:]:
        raise step.error(f"has kernel_shape {window}, but a weight of {weight.shape[2:]}")
    groups = step.whole("group", 1)
    bias = step.optional(2, "bias")
    return step.builder.conv(step.name, value, weight, bias, stride=stride, pad=pad, groups=groups)


def max_pool(step: Step) -> Outcome:
    value = step.value()
    window, stride, pad = _window(step, value)
    if step.foreign and _nothing(window, stride, pad):
        return value
    return step.builder.max_pool(step.name, value, window, stride, pad, bool(step.whole("ceil_mode", 0)))


def average_pool(step: Step) -> Outcome:
    if isinstance(step.arguments[0], Squares):
        return onnx_patterns.averaged(step, step.arguments[0])
    value = step.value()
    window, stride, pad = _window(step, value)
    if step.foreign and _nothing(window, stride, pad):
        return value
    ceil, counted = bool(step.whole("ceil_mode", 0)), bool(step.whole("count_include_pad", 0))
    if not ceil and not counted and _hangs_over(value, window, stride, pad):
        bare = step.builder.without_zeros(value)
        return step.builder.average_pool(step.name, bare, window, stride, value.pad, True, True)
    return step.builder.average_pool(step.name, value, window, stride, pad, ceil, counted)


def _nothing(window: Pair, stride: Pair, pad: Sides) -> bool:
    """Whether a pooling changes nothing, as PyTorch's exporters write an adaptive one to the size that the maps have."""
    return window == stride == (1, 1) and not any(pad)


def _hangs_over(value: Value, window: Pair, stride: Pair, pad: Sides) -> bool:
    """Whether padding that does not count, behind zeros that do, is what sizes rounded up leave over: to_onnx writes that."""
    top, bottom, left, right = value.pad
    if pad[0] or pad[2] or not any(pad) or not any(value.pad) or len(value.shape) != 3:
        return False
    size = value.shape[1] - top - bottom, value.shape[2] - left - right
    try:
        return output_sizes(size, window, stride, value.pad, ceil=True) == output_sizes(value.shape[1:], window, stride, pad)
    except ValueError:
        return False


def global_average_pool(step: Step) -> Value:
    return step.builder.global_average_pool(step.name, step.value())


def global_max_pool(step: Step) -> Value:
    value = step.value()
    if len(value.shape) != 3:
        raise step.error(f"needs maps (C, H, W), its input is {value.shape}")
    return step.builder.max_pool(step.name, value, value.shape[1:], 1)


def _window(step: Step, value: Value, window: Pair | None = None) -> tuple[Pair, Pair, Sides]:
    """Window, stride and padding (top, bottom, left, right) of a convolution or pooling."""
    if len(value.shape) != 3:
        raise step.error(f"needs maps (C, H, W), its input is {value.shape}")
    if step.attribute("kernel_shape") is not None or window is None:
        rows, columns = step.wholes("kernel_shape", 2, 0)
        window = rows, columns
    if set(step.wholes("dilations", 2)) != {1}:
        raise step.error(f"has dilations {step.attribute('dilations')}, which npzf has no layer for")
    down, across = step.wholes("strides", 2)
    if min(window) < 1 or min(down, across) < 1:
        raise step.error(f"has kernel_shape {window} and strides {(down, across)}, expected at least 1")
    automatic = step.attribute("auto_pad", "NOTSET")
    if automatic == "NOTSET":
        top, left, bottom, right = step.wholes("pads", 4, 0)
    elif automatic == "VALID":
        top = left = bottom = right = 0
    elif automatic in ("SAME_UPPER", "SAME_LOWER"):
        upper = automatic == "SAME_UPPER"
        top, bottom = _same(value.shape[1], window[0], down, upper)
        left, right = _same(value.shape[2], window[1], across, upper)
    else:
        raise step.error(f"has auto_pad {automatic!r}, expected NOTSET, SAME_UPPER, SAME_LOWER or VALID")
    if min(top, left, bottom, right) < 0:
        raise step.error(f"has pads {(top, left, bottom, right)}, expected at least 0")
    return window, (down, across), (top, bottom, left, right)


def _same(side: int, window: int, stride: int, upper: bool) -> Pair:
    """Padding before and after, so that there is a place for every stride: the odd one after (upper) or before."""
    total = max(0, (-(-side // stride) - 1) * stride + window - side)
    return (total // 2, total - total // 2) if upper else (total - total // 2, total // 2)


def pad(step: Step) -> Outcome:
    argument = step.arguments[0]
    value = argument if isinstance(argument, Squares) else step.value()
    mode = step.attribute("mode", "constant")
    number = step.attribute("value", 0.0) if step.opset < 11 else step.optional(2, "value")
    if mode != "constant" or (number is not None and np.any(np.asarray(number))):
        raise step.error(f"pads with {mode if mode != 'constant' else number}, expected zeros")
    amounts = step.numbers(1, "pads", "pads" if step.opset > 1 else "paddings")
    rank = len(step.dims(value))
    listed = step.numbers(3, "axes", "none")
    axes = list(range(rank)) if listed is None else [axis % rank for axis in listed]
    if amounts is None or len(amounts) != 2 * len(axes) or len(set(axes)) != len(axes):
        raise step.error(f"has pads {amounts}, expected {2 * len(axes)} whole numbers")
    before, after = [0] * rank, [0] * rank
    for axis, first, last in zip(axes, amounts[: len(axes)], amounts[len(axes) :], strict=True):
        before[axis], after[axis] = first, last
    if isinstance(value, Squares):
        return onnx_patterns.padded(step, value, before, after)
    if not any(amounts):
        return value
    if rank != 4 or any((*before[:2], *after[:2])) or min(amounts) < 0:
        raise step.error(f"has pads {amounts}, expected zeros around maps (N, C, H, W)")
    return step.builder.zero_pad(step.name, value, (before[2], after[2], before[3], after[3]))


def reduced(step: Step) -> Outcome:
    """ReduceMean and ReduceMax over rows and columns."""
    value, axes = step.value(), step.numbers(1, "axes")
    dims, kind = step.dims(value), step.node.op_type
    if len(dims) != 4 or axes is None or step.axes(axes, 4) != [2, 3]:
        raise step.error(f"is {kind} over axes {axes} of {dims[1:]}, expected rows and columns of maps, [2, 3]")
    made = global_average_pool(step) if kind == "ReduceMean" else global_max_pool(step)
    return made if step.whole("keepdims", 1) else step.view(made, dims[:2])
