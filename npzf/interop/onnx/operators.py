"""ONNX's operators that npzf has layers for: each makes of a Step the Value of its first output; no part of the paper."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import TensorProto

from npzf.interop.onnx.arithmetic import add_all, arithmetic, batch_normalization
from npzf.interop.onnx.channels_last import transpose
from npzf.interop.onnx.shapes import reshaped
from npzf.interop.onnx.step import Outcome, Squares, Step
from npzf.interop.onnx.windows import average_pool, conv, global_average_pool, global_max_pool, max_pool, pad, reduced


def gemm(step: Step) -> Outcome:
    value, weight, bias = step.value(), step.constant(1, "weight"), step.optional(2, "bias")
    if step.whole("transA", 0) or weight.ndim != 2 or len(value.shape) != 1:
        raise step.error("has transA or an input that is no matrix, expected (N, I) and a constant (I, O) or (O, I)")
    weight = weight if step.whole("transB", 0) else weight.T
    alpha, beta = step.attribute("alpha", 1.0), step.attribute("beta", 1.0)
    if alpha != 1:
        weight = weight * weight.dtype.type(alpha)
    if bias is not None:
        if bias.ndim > 2 or (bias.ndim == 2 and bias.shape[0] != 1) or bias.size not in (1, len(weight)):
            raise step.error(f"has a bias {bias.shape}, expected ({len(weight)},)")
        bias = np.broadcast_to(bias.reshape(-1) * bias.dtype.type(beta), (len(weight),))
    return step.builder.linear(step.name, value, weight, bias)


def matmul(step: Step) -> Outcome:
    value, weight = step.value(), step.constant(1, "weight")
    if weight.ndim != 2 or len(value.shape) != 1:
        raise step.error(f"multiplies {step.dims(value)[1:]} by {weight.shape}, expected (N, I) by a constant (I, O)")
    return step.builder.linear(step.name, value, weight.T)


def relu(step: Step) -> Outcome:
    return step.builder.relu(step.name, step.value())


def clip(step: Step) -> Outcome:
    """A rectification, if nothing is cut above."""
    limits = [step.attribute(name) if step.opset < 11 else step.optional(k, name) for k, name in enumerate(("min", "max"), 1)]
    low, high = (unlimited if limit is None else float(limit) for limit, unlimited in zip(limits, (-np.inf, np.inf), strict=True))
    if low != 0 or high < np.finfo(np.float32).max:
        raise step.error("is Clip, which npzf has no layer for")
    return relu(step)


def lrn(step: Step) -> Outcome:
    n = step.whole("size", 0)
    if n % 2 == 0:
        raise step.error(f"has size {n}, expected an odd one: of an even window npzf has the longer half below, ONNX above")
    k, alpha, beta = (step.attribute(name, default) for name, default in (("bias", 1.0), ("alpha", 1e-4), ("beta", 0.75)))
    return step.builder.local_response_norm(step.name, step.value(), n, k, alpha, beta)


def dropout(step: Step) -> Outcome:
    ratio, training = step.optional(1, "ratio"), step.optional(2, "training_mode")
    if (training is not None and training.any()) or (step.opset < 7 and not step.whole("is_test", 0)):
        raise step.error("drops in inference too (training_mode), expected a net that was exported for inference")
    rate = step.attribute("ratio", 0.5) if ratio is None else float(str(ratio.reshape(-1)[0]))
    return step.builder.dropout(step.name, step.value(), rate)


def lp_normalization(step: Step) -> Outcome:
    value, p = step.value(), step.whole("p", 2)
    dims = step.dims(value)
    (axis,) = step.axes([step.whole("axis", -1)], len(dims))
    if p != 2 or axis != 1 or dims[axis] != int(np.prod(value.shape)):
        raise step.error(f"has p {p} over axis {axis} of {value.shape}, expected 2, over features (F,) and all of them")
    return step.view(step.builder.l2_normalize(step.name, value), dims)


def softmax(step: Step) -> Outcome:
    value = step.value()
    dims = step.dims(value)
    (axis,) = step.axes([step.whole("axis", 1 if step.opset < 13 else -1)], len(dims))
    over = int(np.prod(dims[axis:])) if step.opset < 13 else dims[axis]  # before opset 13 all axes from this one on are one
    if axis == 0 or over != int(np.prod(value.shape)) or over != value.shape[0]:
        raise step.error(f"runs over axis {axis} of {value.shape}, expected scores (C,) or (C, 1, 1) and all of them")
    return step.view(step.builder.softmax(step.name, value), dims)


def unchanged(step: Step) -> Outcome:
    argument = step.arguments[0]
    return argument if isinstance(argument, Squares) else step.value()


def cast(step: Step) -> Outcome:
    floating = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    target = step.attribute("to")
    if target not in floating and target not in ("FLOAT", "DOUBLE", "FLOAT16"):
        raise step.error(f"makes {target} of what depends on the images, expected floating-point numbers")
    return unchanged(step)


def concat(step: Step) -> Outcome:
    values = [step.value(place) for place in range(len(step.arguments))]
    rank = len(step.dims(values[0]))
    axis = step.whole("axis", 1)
    if axis not in (1, 1 - rank):
        raise step.error(f"concatenates along axis {axis}, expected 1, the maps")
    return step.builder.concatenate(step.name, values)


OPERATORS: dict[str, Callable[[Step], Outcome]] = {
    "Add": arithmetic,
    "AveragePool": average_pool,
    "BatchNormalization": batch_normalization,
    "Cast": cast,
    "Clip": clip,
    "Concat": concat,
    "Conv": conv,
    "Div": arithmetic,
    "Dropout": dropout,
    "Flatten": reshaped,
    "Gemm": gemm,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "Identity": unchanged,
    "LRN": lrn,
    "LpNormalization": lp_normalization,
    "MatMul": matmul,
    "MaxPool": max_pool,
    "Mul": arithmetic,
    "Pad": pad,
    "Pow": arithmetic,
    "ReduceMax": reduced,
    "ReduceMean": reduced,
    "Relu": relu,
    "Reshape": reshaped,
    "Softmax": softmax,
    "Squeeze": reshaped,
    "Sub": arithmetic,
    "Sum": add_all,
    "Transpose": transpose,
    "Unsqueeze": reshaped,
}
