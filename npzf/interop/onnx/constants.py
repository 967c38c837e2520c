"""What an ONNX graph computes from constants, once: weights filled or reshaped, shapes; no part of the paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

LARGEST = 2**27  # numbers in one computed constant: half a gibibyte of float32, VGG's largest layer is eight tenths of that
MOST_PRODUCTS = 2**31  # of a product of two constants
KNOWN = {
    *("Abs", "Add", "And", "Cast", "CastLike", "Ceil", "Concat", "Constant", "ConstantOfShape", "Div", "Equal", "Exp", "Expand"),
    *("Flatten", "Floor", "Gather", "Greater", "Identity", "Less", "MatMul", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or"),
    *("Pow", "Range", "Reciprocal", "ReduceProd", "ReduceSum", "Reshape", "Round", "Shape", "Size", "Slice", "Split", "Sqrt"),
    *("Squeeze", "Sub", "Sum", "Tile", "Transpose", "Unsqueeze", "Where"),
}
BROADCAST = {
    *("Add", "And", "Div", "Equal", "Greater", "Less", "Max", "Min", "Mod", "Mul", "Or", "Pow", "Sub", "Sum", "Where"),
}


def evaluate(node: onnx.NodeProto, arguments: Sequence[np.ndarray | None], opset: int) -> list[np.ndarray]:
    """The outputs of a node all of whose inputs are constant; ValueError for an operator not in KNOWN, or too large a result."""
    if node.op_type not in KNOWN:
        raise ValueError(f"is {node.op_type} of constants, expected one of the simple operators")
    try:
        if _size(node, arguments) <= LARGEST:
            if node.op_type == "ConstantOfShape" and arguments[0] is not None:
                return [_filled(node, arguments[0])]
            return [_single(np.asarray(result)) for result in _run(node, arguments, opset)]
    except Exception as error:  # the reference evaluator raises many kinds for what is malformed
        raise ValueError(f"is {node.op_type} of constants that cannot be computed ({error})") from error
    raise ValueError(f"makes a constant of more than {LARGEST} numbers, expected fewer")


def _run(node: onnx.NodeProto, arguments: Sequence[np.ndarray | None], opset: int) -> list:
    """What ONNX's reference evaluator makes of the node alone."""
    from onnx.reference import ReferenceEvaluator  # here, for it takes long to import, and most models need none

    bare = onnx.NodeProto()
    bare.CopyFrom(node)
    bare.domain = ""
    given = {name: array for name, array in zip(node.input, arguments, strict=True) if array is not None}
    inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for name, a in given.items()]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
    graph = helper.make_graph([bare], "constants", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    return list(ReferenceEvaluator(model).run(None, given))


def _filled(node: onnx.NodeProto, shape: np.ndarray) -> np.ndarray:
    """One number in a shape, as a view that takes no memory."""
    value = next(
        (numpy_helper.to_array(attribute.t) for attribute in node.attribute if attribute.name == "value"), np.zeros(1, "f4")
    )
    if value.size != 1 or shape.ndim > 1 or shape.dtype.kind not in "iu":
        raise ValueError("its value or its shape is none")
    return np.broadcast_to(_single(value).reshape(()), [int(side) for side in shape.reshape(-1)])


def _single(array: np.ndarray) -> np.ndarray:
    """Half precisions, NumPy's and others', as float32."""
    half = array.dtype == np.float16 or array.dtype.name == "bfloat16"
    return array.astype(np.float32) if half else array


def _size(node: onnx.NodeProto, arguments: Sequence[np.ndarray | None]) -> int:
    """At least how many numbers the node makes, without making them."""
    sizes = [array.size for array in arguments if array is not None]
    if node.op_type == "ConstantOfShape" and arguments[0] is not None:
        return _product(arguments[0])
    if node.op_type == "Range" and len(sizes) == 3:
        start, end, step = (float(array.reshape(-1)[0]) for array in arguments if array is not None)
        return int(abs((end - start) / step)) if step else 0
    if node.op_type in ("Expand", "Tile") and len(sizes) == 2 and arguments[1] is not None:
        return _product(arguments[1]) * (sizes[0] if node.op_type == "Tile" else 1)
    if node.op_type == "Concat":
        return sum(sizes)
    if node.op_type == "Gather" and len(sizes) == 2 and arguments[0] is not None:
        return sizes[1] * max(1, sizes[0] // max(1, min(arguments[0].shape, default=1)))
    if node.op_type == "MatMul" and len(sizes) == 2:
        return _products(*(array for array in arguments if array is not None))
    if node.op_type in BROADCAST:
        return int(np.prod(np.broadcast_shapes(*(array.shape for array in arguments if array is not None)), dtype=object))
    return max(sizes, default=0)


def _products(a: np.ndarray, b: np.ndarray) -> int:
    """At least how many numbers a product of matrices has; more than LARGEST if it takes too long."""
    a, b = np.atleast_2d(a), np.atleast_2d(b.reshape(-1, 1) if b.ndim == 1 else b)
    batch = int(np.prod(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), dtype=object))
    made = batch * a.shape[-2] * b.shape[-1]
    return made if made * a.shape[-1] <= MOST_PRODUCTS else LARGEST + 1


def _product(shape: np.ndarray) -> int:
    return int(np.prod([int(side) for side in shape.reshape(-1)], dtype=object))
