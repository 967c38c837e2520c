"""ONNX's arithmetic as layers: residuals, one number for each map, and the squares of a normalisation; no part of the paper."""

from __future__ import annotations

import numpy as np

from npzf.interop.node_rows import Value
from npzf.interop.onnx import patterns as onnx_patterns
from npzf.interop.onnx.step import Outcome, Squares, Step


def arithmetic(step: Step) -> Outcome:
    """Add, Sub, Mul, Div and Pow of two arguments: residuals, one number for each map, and the squares of a normalisation."""
    kind, (first, second) = step.node.op_type, step.arguments
    if isinstance(first, Value) and isinstance(second, Value):
        if kind == "Add":
            return step.builder.add(step.name, [first, second])
        if kind == "Mul" and first is second:
            return onnx_patterns.squares(step, first)
        raise step.error(f"is {kind} of two values, which npzf has no layer for")
    if isinstance(first, Value) and isinstance(second, Squares) and kind in ("Mul", "Div"):
        return onnx_patterns.normalized(step, first, second, 1 if kind == "Div" else -1)
    if isinstance(first, Squares) and isinstance(second, Value) and kind == "Mul":
        return onnx_patterns.normalized(step, second, first, -1)
    for squares, constant in ((first, second), (second, first)):
        if isinstance(squares, Squares) and isinstance(constant, np.ndarray):
            return onnx_patterns.arithmetic(step, squares, constant, squares is first)
    place = 0 if isinstance(first, Value) else 1
    value, constant = step.value(place), step.constant(1 - place, "number")
    if kind == "Pow" and place == 0 and constant.size == 1 and constant.reshape(-1)[0] == 2:
        return onnx_patterns.squares(step, value)
    if kind == "Pow" or (kind == "Div" and place == 1):
        raise step.error(f"is {kind} by what depends on the images, or of any power, which npzf has no layer for")
    numbers = _for_each_map(step, value, constant)
    one, none = np.ones_like(numbers), np.zeros_like(numbers)
    if kind == "Mul":
        return _affine(step, value, numbers, none)
    if kind == "Div":
        return _affine(step, value, one / numbers, none)
    if kind == "Add":
        return _affine(step, value, one, numbers)
    return _affine(step, value, one, -numbers) if place == 0 else _affine(step, value, -one, numbers)


def add_all(step: Step) -> Outcome:
    """Sum of any number of values, and of constants."""
    values = [argument for argument in step.arguments if isinstance(argument, Value)]
    constants = [argument for argument in step.arguments if isinstance(argument, np.ndarray)]
    if len(values) + len(constants) != len(step.arguments):
        step.value(next(k for k, argument in enumerate(step.arguments) if isinstance(argument, Squares)))
    total = step.builder.add(step.name, values)
    for constant in constants:
        numbers = _for_each_map(step, total, constant)
        total = _affine(step, total, np.ones_like(numbers), numbers)
    return total


def _affine(step: Step, value: Value, scale: np.ndarray, shift: np.ndarray) -> Value:
    changes = (scale != 1).any() or (shift != 0).any()
    return step.builder.affine(step.name, value, scale, shift, fold=step.foreign) if changes else value


def _for_each_map(step: Step, value: Value, constant: np.ndarray) -> np.ndarray:
    """(C,): a constant that is broadcast against a value, the same in all of the places of a map."""
    dims = (1, *value.shape)
    axis = step.attribute("axis") if step.opset < 7 else None  # the constant's first side, before broadcasting as NumPy's
    shape = constant.shape if axis is None else constant.shape + (1,) * (len(dims) - axis % len(dims) - constant.ndim)
    shape = (1,) * (len(dims) - len(shape)) + shape
    if len(shape) != len(dims) or any(side not in (1, own) for side, own in zip(shape, dims, strict=True)):
        raise step.size_error(f"has a constant {constant.shape}, expected one number for each of {value.shape[0]} maps")
    places = constant.reshape(shape[1], -1)
    if constant.dtype.kind != "f" or (places != places[:, :1]).any():
        raise step.error(f"has a constant {constant.shape} of {constant.dtype}, expected one number for each map")
    return np.broadcast_to(places[:, 0], value.shape[:1])


def batch_normalization(step: Step) -> Outcome:
    value = step.value()
    scale, shift, mean, variance = (step.constant(k, what) for k, what in enumerate(("scale", "B", "mean", "var"), 1))
    training = step.whole("training_mode", 0) or (step.opset < 7 and not step.whole("is_test", 0))
    if training or not step.whole("spatial", 1):
        raise step.error("normalises by the batch or by each place, expected an inference (training_mode 0, spatial 1)")
    if {scale.shape, shift.shape, mean.shape, variance.shape} != {value.shape[:1]}:
        raise step.size_error(f"has a scale {scale.shape}, expected {value.shape[:1]} of each")
    double = np.float64
    divided = scale / np.sqrt(variance.astype(double) + step.attribute("epsilon", 1e-5))
    moved = shift - mean.astype(double) * divided
    scale, shift = divided.astype(scale.dtype), moved.astype(scale.dtype)
    return step.builder.affine(step.name, value, scale, shift, fold=step.foreign)
