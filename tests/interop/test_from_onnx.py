"""Operators of ONNX, in the forms of all opsets, give in npzf what they give in ONNX Runtime (section 2: the layers)."""

import numpy as np
import pytest
from assertions import close, normal

import npzf

onnx = pytest.importorskip("onnx", reason="models are read with onnx: pip install 'npzf[test]'")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is the reference: pip install 'npzf[test]'")
from onnx import TensorProto, helper  # noqa: E402
from onnx_models import ONNX_RUNTIME, model, node, run  # noqa: E402


def single(*shape, seed=0):
    return normal(*shape, seed=seed, dtype="float32")


WEIGHT, BIAS = single(4, 3, 3, 2), single(4, seed=1)
MEANS = {"mean": single(3), "var": np.float32([0.5, 1, 2]), "scale": single(3, seed=2), "shift": single(3, seed=3)}
FEATURES = 3 * 9 * 8


def conv(opset=17, weight=WEIGHT, bias=(BIAS,), **attributes):
    inputs = ["x", "w", "b"][: 2 + len(bias)]
    return model(node("Conv", *inputs, **attributes), opset=opset, w=weight, **dict(zip("b", bias, strict=False)))


def pool(kind, opset=17, **attributes):
    return model(node(kind, "x", **attributes), opset=opset)


def after_flatten(*nodes, opset=17, **tensors):
    return model(node("Flatten", "x", gives="f"), *nodes, opset=opset, **tensors)


def reshaped(wanted, opset=17, **options):
    weight = single(5, FEATURES)
    nodes = node("Reshape", "x", "s", gives="f"), node("Gemm", "f", "w", transB=1)
    return model(*nodes, opset=opset, s=np.int64(wanted), w=weight, **options)


def squeezed(opset, axes, **tensors):
    given = {"axes": axes} if opset < 13 else {}
    inputs = ["g"] if opset < 13 else ["g", "a"]
    tensors = {} if opset < 13 else {"a": np.int64(axes)}
    return model(node("GlobalAveragePool", "x", gives="g"), node("Squeeze", *inputs, **given), opset=opset, **tensors)


def branch(kind):
    return helper.make_graph(
        [node(kind, "x", gives="z")], kind, [], [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
    )


MODELS = {
    "conv": conv(),
    "conv with pads top left bottom right": conv(pads=[0, 1, 2, 1], strides=[2, 1]),
    "conv without bias": conv(bias=()),
    "conv with groups": conv(weight=single(6, 1, 3, 2), bias=(single(6),), group=3, kernel_shape=[3, 2]),
    "conv of opset 7": conv(7, pads=[1, 0, 1, 0]),
    **{
        f"conv {pad} stride {stride}": conv(auto_pad=pad, strides=[stride, stride])
        for pad in ("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET")
        for stride in (1, 2, 3)
    },
    **{
        f"{kind} {pad} of opset {opset}": pool(kind, opset, kernel_shape=[2, 3], strides=[2, 2], auto_pad=pad)
        for kind in ("MaxPool", "AveragePool")
        for pad in ("SAME_UPPER", "SAME_LOWER", "VALID")
        for opset in (7, 17)
    },
    **{
        f"{kind} rounded {'up' if ceil else 'down'} of opset {opset}": pool(
            kind, opset, kernel_shape=[3, 3], strides=[2, 3], pads=[1, 0, 1, 0], ceil_mode=ceil
        )
        for kind in ("MaxPool", "AveragePool")
        for ceil in (0, 1)
        for opset in (10, 17, 22)
    },
    "MaxPool with storage_order": pool("MaxPool", kernel_shape=[2, 2], storage_order=1),
    **{
        f"AveragePool counting {count} rounded {'up' if ceil else 'down'} of opset {opset}": pool(
            "AveragePool", opset, kernel_shape=[3, 3], strides=[2, 2], pads=[2, 1, 1, 2], ceil_mode=ceil, count_include_pad=count
        )
        for ceil in (0, 1)
        for count in (0, 1)
        for opset in (10, 11, 19, 22)
    },
    "GlobalAveragePool": pool("GlobalAveragePool"),
    "GlobalMaxPool": pool("GlobalMaxPool"),
    **{f"LRN of {n}": model(node("LRN", "x", size=n, alpha=0.4, beta=0.7, bias=1.5)) for n in (1, 3, 5, 9)},
    "LRN with ONNX's constants": model(node("LRN", "x", size=3)),
    "Gemm transposed": after_flatten(node("Gemm", "f", "w", "b", transB=1), w=single(5, FEATURES), b=single(5)),
    "Gemm with alpha and beta": after_flatten(
        node("Gemm", "f", "w", "b", alpha=0.3, beta=2.0), w=single(FEATURES, 5), b=single(1, 5)
    ),
    "Gemm with one number added": after_flatten(node("Gemm", "f", "w", "b"), w=single(FEATURES, 5), b=single()),
    "Gemm of opset 7": after_flatten(node("Gemm", "f", "w", "b"), w=single(FEATURES, 5), b=single(5), opset=7),
    "MatMul and Add": after_flatten(
        node("MatMul", "f", "w", gives="m"), node("Add", "m", "b"), w=single(FEATURES, 5), b=single(5)
    ),
    "Flatten from axis -3": model(node("Flatten", "x", axis=-3)),
    "Flatten that is the output": model(node("Flatten", "x")),
    "Reshape of one image": reshaped([1, -1], shape=(1, 3, 9, 8)),
    "Reshape of one image where any batch is allowed": reshaped([1, -1]),
    "Reshape of any batch": reshaped([-1, FEATURES]),
    "Reshape keeping the first side": reshaped([0, -1]),
    "Reshape to the batch that is given": reshaped([2, FEATURES], shape=(2, 3, 9, 8)),
    "Reshape with allowzero": model(node("Reshape", "x", "s", allowzero=1), s=np.int64([-1, FEATURES])),
    "Dropout of opset 7": model(node("Dropout", "x", gives=["y", "mask"], ratio=0.3), opset=7),
    "Dropout with an input": model(node("Dropout", "x", "r"), r=np.float32(0.3)),
    "Dropout not in training": model(node("Dropout", "x", "r", "t"), r=np.float32(0.3), t=np.bool_(False)),
    **{f"Softmax of opset {opset}": after_flatten(node("Softmax", "f"), opset=opset) for opset in (7, 11, 13, 17)},
    "Softmax over the first axis but the batch": after_flatten(node("Softmax", "f", axis=1)),
    "Softmax of single places before opset 13": model(node("GlobalAveragePool", "x", gives="g"), node("Softmax", "g"), opset=9),
    "Softmax of single places": model(node("GlobalAveragePool", "x", gives="g"), node("Softmax", "g", axis=-3)),
    "Softmax then Flatten": model(
        node("GlobalAveragePool", "x", gives="g"), node("Softmax", "g", gives="s", axis=1), node("Flatten", "s")
    ),
    "Concat": model(node("Relu", "x", gives="r"), node("Concat", "x", "r", axis=1)),
    "Concat from behind": model(node("Relu", "x", gives="r"), node("Concat", "x", "r", "x", axis=-3)),
    "Concat of features": after_flatten(
        node("Relu", "f", gives="r"),
        node("Concat", "r", "f", axis=1, gives="c"),
        node("Gemm", "c", "w"),
        w=single(2 * FEATURES, 3),
    ),
    **{
        f"BatchNormalization of opset {opset}": model(
            node("BatchNormalization", "x", "scale", "shift", "mean", "var", epsilon=0.01), opset=opset, **MEANS
        )
        for opset in (7, 9, 14, 15)
    },
    "BatchNormalization after a convolution": model(
        node("Conv", "x", "w", gives="c"),
        node("BatchNormalization", "c", "scale", "shift", "mean", "var"),
        w=single(3, 3, 2, 2),
        **MEANS,
    ),
    "Add of two values": model(node("Relu", "x", gives="r"), node("Add", "r", "x")),
    "Sum of three values": model(node("Relu", "x", gives="r"), node("Sum", "r", "x", "x")),
    "Sum with a constant": model(node("Relu", "x", gives="r"), node("Sum", "r", "b", "x"), b=single(3, 1, 1)),
    **{
        f"{kind} of {shape}, {'constant first' if first else 'value first'}": model(
            node(kind, *(("b", "x") if first else ("x", "b"))), b=single(*shape)
        )
        for kind in ("Add", "Sub", "Mul", "Div")
        for shape in ((), (1,), (3, 1, 1), (1, 3, 1, 1), (1, 1, 1))
        for first in (False, True)
        if not (kind == "Div" and first)
    },
    "Add of a constant that is alike everywhere": model(node("Add", "x", "b"), b=np.ones((1, 3, 9, 8), "float32")),
    "Mul of features": after_flatten(node("Mul", "f", "b"), b=single(FEATURES)),
    "Pad of opset 7": model(node("Pad", "x", pads=[0, 0, 1, 0, 0, 0, 2, 1]), opset=7),
    "Pad with an input": model(node("Pad", "x", "p"), p=np.int64([0, 0, 1, 0, 0, 0, 2, 1])),
    "Pad of axes": model(node("Pad", "x", "p", "", "a"), p=np.int64([1, 2, 0, 3]), a=np.int64([2, -1]), opset=18),
    "Pad before a convolution": model(
        node("Pad", "x", "p", gives="z"), node("Conv", "z", "w"), p=np.int64([0, 0, 1, 0, 0, 0, 1, 1]), w=WEIGHT
    ),
    "Pad before a maximum": model(
        node("Pad", "x", "p", gives="z"), node("MaxPool", "z", kernel_shape=[2, 2]), p=np.int64([0, 0, 1, 0, 0, 0, 1, 1])
    ),
    "ReduceMean": model(node("ReduceMean", "x", axes=[2, 3])),
    "ReduceMean without its axes": model(node("ReduceMean", "x", axes=[-1, -2], keepdims=0)),
    "ReduceMean of opset 18": model(node("ReduceMean", "x", "a", keepdims=0), a=np.int64([2, 3]), opset=18),
    "ReduceMax": model(node("ReduceMax", "x", axes=[2, 3], keepdims=0)),
    **{f"Squeeze {axes} of opset {opset}": squeezed(opset, axes) for axes in ([2, 3], [-1, -2]) for opset in (11, 17)},
    "Squeeze one by one": model(
        node("GlobalAveragePool", "x", gives="g"),
        node("Squeeze", "g", "a", gives="s", name="first"),
        node("Squeeze", "s", "b"),
        a=np.int64([3]),
        b=np.int64([2]),
    ),
    "Unsqueeze": model(
        node("GlobalAveragePool", "x", gives="g"),
        node("Flatten", "g", gives="f"),
        node("Unsqueeze", "f", "a", gives="u"),
        node("Conv", "u", "w"),
        a=np.int64([2, 3]),
        w=single(4, 3, 1, 1),
    ),
    "Clip that cuts nothing above": model(node("Clip", "x", "a"), a=np.float32(0)),
    "Clip of opset 7": model(node("Clip", "x", min=0.0, max=float(np.finfo(np.float32).max)), opset=7),
    "Identity": model(node("Identity", "x", gives="i"), node("Relu", "i")),
    "Cast to the same": model(node("Cast", "x", gives="c", to=TensorProto.FLOAT), node("Relu", "c")),
    "a branch that is chosen by a shape": model(
        node("Shape", "x", gives="s"),
        node("Gather", "s", "one", gives="maps"),
        node("Equal", "maps", "three", gives="same"),
        node("If", "same", then_branch=branch("Relu"), else_branch=branch("Softplus")),
        one=np.int64(1),
        three=np.int64(3),
    ),
    "a constant that is filled": model(
        node("ConstantOfShape", "s", gives="b", value=helper.make_tensor("v", TensorProto.FLOAT, [1], [0.7])),
        node("Mul", "x", "b"),
        s=np.int64([3, 1, 1]),
    ),
    "constants that are computed": model(
        node("Unsqueeze", "b", "a", gives="u"),
        node("Sqrt", "u", gives="r"),
        node("Mul", "x", "r"),
        b=np.float32([1, 4, 9]),
        a=np.int64([1, 2]),
    ),
    "a constant node": model(node("Constant", gives="b", value_float=2.5), node("Mul", "x", "b")),
    "CNTK's mnist": model(
        node("Conv", "x", "w", gives="c", auto_pad="SAME_UPPER"),
        node("Add", "c", "b", gives="a"),
        node("Relu", "a", gives="r"),
        node("MaxPool", "r", gives="p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Reshape", "p", "one_row", gives="f", name="flat"),
        node("Reshape", "v", "matrix", gives="m", name="weights"),
        node("MatMul", "f", "m", gives="z"),
        node("Add", "z", "d", name="plus"),
        opset=8,
        w=single(4, 3, 3, 3),
        b=single(4, 1, 1),
        one_row=np.int64([1, 64]),
        v=single(4, 4, 4, 5),
        matrix=np.int64([64, 5]),
        d=single(1, 5),
        shape=(1, 3, 9, 8),
    ),
    "a shape that is computed": model(
        node("Shape", "x", gives="s"),
        node("Gather", "s", "zero", gives="n"),
        node("Unsqueeze", "n", "axes", gives="u"),
        node("Concat", "u", "rest", gives="wanted", axis=0),
        node("Reshape", "x", "wanted", gives="f"),
        node("Gemm", "f", "w"),
        zero=np.int64(0),
        axes=np.int64([0]),
        rest=np.int64([-1]),
        w=single(FEATURES, 3),
    ),
    "a shape from its start to its end": model(
        node("Shape", "x", gives="s", start=1, end=4),
        node("ReduceProd", "s", gives="features", keepdims=1),
        node("Concat", "batch", "features", gives="wanted", axis=0),
        node("Reshape", "x", "wanted"),
        batch=np.int64([-1]),
        opset=15,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_an_operator_gives_what_onnx_runtime_gives(name):
    made = MODELS[name]
    batch = 1 if "one image" in name else made.graph.input[0].type.tensor_type.shape.dim[0].dim_value or 2
    x = single(batch, 9, 8, 3)
    expected = run(made, x)
    net = npzf.from_onnx(made)
    found = net.forward(x)
    close(found.reshape(expected.shape), expected, ONNX_RUNTIME)
