"""Whole ONNX models (section 4: nets of others): names, sizes, channels last, functions, the zoo's ways of writing."""

import numpy as np
import pytest
from assertions import close, normal

import npzf
from npzf import layers

onnx = pytest.importorskip("onnx", reason="models are read with onnx: pip install 'npzf[test]'")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is the reference: pip install 'npzf[test]'")
from onnx import helper  # noqa: E402
from onnx_models import ONNX_RUNTIME, model, node, run  # noqa: E402


def single(*shape, seed=0):
    return normal(*shape, seed=seed, dtype="float32") / np.float32(np.sqrt(np.prod(shape[1:], dtype=int)))


def zoo(opset, shape=(1, 3, 67, 67)):
    """A small net written as the zoo's bvlc_alexnet, caffenet and zfnet512 are: Caffe's, by way of Caffe2."""
    return model(
        helper.make_node(
            "Conv", ["x", "conv1_w_0", "conv1_b_0"], ["conv1_1"], strides=[4, 4], pads=[0, 0, 0, 0], kernel_shape=[11, 11]
        ),
        helper.make_node("Relu", ["conv1_1"], ["conv1_2"]),
        helper.make_node("LRN", ["conv1_2"], ["norm1_1"], size=5, alpha=9.999999747378752e-05, beta=0.75, bias=1.0),
        helper.make_node("MaxPool", ["norm1_1"], ["pool1_1"], strides=[2, 2], pads=[0, 0, 1, 1], kernel_shape=[3, 3]),
        helper.make_node(
            "Conv", ["pool1_1", "w2", "b2"], ["conv2_1"], group=2, strides=[1, 1], pads=[2, 2, 2, 2], kernel_shape=[5, 5]
        ),
        helper.make_node("Relu", ["conv2_1"], ["conv2_2"]),
        helper.make_node("Reshape", ["conv2_2", "OC2_DUMMY_1"], ["r15", "OC2_DUMMY_0"] if opset < 5 else ["r15"]),
        helper.make_node("Gemm", ["r15", "fc6_w_0", "fc6_b_0"], ["fc6_1"], transB=1),
        helper.make_node("Relu", ["fc6_1"], ["fc6_2"]),
        helper.make_node("Dropout", ["fc6_2"], ["fc6_3", "_fc6_mask_1"], ratio=0.5),
        helper.make_node("Gemm", ["fc6_3", "fc7_w_0", "fc7_b_0"], ["fc7_1"], transB=1),
        helper.make_node("Softmax", ["fc7_1"], ["y"]),
        shape=shape,
        opset=opset,
        conv1_w_0=single(6, 3, 11, 11),
        conv1_b_0=single(6),
        w2=single(8, 3, 5, 5),
        b2=single(8),
        OC2_DUMMY_1=np.int64([1, 8 * 7 * 7]),
        fc6_w_0=single(20, 8 * 7 * 7),
        fc6_b_0=single(20),
        fc7_w_0=single(5, 20),
        fc7_b_0=single(5),
    )


@pytest.mark.parametrize("opset", [7, 8, 9])
def test_a_net_as_the_zoo_has_them(opset):
    made, x = zoo(opset), normal(1, 67, 67, 3, dtype="float32")
    net = npzf.from_onnx(made)
    close(net.forward(x), run(made, x), ONNX_RUNTIME)
    assert list(net.layers)[:4] == ["conv1_1", "conv1_2", "norm1_1", "pool1_1"]
    assert net.layers["norm1_1"].configuration() == {"n": 5, "k": 1.0, "alpha": 1e-4, "beta": 0.75, "alpha_divided_by_n": True}
    assert net.layers["pool1_1"].pad == (0, 1, 0, 1)
    assert (net.output_name, net.scores_name) == ("y", "fc7_1")
    assert len(npzf.from_onnx(made).forward(np.concatenate([x, x]))) == 2  # a net of the house takes any batch


def test_layers_are_named_as_nodes_else_as_outputs():
    made = model(
        helper.make_node("Relu", ["x"], ["first"]),
        helper.make_node("Relu", ["first"], ["second"], name="/features/0/Relu"),
        helper.make_node("Relu", ["second"], ["third"], name="/features/0/Relu"),
        helper.make_node("Relu", ["third"], ["y"], name="input"),
    )
    assert list(npzf.from_onnx(made).layers) == ["first", "features/0/Relu", "features/0/Relu_2", "input_2"]


def test_a_batch_normalisation_is_folded_into_the_convolution_before_it():
    numbers = {"scale": single(4), "shift": single(4, seed=1), "mean": single(4, seed=2), "var": np.float32([1, 2, 3, 4])}
    made = model(
        node("Conv", "x", "w", gives="c"),
        node("BatchNormalization", "c", *numbers, gives="n"),
        node("Relu", "n", gives="r"),
        node("BatchNormalization", "r", *numbers, name="alone"),
        w=single(4, 3, 3, 3),
        **numbers,
    )
    net = npzf.from_onnx(made)
    assert {name: type(layer) for name, layer in net.layers.items()} == {
        "conv": layers.Conv,
        "relu": layers.ReLU,
        "alone": layers.Affine,
    }


# Sizes


def classifier(shape):
    return model(
        node("Conv", "x", "w", gives="c", strides=[2, 2]),
        node("Flatten", "c", gives="f"),
        node("Gemm", "f", "v", transB=1),
        shape=shape,
        w=single(4, 3, 3, 3),
        v=single(5, 4 * 10 * 10),
    )


def test_an_open_size_is_the_one_that_fits():
    assert npzf.from_onnx(classifier(("N", 3, 21, 21))).input_shape == (21, 21, 3)
    assert npzf.from_onnx(classifier(("N", 3, "H", "W"))).input_shape == (21, 21, 3)
    assert npzf.from_onnx(classifier(("N", 3, "H", "W")), (22, 21, 3)).input_shape == (22, 21, 3)
    assert npzf.from_onnx(classifier(("N", "C", "H", "W")), (21, 22, 3)).input_shape == (21, 22, 3)


def test_sizes_that_cannot_be():
    with pytest.raises(
        ValueError, match=r"^model: input_shape is None, expected \(H, W, C\): the model leaves the channels open$"
    ):
        npzf.from_onnx(classifier(("N", "C", "H", "W")))
    with pytest.raises(
        ValueError, match=r"^model: input_shape is \(21, 21, 1\), expected \(H, W, C\) with C = 3, as the net takes$"
    ):
        npzf.from_onnx(classifier(("N", 3, 21, 21)), (21, 21, 1))
    with pytest.raises(ValueError, match=r"^model: node 'gemm' takes 400 features, its input is \(484,\)$"):
        npzf.from_onnx(classifier(("N", 3, 24, 24)))


@pytest.mark.parametrize("shape", [(21, 21), (21, 21, 3, 1), (0, 21, 3), (-4, 21, 3), (21.5, 21, 3), ("a", "b", "c")])
@pytest.mark.parametrize("channels", [3, "C"])
def test_a_shape_that_is_none(shape, channels):
    with pytest.raises(ValueError) as caught:
        npzf.from_onnx(classifier(("N", channels, "H", "W")), shape)
    assert str(caught.value) == f"model: input_shape is {shape}, expected (H, W, C) in whole numbers of at least 1"


def test_a_net_for_all_sizes_takes_that_of_imagenet():
    assert npzf.from_onnx(model(node("Relu", "x"), shape=("N", 3, "H", "W"))).input_shape == (224, 224, 3)


# Channels last


def channels_last(*nodes, **tensors):
    return model(*nodes, shape=("N", 9, 8, 3), **tensors)


TO_FIRST, TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]
FIRST = node("Transpose", "x", gives="t", perm=TO_FIRST, name="to_first")
CONV = node("Conv", "t", "w", gives="c")
LAST = node("Transpose", "c", gives="l", perm=TO_LAST, name="to_last")
CHANNELS_LAST = {
    "flattened": channels_last(
        FIRST, CONV, LAST, node("Reshape", "l", "s", gives="f"), node("MatMul", "f", "v"),
        w=single(4, 3, 3, 3), s=np.int64([-1, 168]), v=single(168, 5),
    ),
    "flattened by Flatten": channels_last(
        FIRST, CONV, LAST, node("Flatten", "l", gives="f"), node("Gemm", "f", "v"), w=single(4, 3, 3, 3), v=single(168, 5)
    ),
    "averaged": channels_last(
        FIRST, CONV, LAST, node("ReduceMean", "l", axes=[1, 2], keepdims=0, gives="f"), node("MatMul", "f", "v"),
        w=single(4, 3, 3, 3), v=single(4, 5),
    ),
    "normalised before": channels_last(
        node("Sub", "x", "mean", gives="a"), node("Mul", "a", "scale", gives="b"),
        node("Transpose", "b", gives="t", perm=TO_FIRST), CONV, LAST, node("Relu", "l"),
        w=single(4, 3, 3, 3), mean=single(3), scale=np.float32(0.5),
    ),
    "joined": channels_last(
        FIRST, CONV, LAST, node("Relu", "l", gives="r"), node("Concat", "l", "r", gives="j", axis=-1),
        node("Add", "j", "b", gives="m"), node("Transpose", "m", perm=TO_FIRST, name="again"),
        w=single(4, 3, 3, 3), b=single(8),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANNELS_LAST)
def test_models_with_channels_last(name):
    made, x = CHANNELS_LAST[name], normal(2, 9, 8, 3, dtype="float32")
    expected = run(made, x, channels_last=True)
    net = npzf.from_onnx(made)
    assert net.input_shape == (9, 8, 3)
    found = net.forward(x)
    if name == "normalised before":  # its output lies channels last, as found does, and run has turned it
        expected = expected.transpose(0, 3, 1, 2)
    close(found, expected, ONNX_RUNTIME)


def test_a_transpose_in_between_is_refused():
    made = channels_last(FIRST, CONV, LAST, node("MaxPool", "l", kernel_shape=[2, 2]), w=single(4, 3, 3, 3))
    with pytest.raises(
        ValueError, match=r"^model: node 'maxpool' is MaxPool of maps \(N, H, W, C\), which npzf has no layer for$"
    ):
        npzf.from_onnx(made)


# Functions and metadata


def test_local_functions_are_put_in_place():
    function = helper.make_function(
        "own", "ConvRelu", ["a", "w"], ["b"], [node("Conv", "a", "w", gives="c"), node("Relu", "c", gives="b")],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    made = model(helper.make_node("ConvRelu", ["x", "w"], ["y"], domain="own"), w=single(4, 3, 3, 3))
    made.functions.append(function)
    made.opset_import.append(helper.make_opsetid("own", 1))
    x = normal(2, 9, 8, 3, dtype="float32")
    close(npzf.from_onnx(made).forward(x), run(made, x), ONNX_RUNTIME)


@pytest.mark.parametrize(
    ("key", "text", "reason"),
    [
        ("classes", '["one"]', "npzf.classes in its metadata are not 3 names, one for each score"),
        ("classes", "{", "npzf.classes in its metadata is '{', expected JSON"),
        (
            "mean",
            "[1, 2]",
            "npzf.mean or npzf.std in its metadata cannot be used (mean has shape (2,), expected (3,) or (9, 8, 3))",
        ),
        ("std", '"a"', "npzf.mean or npzf.std in its metadata cannot be used (could not convert string to float: 'a')"),
    ],
)
def test_metadata_that_cannot_be_used(key, text, reason):
    made = model(node("Relu", "x"))
    helper.set_model_props(made, {f"npzf.{key}": text})
    with pytest.raises(ValueError) as caught:
        npzf.from_onnx(made)
    assert str(caught.value) == f"model: {reason}"


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    for call in (lambda: npzf.from_onnx("x.onnx"), lambda: npzf.to_onnx(npzf.small_zfnet(3, 64), "x.onnx")):
        with pytest.raises(
            ImportError, match=r"^onnx cannot be imported \(.*\), expected it installed: pip install 'npzf\[onnx\]'$"
        ):
            call()


# Opsets before 7, which ONNX Runtime does not run: against the same models of opset 7


def old(*nodes, opset=6, **tensors):
    made = model(*nodes, opset=7, **tensors)
    made.opset_import[0].version = opset
    return made


NUMBERS = {"scale": single(3), "shift": single(3, seed=1), "mean": single(3, seed=2), "var": np.float32([1, 2, 3])}
OLD = {
    "one number for each map": (
        old(node("Add", "x", "b", broadcast=1, axis=1), b=single(3)),
        model(node("Add", "x", "b"), b=single(3).reshape(3, 1, 1)),
    ),
    "one number for all": (old(node("Mul", "x", "b", broadcast=1), b=single()), model(node("Mul", "x", "b"), b=single())),
    "normalised": (
        old(node("BatchNormalization", "x", *NUMBERS, is_test=1, consumed_inputs=[0, 0, 0, 1, 1]), **NUMBERS),
        model(node("BatchNormalization", "x", *NUMBERS), **NUMBERS),
    ),
    "reshaped": (old(node("Reshape", "x", shape=[0, -1]), opset=4), model(node("Flatten", "x"))),
    "padded": (
        old(node("Pad", "x", paddings=[0, 0, 1, 0, 0, 0, 0, 2]), opset=1),
        model(node("Pad", "x", pads=[0, 0, 1, 0, 0, 0, 0, 2]), opset=7),
    ),
    "dropped": (old(node("Dropout", "x", is_test=1)), model(node("Dropout", "x"))),
}


@pytest.mark.parametrize("name", OLD)
def test_opsets_before_7(name):
    x = normal(2, 9, 8, 3, dtype="float32")
    found, expected = (npzf.from_onnx(made).forward(x) for made in OLD[name])
    np.testing.assert_array_equal(found, expected)


def test_poolings_that_change_nothing_are_no_layers():
    nodes = [node("AveragePool", "x", gives="a", kernel_shape=[1, 1]), node("MaxPool", "a", gives="m", kernel_shape=[1, 1])]
    assert list(npzf.from_onnx(model(*nodes, node("Relu", "m"))).layers) == ["relu"]
