"""The local response normalisation that PyTorch's exporters write in a dozen nodes, recognised as one layer (section 2).

    x / (k + alpha * mean of n neighbouring squares)^beta

arrives as Mul(x, x), a fifth axis, Pad, AveragePool, the axis taken away, Mul, Add, Pow and Div, with shapes computed on the way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from npzf.interop.node_rows import Value
from npzf.interop.onnx.step import Squares, Step, as_written


def squares(step: Step, value: Value) -> Squares:
    """x * x."""
    if len(value.shape) != 3:
        raise step.error(f"multiplies {value.shape} by itself, which npzf has no layer for")
    return Squares(value, step.dims(value))


def seen_as(step: Step, value: Squares, dims: tuple[int, ...]) -> Squares:
    """Another shape, which only puts an axis of one place before the maps or takes it away."""
    maps = value.dims if len(value.dims) == 4 else value.dims[:1] + value.dims[2:]
    if dims not in (maps, (maps[0], 1, *maps[1:])):
        raise _unknown(step)
    return replace(value, dims=dims)


def padded(step: Step, value: Squares, before: list[int], after: list[int]) -> Squares:
    """Zeros around the maps' axis."""
    axis = _axis(value)
    others = [*before[:axis], *before[axis + 1 :], *after[:axis], *after[axis + 1 :]]
    if any(others) or min(before[axis], after[axis]) < 0 or value.n or _scaled(value):
        raise _unknown(step)
    zeros = (value.zeros[0] + before[axis], value.zeros[1] + after[axis])
    side = value.dims[axis] + before[axis] + after[axis]
    return replace(value, zeros=zeros, dims=(*value.dims[:axis], side, *value.dims[axis + 1 :]))


def averaged(step: Step, value: Squares) -> Squares:
    """The mean of n maps: an average pooling along the maps' axis, whose own zeros count."""
    spatial, axis = len(value.dims) - 2, _axis(value)
    window, pads = step.wholes("kernel_shape", spatial), step.wholes("pads", 2 * spatial, 0)
    moves = [*step.wholes("strides", spatial), *step.wholes("dilations", spatial), *window[1:]]
    own = pads[0], pads[spatial]
    counted = not any(pads) or step.whole("count_include_pad", 0)
    plain = step.attribute("auto_pad", "NOTSET") == "NOTSET" and counted and set(moves) == {1} and sum(own) == sum(pads)
    if axis != 2 or value.n or _scaled(value) or not plain:
        raise _unknown(step)
    n, zeros = window[0], (value.zeros[0] + own[0], value.zeros[1] + own[1])
    if zeros != (n // 2, (n - 1) // 2):
        raise step.error(f"averages {n} maps with {zeros} zeros around them, expected {(n // 2, (n - 1) // 2)}")
    return replace(value, n=n, zeros=(0, 0), dims=(*value.dims[:2], value.of.shape[0], *value.dims[3:]))


def arithmetic(step: Step, value: Squares, constant: np.ndarray, first: bool) -> Squares:
    """Multiplied, divided, shifted or raised by one number; first: whether the squares are the operator's first argument."""
    if constant.size != 1:
        raise _unknown(step)
    number, kind = as_written(constant.reshape(-1)[0]), step.node.op_type
    if value.power is not None or not (first or kind in ("Add", "Mul")):
        raise _unknown(step)
    if kind == "Mul":
        return replace(value, scale=value.scale * number, shift=value.shift * number)
    if kind == "Div" and number:
        return replace(value, scale=value.scale / number, shift=value.shift / number)
    if kind in ("Add", "Sub"):
        return replace(value, shift=value.shift + (number if kind == "Add" else -number))
    if kind == "Pow":
        return replace(value, power=number)
    raise _unknown(step)


def normalized(step: Step, value: Value, divisor: Squares, sign: int) -> Value:
    """x / divisor (sign 1), or x * divisor (-1), as one layer."""
    if divisor.of is not value or not divisor.n or divisor.dims != step.dims(value) or divisor.power is None:
        raise _unknown(step)
    power = sign * divisor.power
    return step.builder.local_response_norm(step.name, value, divisor.n, divisor.shift, divisor.scale, power)


def _axis(value: Squares) -> int:
    return len(value.dims) - 3


def _scaled(value: Squares) -> bool:
    return value.scale != 1 or value.shift != 0 or value.power is not None


def _unknown(step: Step) -> ValueError:
    kind = step.node.op_type
    return step.error(f"is {kind} of squared maps, which npzf knows as part of a local response normalisation alone")
