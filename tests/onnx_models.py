"""Small ONNX models for the tests, and what ONNX Runtime gives for them."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

onnxruntime.set_default_logger_severity(3)
ONNX_RUNTIME = 1e-5  # what ONNX Runtime may differ by in float32, relative to the largest number


def model(*nodes, shape=("N", 3, 9, 8), opset=17, kind=TensorProto.FLOAT, extra=(), **tensors):
    """A model of these nodes, from x to y; tensors: initialisers by name; extra: further inputs, which are initialisers too."""
    ir_version = 3 if opset < 9 else 8
    stored = [numpy_helper.from_array(np.asarray(array), name) for name, array in tensors.items()]
    inputs = [helper.make_tensor_value_info("x", kind, shape)]
    if opset < 9:  # every initialiser was an input then
        extra = [helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims) for tensor in stored]
    graph = helper.make_graph(nodes, "test", [*inputs, *extra], [helper.make_tensor_value_info("y", kind, None)], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def node(kind, *inputs, gives="y", name=None, **attributes):
    return helper.make_node(
        kind, list(inputs), [gives] if isinstance(gives, str) else gives, name=name or kind.lower(), **attributes
    )


def run(model, x, channels_last=False):
    """What ONNX Runtime gives for x (N, H, W, C): channels last. channels_last: the model takes x as it is."""
    data = model if isinstance(model, bytes | str) else model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    given = x if channels_last else np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    y = session.run(None, {session.get_inputs()[0].name: given})[0]
    return y.transpose(0, 2, 3, 1) if y.ndim == 4 else y
