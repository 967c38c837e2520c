"""Nets written as ONNX models: ONNX Runtime gives the same numbers, and npzf reads them back as they were (figure 3)."""

import numpy as np
import pytest
from assertions import normal

import npzf

onnx = pytest.importorskip("onnx", reason="models are written with onnx: pip install 'npzf[test]'")
runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is the reference: pip install 'npzf[test]'")

ONNX_RUNTIME = 1e-5  # what ONNX Runtime may differ by in float32, relative to the largest number


def run(path, x):
    """What ONNX Runtime gives for x (N, H, W, C)."""
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0]


@pytest.mark.parametrize(
    "net",
    [
        npzf.zfnet(fc_units=128, weight_init="he"),
        npzf.zfnet(20, fc_units=32, weight_init="he", norm="local"),
        npzf.squeezenet(),
        npzf.alexnet(10),
    ],
    ids=["zfnet", "zfnet local", "squeezenet", "alexnet"],
)
def test_a_net_of_the_house_runs_in_onnx_runtime(tmp_path, net):
    path = tmp_path / "net.onnx"
    npzf.to_onnx(net, path)
    onnx.checker.check_model(str(path), full_check=True)
    x = normal(2, *net.input_shape, dtype="float32")
    y = net.forward(x)
    assert np.abs(y - run(path, x).reshape(y.shape)).max() <= ONNX_RUNTIME * np.abs(y).max()
    back = npzf.from_onnx(path)
    assert list(back.layers) == list(net.layers)
    np.testing.assert_array_equal(back.forward(x), y)
