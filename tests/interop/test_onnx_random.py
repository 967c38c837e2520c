"""Random nets of every kind of layer (section 2) through to_onnx, ONNX Runtime and from_onnx."""

import numpy as np
import pytest
from assertions import close, normal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_nets import nets

import npzf
from npzf.layers import ZeroPad
from npzf.network import Network

onnx = pytest.importorskip("onnx", reason="models are written with onnx: pip install 'npzf[test]'")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is the reference: pip install 'npzf[test]'")
from onnx_models import ONNX_RUNTIME, run  # noqa: E402

FIXED = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def single(net):
    """The same net in float32."""
    rows = [(name, layer, net.sources[name]) for name, layer in net.layers.items()]
    copy = Network(net.input_shape, rows, dtype="float32", weight_init=0.0)
    for name, value in copy.parameters.items():
        value[...] = net.parameters[name]
    return copy


def close_to_single(found, narrow, net, x):
    """AssertionError unless what was found differs from the narrow net by at most ONNX_RUNTIME, and what float32 may add.

    That is a few times by how much the narrow net differs from the net in float64: a contrast normalisation may enlarge rounding.
    """
    y, exact = narrow.forward(x.astype("float32")), net.forward(x)
    rounding = np.abs(y - exact).max()
    difference, largest = np.abs(found - y).max(), np.abs(y).max()
    assert found.shape == y.shape
    assert difference <= ONNX_RUNTIME * largest + 8 * rounding, f"differs by {difference}, largest {largest}, rounding {rounding}"


def kept(net):
    """The layers' names, without zeros around maps: these may have become the padding of the next layer."""
    return [name for name, layer in net.layers.items() if not isinstance(layer, ZeroPad)]


@settings(FIXED, max_examples=200)
@given(net=nets(), images=st.integers(1, 3))
def test_random_nets_of_the_house(tmp_path_factory, net, images):
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    x = normal(images, *net.input_shape)
    npzf.to_onnx(net, path)
    onnx.checker.check_model(str(path), full_check=True)
    back = npzf.from_onnx(path)
    close(back.forward(x), net.forward(x), 1e-10)
    assert back.dtype == net.dtype
    assert kept(back) == kept(net)
    narrow = single(net)
    npzf.to_onnx(narrow, path)
    close_to_single(run(str(path), x.astype("float32")), narrow, net, x)
