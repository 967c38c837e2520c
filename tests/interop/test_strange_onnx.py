"""ONNX models from strangers: counted before they are made, bounded by the size of their files, one line for what is wrong."""

import os
from itertools import pairwise

import numpy as np
import pytest
from assertions import normal

import npzf

onnx = pytest.importorskip("onnx", reason="models are read with onnx: pip install 'npzf[test]'")
pytest.importorskip("onnxruntime", reason="tests/onnx_models.py runs models: pip install 'npzf[test]'")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx_models import model, node  # noqa: E402

from npzf.interop.onnx.wire import MOST_FIELDS, check_fields  # noqa: E402

WEIGHT = normal(4, 3, 3, 2, dtype="float32")


def refused(made, *words):
    with pytest.raises((ValueError, OSError)) as caught:
        npzf.from_onnx(made)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def field(number, data):
    length, count = b"", len(data)
    while count > 127:
        length, count = length + bytes([count & 127 | 128]), count >> 7
    return bytes([number << 3 | 2]) + length + bytes([count]) + data


def test_only_regular_files_are_opened(tmp_path):
    os.symlink("/dev/zero", tmp_path / "a.onnx")
    refused(tmp_path / "a.onnx", "a.onnx is a device, expected an ONNX model")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "b.onnx")
        refused(tmp_path / "b.onnx", "b.onnx is a FIFO, expected an ONNX model")


def test_a_million_empty_nodes_are_not_made():
    nodes = field(1, b"") * MOST_FIELDS
    refused(field(7, nodes), "it has more than 500,000 fields")
    attributes = field(1, field(5, b"") * MOST_FIELDS)
    refused(field(7, attributes), "it has more than 500,000 fields")
    deep = field(5, b"") * MOST_FIELDS
    for _ in range(5):
        deep = field(7, field(1, field(5, field(6, deep))))[2:]
    refused(field(7, field(1, field(5, field(6, field(5, b"") * MOST_FIELDS)))), "it has more than 500,000 fields")


def test_numbers_are_not_counted_as_fields():
    made = model(node("Conv", "x", "w"), w=normal(400, 3, 30, 20, dtype="float32"))
    check_fields(made.SerializeToString())
    made.graph.initializer[0].CopyFrom(helper.make_tensor("w", TensorProto.FLOAT, [1000, 1000], np.ones(10**6, np.float32)))
    check_fields(made.SerializeToString())


def with_functions(*functions, calls="f0"):
    made = model(helper.make_node(calls, ["x"], ["y"], domain="theirs"))
    made.opset_import.append(helper.make_opsetid("theirs", 1))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("theirs", 1)]
    made.functions.extend(helper.make_function("theirs", name, ["x"], ["y"], nodes, opsets) for name, nodes in functions)
    return made


def calling(name, times):
    steps = ["x", *(f"t{n}" for n in range(times - 1)), "y"]
    return [helper.make_node(name, [a], [b], domain="theirs") for a, b in pairwise(steps)]


def test_functions_that_become_a_billion_nodes_or_call_themselves_are_refused():
    laughs = [(f"f{n}", calling(f"f{n + 1}", 10)) for n in range(9)] + [("f9", [helper.make_node("Relu", ["x"], ["y"])])]
    refused(with_functions(*laughs), "it has more than 20,000 nodes")
    refused(with_functions(("f0", calling("f0", 1))), "function 'f0' calls itself")
    refused(with_functions(("f0", calling("f1", 1)), ("f1", calling("f0", 1))), "calls itself")
    assert list(npzf.from_onnx(with_functions(("f0", calling("f1", 2)), ("f1", [helper.make_node("Relu", ["x"], ["y"])]))).layers)


def test_many_tensors_of_the_same_numbers_count_as_many(tmp_path):
    count = 2**20
    np.zeros(count, np.float32).tofile(tmp_path / "numbers")
    names = [f"w{n}" for n in range(100)]
    made = model(*(node("Add", "x" if n == 0 else f"v{n - 1}", name, gives=f"v{n}") for n, name in enumerate(names[:-1])))
    made = model(*made.graph.node, node("Add", "v98", "w99"))
    for name in names:
        tensor = made.graph.initializer.add(name=name, data_type=TensorProto.FLOAT, dims=[count])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="numbers")
    onnx.save(made, tmp_path / "a.onnx")
    refused(tmp_path / "a.onnx", "a.onnx: tensor 'w", "take more than")


@pytest.mark.parametrize("kind", ["fifo", "zero", "folder", "link"])
def test_numbers_beside_the_model_lie_in_regular_files_of_its_folder(tmp_path, kind):
    made = model(node("Conv", "x", "w"))
    tensor = made.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[4, 3, 3, 2])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="numbers")
    folder = tmp_path / "model"
    folder.mkdir()
    onnx.save(made, folder / "a.onnx")
    if kind == "fifo":
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no FIFOs")
        os.mkfifo(folder / "numbers")
    elif kind == "zero":
        os.symlink("/dev/zero", folder / "numbers")
    elif kind == "folder":
        (folder / "numbers").mkdir()
    else:
        (tmp_path / "secret").write_bytes(bytes(1000))
        os.symlink(tmp_path / "secret", folder / "numbers")
    refused(folder / "a.onnx", "a.onnx: ", "tensor 'w'")


def constants(*nodes, **stored):
    return model(*nodes, node("Add", "x", "c"), **stored)


LARGE = {
    "MatMul": constants(node("MatMul", "a", "b", gives="c"), a=np.ones((10**5, 1)), b=np.ones((1, 10**5))),
    "a long MatMul": constants(node("MatMul", "a", "a", gives="c"), a=np.ones((2000, 2000), np.int64)),
    "Gather": constants(node("Gather", "a", "i", gives="c"), a=np.ones((2, 10**5)), i=np.zeros(10**5, np.int64)),
    "Less": constants(node("Less", "a", "b", gives="c"), a=np.ones((10**5, 1)), b=np.ones((1, 10**5))),
    "Concat": constants(
        node("Tile", "a", "t", gives="b"), node("Concat", *["b"] * 300, gives="c", axis=0), a=np.ones(100), t=np.int64([10**4])
    ),
    "Expand": constants(node("Expand", "a", "s", gives="c"), a=np.ones(1), s=np.int64([10**5, 10**5])),
}


@pytest.mark.parametrize("name", LARGE)
def test_constants_that_are_too_large_are_not_computed(name):
    refused(LARGE[name], "makes a constant of more than")


def test_constants_are_bounded_together():
    tiles = [node("Tile", "a", "t", gives=f"b{n}") for n in range(20)]
    adds = [node("Add", "x" if n == 0 else f"v{n - 1}", f"b{n}", gives=f"v{n}") for n in range(20)]
    refused(model(*tiles, *adds, node("Relu", "v19"), a=np.ones(10**4), t=np.int64([10**3])), "make constants of more than")


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_by_name(number):
    weight = WEIGHT.copy()
    weight[1, 2, 0, 1] = number
    refused(model(node("Conv", "x", "w", name="first"), w=weight), "weight of node 'first' holds numbers that are not finite")


@pytest.mark.parametrize(
    "text", ["1" * 5000, "[" * 10**5, "[1e999, 2, 3]", '{"a": 1}', '["a"]', "[[1], [2, 3]]", "[1" + "0" * 400 + "]"]
)
@pytest.mark.parametrize("key", ["mean", "std", "classes"])
def test_metadata_that_is_none_is_one_line(tmp_path, key, text):
    made = model(node("Conv", "x", "w"), w=WEIGHT)
    made.metadata_props.add(key=f"npzf.{key}", value=text)
    onnx.save(made, tmp_path / "a.onnx")
    refused(tmp_path / "a.onnx", "a.onnx: ")


def test_damaged_models_are_one_line(tmp_path):
    """Each byte of a small model changed: another net, or a line with the file's name."""
    made = model(node("Conv", "x", "w", gives="c"), node("Relu", "c"), w=WEIGHT[:1, :, :1, :1])
    whole = made.SerializeToString()
    for place in range(len(whole)):
        for change in (0x01, 0x80):
            data = bytearray(whole)
            data[place] ^= change
            (tmp_path / "a.onnx").write_bytes(data)
            try:
                npzf.from_onnx(tmp_path / "a.onnx")
            except (ValueError, OSError) as error:
                assert "a.onnx" in str(error) and "\n" not in str(error)


def test_a_tensor_of_half_precision_is_read():
    made = model(node("Conv", "x", "w"), w=WEIGHT)
    made.graph.initializer[0].CopyFrom(numpy_helper.from_array(WEIGHT.astype(np.float16), "w"))
    assert npzf.from_onnx(made).parameters
