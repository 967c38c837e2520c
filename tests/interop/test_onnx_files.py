"""ONNX files (no part of the paper): damaged ones end in one line, weights beside them come from the model's folder alone."""

import os

import numpy as np
import pytest
from assertions import close, normal

import npzf

onnx = pytest.importorskip("onnx", reason="models are read with onnx: pip install 'npzf[test]'")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is the reference: pip install 'npzf[test]'")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx_models import ONNX_RUNTIME, model, node, run  # noqa: E402

from npzf.interop.onnx import file as onnx_file  # noqa: E402

WEIGHT = normal(4, 3, 3, 2, dtype="float32")
X = normal(2, 9, 8, 3, dtype="float32")


def small():
    return model(node("Conv", "x", "w", gives="c"), node("Relu", "c"), w=WEIGHT)


def line(path, error=ValueError, **options):
    """The one line in which a model is refused."""
    with pytest.raises(error) as caught:
        npzf.from_onnx(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_path_bytes_and_a_model_are_the_same(tmp_path):
    path, made = tmp_path / "small.onnx", small()
    onnx.save(made, path)
    expected = run(made, X)
    for source in (path, str(path), path.read_bytes(), made):
        close(npzf.from_onnx(source).forward(X), expected, ONNX_RUNTIME)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"hello", b"\x08\x07", b"\x00" * 64])
def test_what_is_no_model_ends_in_one_line(tmp_path, content):
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    assert line(path).startswith(f"{path}: ") and "expected an ONNX model" in line(path)


def test_a_missing_file_and_a_folder_end_in_one_line(tmp_path):
    assert line(tmp_path / "no.onnx", FileNotFoundError) == f"{tmp_path / 'no.onnx'} does not exist, expected an ONNX model"
    assert line(tmp_path, IsADirectoryError) == f"{tmp_path} is a folder, expected an ONNX model"


def test_a_truncated_file_ends_in_one_line_or_lacks_nothing():
    """Cut at each byte: protobuf does not see a cut between two fields, but then what is missing is named."""
    data, whole = small().SerializeToString(), npzf.from_onnx(small()).forward(X)
    read = 0
    for end in range(len(data)):
        try:
            net = npzf.from_onnx(data[:end])
        except ValueError as error:
            assert "\n" not in str(error) and str(error).startswith("model: ")
        else:
            read += 1
            np.testing.assert_array_equal(net.forward(X), whole)
    assert read <= 1


def test_a_damaged_file_ends_in_one_line_or_in_a_net():
    """Each byte inverted, one after the other: other numbers, or one line, and never another error."""
    data = bytearray(small().SerializeToString())
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        try:
            npzf.from_onnx(bytes(damaged), (9, 8, 3))
        except ValueError as error:
            assert "\n" not in str(error)


def test_an_operator_with_a_line_break_in_its_name():
    made = small()
    made.graph.node[1].op_type = "Re\nlu"
    assert line(made) == "model: node 'relu' is Re lu, which npzf has no layer for"


def test_constants_that_cannot_be_computed():
    made = model(node("Reshape", "w", "s", gives="v"), node("Conv", "x", "v"), w=WEIGHT, s=np.int64([5, 5]))
    assert line(made).startswith("model: node 'reshape' is Reshape of constants that cannot be computed (")


def outside(location, **entries):
    """The small model with its weight in a file."""
    made = small()
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return made


@pytest.fixture
def folder(tmp_path):
    """A folder with the weight in good.bin, and the same outside of it."""
    (tmp_path / "secret.bin").write_bytes(WEIGHT.tobytes())
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "good.bin").write_bytes(b"1234" + WEIGHT.tobytes())
    return inner


def test_weights_beside_the_model(folder):
    path = folder / "x.onnx"
    expected = run(small(), X)
    for entries in ({"offset": 4}, {"offset": 4, "length": WEIGHT.nbytes}):
        onnx.save(outside("good.bin", **entries), path)
        close(npzf.from_onnx(path).forward(X), expected, ONNX_RUNTIME)


@pytest.mark.parametrize(
    "where", ["../secret.bin", "a/../../secret.bin", "..\\secret.bin", "/etc/hostname", "C:\\x.bin", "", ".", "a\0b"]
)
def test_weights_outside_the_folder_are_refused(folder, where, monkeypatch):
    monkeypatch.setattr(onnx_file.np, "fromfile", lambda *arguments, **options: pytest.fail("a file was opened"))
    made = outside(where)
    good = made.graph.initializer.add()
    good.CopyFrom(made.graph.initializer[0])
    good.external_data[0].value = "good.bin"
    made.graph.initializer[0].name, good.name = "other", "w"
    path = folder / "x.onnx"
    onnx.save(made, path)
    assert line(path) == f"{path}: tensor 'other' lies in {where!r}, expected a file in the model's own folder"


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="this system has no symbolic links")
def test_a_link_out_of_the_folder_is_refused(folder):
    (folder / "link.bin").symlink_to(folder.parent / "secret.bin")
    path = folder / "x.onnx"
    onnx.save(outside("link.bin"), path)
    assert line(path) == f"{path}: tensor 'w' lies in 'link.bin', expected a file in the model's own folder"


def test_weights_of_constants_and_branches_are_looked_at_too(folder):
    tensor = outside("../secret.bin").graph.initializer[0]
    inner = helper.make_graph([helper.make_node("Constant", [], ["z"], value=tensor)], "g", [], [])
    path = folder / "x.onnx"
    onnx.save(model(node("If", "x", then_branch=inner, else_branch=inner)), path)
    assert "'../secret.bin', expected a file in the model's own folder" in line(path)


def test_weights_that_are_missing_or_too_short(folder):
    path = folder / "x.onnx"
    onnx.save(outside("no.bin"), path)
    assert line(path).endswith(f"({folder / 'no.bin'} is missing)")
    onnx.save(outside("good.bin", offset=8), path)
    assert line(path).endswith(f"has {WEIGHT.nbytes + 4} bytes, expected at least {WEIGHT.nbytes + 8})")
    onnx.save(outside("good.bin", length=12), path)
    assert line(path).endswith(f"(12 bytes are given for it, expected {WEIGHT.nbytes})")
    for entries in ({"offset": -4}, {"offset": "four"}, {"length": -1}):
        onnx.save(outside("good.bin", **entries), path)
        assert line(path).endswith("whose offset or length is no number of bytes")
    assert (
        line(outside("good.bin")) == "model: tensor 'w' lies in 'good.bin', expected a model that was given by its path, or whole"
    )


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE])
def test_other_precisions(kind):
    weight = helper.make_tensor("w", kind, WEIGHT.shape, WEIGHT.ravel().astype("float64"))
    made = model(node("Conv", "x", "w", gives="c"), node("Relu", "c"), kind=kind)
    made.graph.initializer.append(weight)
    net = npzf.from_onnx(made)
    assert net.dtype == ("float64" if kind == TensorProto.DOUBLE else "float32")
    stored = numpy_helper.to_array(weight).astype(net.dtype)
    np.testing.assert_array_equal(net.parameters["conv/weight"], stored.transpose(0, 2, 3, 1))
    assert kind == TensorProto.DOUBLE or (stored != WEIGHT).any()


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.BFLOAT16])
def test_half_precisions_are_counted_with_in_float32(kind):
    """A batch normalisation that is folded loses nothing to the few digits of its own numbers."""
    numbers = {"scale": [1.1, 0.7, -2.3], "shift": [0.1, 0.2, 0.3], "mean": [0.5, -0.6, 0.7], "var": [0.3, 3.0, 0.07]}
    tensors = [helper.make_tensor(name, kind, [3], values) for name, values in numbers.items()]
    made = model(node("BatchNormalization", "x", *numbers), kind=kind)
    made.graph.initializer.extend(tensors)
    scale, shift, mean, variance = (numpy_helper.to_array(tensor).astype("float64") for tensor in tensors)
    expected = (X - mean) / np.sqrt(variance + 1e-5) * scale + shift
    close(npzf.from_onnx(made).forward(X), expected, 1e-6)


def test_weights_of_too_few_bytes_and_of_no_numbers():
    made = small()
    made.graph.initializer[0].raw_data = made.graph.initializer[0].raw_data[:-4]
    assert line(made).startswith("model: tensor 'w' (4, 3, 3, 2) cannot be read (")
    made.graph.initializer[0].dims[0] = -4
    assert line(made) == "model: tensor 'w' has shape (-4, 3, 3, 2), expected no negative side"
    made = small()
    made.graph.initializer[0].CopyFrom(helper.make_tensor("w", TensorProto.STRING, [1], [b"a"]))
    assert line(made) == "model: tensor 'w' holds STRING, expected floating-point numbers or integers"
