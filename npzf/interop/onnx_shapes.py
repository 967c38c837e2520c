"""ONNX's changes of shape: maps flattened, one place for each map, axes come and go; no part of the paper."""

from __future__ import annotations

import numpy as np

from npzf.interop import onnx_patterns
from npzf.interop.onnx_step import ANY_BATCH, Outcome, Squares, Step


def flatten(step: Step) -> Outcome:
    value = step.value()
    dims = step.dims(value)
    axis = step.whole("axis", 1)
    axis = axis if axis == len(dims) else step.axes([axis], len(dims))[0]
    sides_of = [int(np.prod(part, dtype=object)) for part in (dims[:axis], dims[axis:])]
    if axis == 0 or sides_of[0] != dims[0]:
        raise step.error(f"has axis {axis}, expected 1: one row of features for each image")
    return step.view(value, sides_of)


def reshape(step: Step) -> Outcome:
    argument = step.arguments[0]
    value = argument if isinstance(argument, Squares) else step.value()
    dims, wanted = step.dims(value), step.numbers(1, "shape")
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
    return onnx_patterns.seen_as(step, value, tuple(wanted)) if isinstance(value, Squares) else step.view(value, wanted)


def squeeze(step: Step) -> Outcome:
    argument = step.arguments[0]
    value = argument if isinstance(argument, Squares) else step.value()
    dims, axes = step.dims(value), step.numbers(1, "axes")
    axes = [axis for axis, side in enumerate(dims) if side == 1] if axes is None else step.axes(axes, len(dims))
    if 0 in axes or any(dims[axis] != 1 for axis in axes):
        raise step.size_error(f"takes away axes {axes} of {dims[1:]} and the batch, expected those of one place")
    kept = tuple(side for axis, side in enumerate(dims) if axis not in axes)
    return onnx_patterns.seen_as(step, value, kept) if isinstance(value, Squares) else step.view(value, kept)


def unsqueeze(step: Step) -> Outcome:
    argument = step.arguments[0]
    value = argument if isinstance(argument, Squares) else step.value()
    dims, axes = list(step.dims(value)), step.numbers(1, "axes") or []
    for axis in step.axes(axes, len(dims) + len(axes)):
        dims.insert(axis, 1)
    return onnx_patterns.seen_as(step, value, tuple(dims)) if isinstance(value, Squares) else step.view(value, dims)
