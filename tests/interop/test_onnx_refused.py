"""ONNX models that npzf has no layers for, and files that are none, end in one line (section 2: what the layers are)."""

import numpy as np
import pytest
from assertions import normal

import npzf

onnx = pytest.importorskip("onnx", reason="models are read with onnx: pip install 'npzf[test]'")
pytest.importorskip("onnxruntime", reason="tests/onnx_models.py runs models: pip install 'npzf[test]'")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx_models import model, node  # noqa: E402

WEIGHT = normal(4, 3, 3, 2, dtype="float32")
RELU = node("Relu", "x")


def refused(made, text, **options):
    """Asserts that the model is refused in one line with this text in it."""
    with pytest.raises(ValueError) as caught:
        npzf.from_onnx(made, **options)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def with_input(kind, shape):
    made = model(RELU)
    made.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", kind, shape))
    return made


def with_two_inputs():
    made = model(node("Add", "x", "z"))
    made.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ("N", 3, 9, 8)))
    return made


def with_outputs(*names):
    made = model(node("Relu", "x", gives="r"), node("MaxPool", "r", kernel_shape=[2, 2]))
    del made.graph.output[:]
    made.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    return made


def without_opset():
    made = model(RELU)
    del made.opset_import[:]
    return made


def quantised():
    made = model(node("QuantizeLinear", "x", "s", "z", gives="q", name="quantise"), node("DequantizeLinear", "q", "s", "z"))
    made.graph.initializer.extend([numpy_helper.from_array(np.float32(0.1), "s"), numpy_helper.from_array(np.uint8(3), "z")])
    return made


def loop():
    body = helper.make_graph([], "body", [], [])
    return model(node("Loop", "", "", "x", body=body, name="again"))


def unchosen_branch():
    """An If whose condition depends on the numbers of the image."""
    one = helper.make_graph(
        [node("Relu", "x", gives="z")], "one", [], [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
    )
    return model(
        node("ReduceSum", "x", gives="sum"),
        node("Cast", "sum", gives="c", to=9),
        node("If", "c", then_branch=one, else_branch=one),
    )


def foreign():
    made = model(helper.make_node("FusedConv", ["x", "w"], ["y"], name="fused", domain="com.microsoft"), w=WEIGHT)
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return made


def response_norm(zeros=(1, 1), divided="x", **changes):
    """What PyTorch's exporters write for a local response normalisation of 3 maps, with changes."""
    window = {"kernel_shape": [3, 1, 1], **changes}
    return model(
        node("Mul", "x", "x", gives="s"),
        node("Unsqueeze", "s", "one", gives="u"),
        node("Pad", "u", "zeros", gives="p"),
        node("AveragePool", "p", gives="a", **window),
        node("Squeeze", "a", "one", gives="m"),
        node("Mul", "m", "alpha", gives="t", name="times"),
        node("Add", "t", "k", gives="sum"),
        node("Pow", "sum", "beta", gives="power"),
        node("Relu", "x", gives="other"),
        node("Div", divided, "power"),
        one=np.int64([1]),
        zeros=np.int64([0, 0, zeros[0], 0, 0, 0, 0, zeros[1], 0, 0]),
        alpha=np.float32(0.1),
        k=np.float32(1),
        beta=np.float32(0.75),
    )


def test_the_response_norm_is_taken_as_it_is_written():
    assert list(npzf.from_onnx(response_norm()).layers) == ["div"]


FLAT = node("Flatten", "x", gives="f")
PADS = np.int64([0, 0, 1, 0, 0, 0, 2, 1])
REFUSED = {
    # operators
    "node 'turn' is Transpose, which npzf has no layer for": model(node("Transpose", "x", perm=[0, 1, 3, 2], name="turn")),
    "node 'cut' is Clip, which npzf has no layer for": model(
        node("Clip", "x", "a", "b", name="cut"), a=np.float32(0), b=np.float32(6)
    ),
    "node 'late' is Elu, which npzf has no layer for": model(
        node("Reshape", "x", "s", gives="r"), node("Elu", "r", name="late"), s=np.int64([0, 27, 8])
    ),
    "node 'y' is Sigmoid, which npzf has no layer for": model(helper.make_node("Sigmoid", ["x"], ["y"])),
    "node 'logsoftmax' is LogSoftmax, which npzf has no layer for": model(FLAT, node("LogSoftmax", "f")),
    "node 'quantise' is QuantizeLinear, which npzf has no layer for": quantised(),
    "node 'again' is Loop, which npzf has no layer for": loop(),
    "node 'reducesum' is ReduceSum, which npzf has no layer for": unchosen_branch(),
    "node 'sequenceconstruct' is SequenceConstruct, which": model(node("SequenceConstruct", "x")),
    "node 'fused' is com.microsoft.FusedConv, which npzf has no layer for": foreign(),
    # attributes
    "node 'conv' has dilations [2, 2], which": model(node("Conv", "x", "w", dilations=[2, 2]), w=WEIGHT),
    "node 'maxpool' has dilations [1, 2], which": model(node("MaxPool", "x", kernel_shape=[2, 2], dilations=[1, 2])),
    "node 'conv' convolves 1 dimensions, expected 2": model(node("Conv", "x", "w"), w=WEIGHT[..., 0]),
    "node 'conv' has a weight that depends on the images": model(node("Conv", "x", "x")),
    "node 'conv' has kernel_shape (2, 2), but a weight of (3, 2)": model(node("Conv", "x", "w", kernel_shape=[2, 2]), w=WEIGHT),
    "node 'conv' has pads [1, 1], expected 4 whole numbers": model(node("Conv", "x", "w", pads=[1, 1]), w=WEIGHT),
    "node 'conv' has auto_pad 'SAME', expected": model(node("Conv", "x", "w", auto_pad="SAME"), w=WEIGHT),
    "node 'maxpool' has kernel_shape (2, 2) and strides (0, 1)": model(node("MaxPool", "x", kernel_shape=[2, 2], strides=[0, 1])),
    "node 'lrn' has size 4, expected an odd one": model(node("LRN", "x", size=4)),
    "node 'softmax' runs over axis 1 of (3, 9, 8)": model(node("Softmax", "x", axis=1)),
    "node 'softmax' runs over axis 3 of (3, 1, 1)": model(node("GlobalAveragePool", "x", gives="g"), node("Softmax", "g")),
    "node 'batchnormalization' normalises by the batch": model(
        node("BatchNormalization", "x", "a", "a", "a", "a", training_mode=1), a=np.ones(3, "float32")
    ),
    "node 'dropout' drops in inference too": model(node("Dropout", "x", "r", "t"), r=np.float32(0.5), t=np.bool_(True)),
    "node 'dropout' gives 'm' too, expected its first output": model(
        node("Dropout", "x", gives=["d", "m"]), node("Cast", "m", gives="c", to=1), node("Add", "d", "c")
    ),
    "node 'maxpool' gives 'y' too": model(node("MaxPool", "x", gives=["z", "y"], kernel_shape=[2, 2])),
    "node 'pad' pads with reflect, expected zeros": model(node("Pad", "x", "p", mode="reflect"), p=PADS),
    "node 'pad' pads with 1.0, expected zeros": model(node("Pad", "x", "p", "v"), p=PADS, v=np.float32(1)),
    "node 'pad' has pads [0, 1, 0, 0, 0, 0, 0, 0], expected zeros around maps": model(
        node("Pad", "x", "p"), p=np.int64([0, 1, 0, 0, 0, 0, 0, 0])
    ),
    "node 'flatten' has axis 2, expected 1": model(node("Flatten", "x", axis=2)),
    "node 'concat' concatenates along axis 2, expected 1": model(node("Concat", "x", "x", axis=2)),
    "node 'reducemean' is ReduceMean over axes [1]": model(node("ReduceMean", "x", axes=[1])),
    "node 'reshape' makes (N, 27, 8) of (N, 3, 9, 8)": model(node("Reshape", "x", "s"), s=np.int64([0, 27, 8])),
    "node 'reshape' makes (N, 9, 3, 8) of (N, 3, 9, 8)": model(node("Reshape", "x", "s"), s=np.int64([0, 9, 3, 8])),
    "node 'reshape' has shape [-1, -1], expected": model(node("Reshape", "x", "s"), s=np.int64([-1, -1])),
    "node 'gemm' has transA": model(FLAT, node("Gemm", "f", "w", transA=1), w=normal(2, 2, dtype="float32")),
    "node 'mul' is Mul of two values": model(node("Relu", "x", gives="r"), node("Mul", "r", "x")),
    "node 'sub' is Sub of two values": model(node("Relu", "x", gives="r"), node("Sub", "r", "x")),
    "node 'div' is Div by what depends on the images": model(node("Div", "c", "x"), c=np.float32(1)),
    "node 'add' has a constant (1, 9, 8) of float32, expected one number for each map": model(
        node("Add", "x", "c"), c=normal(1, 9, 8, dtype="float32")
    ),
    "weight of node 'mul' holds numbers that are not finite": model(node("Mul", "x", "c"), c=np.float32(np.inf)),
    "node 'cast' makes 7 of what depends on the images": model(node("Cast", "x", to=7)),
    "node 'relu' takes squares of maps, which": model(node("Mul", "x", "x", gives="s"), node("Relu", "s")),
    "node 'averagepool' averages 3 maps with (2, 0) zeros around them, expected (1, 1)": response_norm(zeros=(2, 0)),
    "node 'div' is Div of squared maps, which npzf knows as part": response_norm(divided="other"),
    "node 'averagepool' is AveragePool of squared maps, which": response_norm(strides=[1, 2, 1]),
    # the graph
    "inputs are 'x', 'z', expected one": with_two_inputs(),
    "outputs are 'r', 'y', expected one": with_outputs("r", "y"),
    "outputs are none, expected one": with_outputs(),
    "input 'x' is INT64 (?, 3, 9, 8), expected images (N, C, H, W)": with_input(TensorProto.INT64, ("N", 3, 9, 8)),
    "input 'x' is FLOAT (7), expected images (N, C, H, W)": with_input(TensorProto.FLOAT, (7,)),
    "node 'add' takes 'late', which nothing before it gives": model(
        node("Add", "x", "late"), node("MaxPool", "x", gives="late", kernel_shape=[2, 2])
    ),
    "inputs are none, expected one": model(node("Relu", "c"), c=WEIGHT),
    "output 'y' is no value of images": model(node("Shape", "x")),
    "output of the net is its input": model(node("Identity", "x")),
    "its opset is [99], expected one of 1 to": model(RELU, opset=99),
    "its opset is None, expected one of 1 to": without_opset(),
    "makes a constant of more than 134217728 numbers, expected fewer": model(
        node("ConstantOfShape", "s", gives="c"), node("Add", "x", "c"), s=np.int64([2**20, 2**20])
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_npzf_has_no_layer_for_is_refused(text):
    refused(REFUSED[text], f"model: {text}" if not text.startswith("makes") else text)
