"""Nets written as ONNX models: ONNX Runtime gives the same numbers, and npzf reads them back as they were (figure 3)."""

import json

import numpy as np
import pytest
from assertions import close, normal

import npzf
from npzf import layers
from npzf.network import Network
from npzf.preprocessing import Preprocessing

onnx = pytest.importorskip("onnx", reason="models are written with onnx: pip install 'npzf[test]'")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is the reference: pip install 'npzf[test]'")
from onnx_models import ONNX_RUNTIME, run  # noqa: E402

from npzf.interop.onnx import exporter, nodes  # noqa: E402


def written(net, path):
    """The model that to_onnx writes, after onnx.checker has seen it."""
    npzf.to_onnx(net, path)
    onnx.checker.check_model(str(path), full_check=True)
    return onnx.load(path)


def net_of(*rows, shape=(9, 8, 3), dtype="float32"):
    """A net of these layers, named by their kinds, biases and scales not 0 and 1."""
    net = Network(shape, [(type(layer).__name__.lower(), layer) for layer in rows], dtype=dtype)
    for name, value in net.parameters.items():
        if name.endswith("bias") or name.startswith("affine"):
            value[...] = normal(*value.shape)
    return net


NETS = {
    "zfnet": lambda: npzf.zfnet(fc_units=128, weight_init="he"),
    "zfnet with local contrast": lambda: npzf.zfnet(20, fc_units=32, weight_init="he", norm="local"),
    "squeezenet": npzf.squeezenet,
    "alexnet": lambda: npzf.alexnet(10),
}


@pytest.mark.parametrize("name", NETS)
def test_a_net_of_the_house_runs_in_onnx_runtime(tmp_path, name):
    net, path = NETS[name](), tmp_path / "net.onnx"
    written(net, path)
    x = normal(2, *net.input_shape, dtype="float32")
    y = net.forward(x)
    close(run(str(path), x).reshape(y.shape), y, ONNX_RUNTIME)
    back = npzf.from_onnx(path)
    assert list(back.layers) == list(net.layers)
    np.testing.assert_array_equal(back.forward(x), y)


LAYERS = {
    "conv rounded up": [layers.Conv(4, (3, 2), stride=(2, 3), pad=(1, 0, 0, 1), ceil=True)],
    "conv with groups": [layers.Conv(6, 3, groups=3)],
    "max pool rounded up": [layers.MaxPool(3, 2, pad=(0, 1, 1, 0), ceil=True)],
    "average pool rounded up": [layers.AveragePool(3, 2, pad=1, ceil=True)],
    "average pool rounded up, padding counts": [layers.AveragePool((4, 3), (3, 2), pad=(1, 0, 2, 0), ceil=True)],
    "average pool rounded up, padding counts nothing": [layers.AveragePool(3, 2, pad=1, ceil=True, count_padding=False)],
    "average pool, padding counts": [layers.AveragePool(3, 2, pad=(2, 0, 1, 1))],
    "average pool, padding counts nothing": [layers.AveragePool(3, 2, pad=(2, 0, 1, 1), count_padding=False)],
    "response norm": [layers.LocalResponseNorm(3, 1.5, 0.5, 0.6)],
    "response norm, alpha of the sum": [layers.LocalResponseNorm(3, 1.5, 0.5, 0.6, alpha_divided_by_n=False)],
    "response norm of even n": [layers.LocalResponseNorm(4, 1.5, 0.5, 0.6), layers.ReLU()],
    "response norm of even n, alpha of the sum": [layers.LocalResponseNorm(2, 1.5, 0.5, 0.6, alpha_divided_by_n=False)],
    "contrast norm": [layers.LocalContrastNorm(5, 1.5, 0.1)],
    "contrast norm wider than the image": [layers.LocalContrastNorm(11, 2.0)],
    "affine": [layers.Affine()],
    "affine after a convolution": [layers.Conv(2, 3), layers.Affine()],
    "affine of features": [layers.Flatten(), layers.Affine(), layers.FullyConnected(3)],
    "zeros": [layers.ZeroPad((1, 0, 2, 3)), layers.ReLU()],
    "means": [layers.GlobalAveragePool()],
    "means and a softmax": [layers.GlobalAveragePool(), layers.Softmax()],
    "classifier": [layers.Flatten(), layers.FullyConnected(4), layers.Dropout(0.3), layers.Softmax()],
    "flattened maps": [layers.MaxPool(3, 2), layers.Flatten()],
    "flattened maps, channels first": [layers.MaxPool(3, 2), layers.Flatten(channels_first=True)],
    "flattened maps as they are, normalised": [layers.Flatten(), layers.Affine()],
}


@pytest.mark.parametrize("name", LAYERS)
def test_each_layer_runs_in_onnx_runtime_and_comes_back(tmp_path, name):
    net, path = net_of(*LAYERS[name]), tmp_path / "net.onnx"
    written(net, path)
    x = normal(3, *net.input_shape, dtype="float32")
    close(run(str(path), x), net.forward(x), ONNX_RUNTIME)
    back = npzf.from_onnx(path)
    assert list(back.layers) == list(net.layers)
    close(back.forward(x), net.forward(x), 1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_each_layer_comes_back_in_float64(tmp_path, name):
    net, path = net_of(*LAYERS[name], dtype="float64"), tmp_path / "net.onnx"
    written(net, path)
    x = normal(3, *net.input_shape)
    back = npzf.from_onnx(path)
    assert back.dtype == "float64"
    close(back.forward(x), net.forward(x), 1e-10)


def test_the_layers_are_what_netron_shows(tmp_path):
    """One node a layer, named as it; the value too; shapes stand at each."""
    net = npzf.small_zfnet(7, 64, norm="local")
    graph = written(net, tmp_path / "net.onnx").graph
    assert [node.name for node in graph.node] == list(net.layers)
    assert [node.output[0] for node in graph.node] == list(net.layers)
    assert {node.name: node.op_type for node in graph.node}["norm1"] == "LocalContrastNorm"
    shapes = {
        value.name: [side.dim_value or side.dim_param for side in value.type.tensor_type.shape.dim] for value in graph.value_info
    }
    height, width, maps = net.shapes["conv1"]
    assert shapes["conv1"] == ["N", maps, height, width]
    (images,) = graph.input
    assert images.name == "input"
    assert [side.dim_value or side.dim_param for side in images.type.tensor_type.shape.dim] == ["N", 3, 64, 64]
    assert "conv1/weight" in [tensor.name for tensor in graph.initializer]


def test_fully_connected_weights_are_in_onnx_order(tmp_path):
    net = net_of(layers.MaxPool(3, 2), layers.Flatten(), layers.FullyConnected(2))
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in written(net, tmp_path / "x.onnx").graph.initializer}
    height, width, maps = net.shapes["maxpool"]
    ours = net.parameters["fullyconnected/weight"].reshape(2, height, width, maps)
    np.testing.assert_array_equal(stored["fullyconnected/weight"].reshape(2, maps, height, width), ours.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(),
        Preprocessing([1.5, 2.0, 3.25], [4.0, 5.0, 6.5]),
        Preprocessing(normal(9, 8, 3), 2.5),
        Preprocessing(None, np.float32(3.3)),
    ],
    ids=["none", "numbers", "a mean image", "a deviation alone"],
)
def test_classes_and_preprocessing_travel_along(tmp_path, preprocessing):
    net, path = net_of(layers.GlobalAveragePool()), tmp_path / "net.onnx"
    net.classes, net.preprocessing = ("dog", 'a "cat"', "Käfer"), preprocessing
    made = written(net, path)
    assert json.loads({entry.key: entry.value for entry in made.metadata_props}["npzf.classes"])[2] == "Käfer"
    back = npzf.from_onnx(path)
    assert back.classes == net.classes
    pixels = np.arange(9 * 8 * 3, dtype="uint8").reshape(1, 9, 8, 3)
    np.testing.assert_array_equal(back.preprocessing.apply(pixels), preprocessing.apply(pixels))


def test_names_of_layers_and_of_helpers_do_not_meet(tmp_path):
    """A layer may be called as a node that another layer needs."""
    rows = [
        ("pool/pad", layers.ReLU()),
        ("pool", layers.AveragePool(3, 2, pad=1, ceil=True)),
        ("pool/pads", layers.ReLU()),
        ("norm/k", layers.Affine()),
        ("norm", layers.LocalResponseNorm(4, 1.0, 1.0)),
        ("means/means", layers.ReLU()),
        ("means", layers.GlobalAveragePool()),
    ]
    net, path = Network((9, 8, 3), rows), tmp_path / "net.onnx"
    written(net, path)
    x = normal(2, 9, 8, 3, dtype="float32")
    close(run(str(path), x), net.forward(x), ONNX_RUNTIME)
    assert list(npzf.from_onnx(path).layers) == list(net.layers)


def test_large_weights_get_a_file_of_their_own(tmp_path, monkeypatch):
    net, path = npzf.small_zfnet(7, 64), tmp_path / "net.onnx"
    monkeypatch.setattr(exporter, "LARGEST_FILE", 1000)
    written(net, path)
    weights = sum(value.nbytes for value in net.parameters.values())
    assert path.stat().st_size < 20_000 < weights <= (tmp_path / "net.onnx.data").stat().st_size
    x = normal(2, 64, 64, 3, dtype="float32")
    np.testing.assert_array_equal(npzf.from_onnx(path).forward(x), net.forward(x))
    close(run(str(path), x), net.forward(x), ONNX_RUNTIME)


def test_an_older_file_survives_a_failure(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"older")
    monkeypatch.setattr("os.fsync", _full_disk)
    with pytest.raises(OSError, match="could not write the file"):
        npzf.to_onnx(net_of(layers.ReLU()), path)
    assert path.read_bytes() == b"older" and [file.name for file in tmp_path.iterdir()] == ["net.onnx"]


def _full_disk(_):
    raise OSError(28, "No space left on device")


def test_every_kind_of_layer_is_written():
    kinds = [getattr(layers, name) for name in layers.__all__]
    concrete = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, layers.Layer)}
    assert nodes.WRITERS.keys() == concrete - {layers.Layer, layers.Pointwise, layers.Join}
