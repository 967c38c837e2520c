"""ONNX's changes of shape: maps flattened, one place for each map, axes come and go; no part of the paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npzf.interop.onnx import patterns as onnx_patterns
from npzf.interop.onnx.step import ANY_BATCH, ChannelsLast, Outcome, Squares, Step


def reshaped(step: Step) -> Outcome:
    """Flatten, Reshape, Squeeze and Unsqueeze: the same numbers in another shape."""
    argument = step.arguments[0]
    if isinstance(argument, Squares):
        return onnx_patterns.seen_as(step, argument, tuple(_wanted(step, argument.dims)))
    value = argument.of if isinstance(argument, ChannelsLast) else step.value()
    dims = step.dims(argument if isinstance(argument, ChannelsLast) else value)
    wanted = _wanted(step, dims)
    if not isinstance(argument, ChannelsLast):
        return step.view(value, wanted)
    if tuple(wanted) == dims:
        return argument
    if wanted != [step.batch, int(np.prod(value.shape))]:
        raise step.size_error(f"makes {wanted[1:]} of maps (N, H, W, C), expected one row of features for each image")
    return step.builder.flatten(step.name, value, channels_last=True)


def _wanted(step: Step, dims: Sequence[int]) -> list[int]:
    """The whole shape that the node makes of this one, batch first."""
    shapes = {"Flatten": _flattened, "Reshape": _given, "Squeeze": _squeezed, "Unsqueeze": _unsqueezed}
    return shapes[step.node.op_type](step, dims)


def _flattened(step: Step, dims: Sequence[int]) -> list[int]:
    axis = step.whole("axis", 1)
    axis = axis if axis == len(dims) else step.axes([axis], len(dims))[0]
    before, after = (int(np.prod(part, dtype=object)) for part in (dims[:axis], dims[axis:]))
    if axis == 0 or before != dims[0]:
        raise step.error(f"has axis {axis}, expected 1: one row of features for each image")
    return [before, after]


def _given(step: Step, dims: Sequence[int]) -> list[int]:
    wanted = step.numbers(1, "shape")
    if wanted is None or wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        raise step.error(f"has shape {wanted}, expected whole numbers, one of them -1 at most")
    if not step.whole("allowzero", 0):
        if any(side == 0 and place >= len(dims) for place, side in enumerate(wanted)):
            raise step.error(f"has shape {wanted}, expected no 0 beyond the {len(dims)} sides of its input")
        wanted = [dims[place] if side == 0 else side for place, side in enumerate(wanted)]
    if step.batch == ANY_BATCH and wanted[:1] == [1]:
        wanted[0] = ANY_BATCH  # as in nets that were written for one image at a time
    if -1 in wanted:
        known = -int(np.prod(wanted, dtype=object))
        wanted[wanted.index(-1)] = int(np.prod(dims, dtype=object)) // max(known, 1)
    return wanted


def _squeezed(step: Step, dims: Sequence[int]) -> list[int]:
    listed = step.numbers(1, "axes")
    axes = [axis for axis, side in enumerate(dims) if side == 1] if listed is None else step.axes(listed, len(dims))
    if 0 in axes or any(dims[axis] != 1 for axis in axes):
        raise step.size_error(f"takes away axes {axes} of {tuple(dims[1:])} and the batch, expected those of one place")
    return [side for axis, side in enumerate(dims) if axis not in axes]


def _unsqueezed(step: Step, dims: Sequence[int]) -> list[int]:
    wanted, axes = list(dims), step.numbers(1, "axes") or []
    for axis in step.axes(axes, len(dims) + len(axes)):
        wanted.insert(axis, 1)
    return wanted
