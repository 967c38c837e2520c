"""Random nets of every kind of layer (section 2) against PyTorch: activations, every gradient, projections, on both faces."""

import pytest
from assertions import TORCH, close, normal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_nets import nets

from npzf.layers import Save
from npzf.units import seed

torch = pytest.importorskip("torch", reason="PyTorch is the reference: pip install 'npzf[test]'")
from torch_reference import Twin, nchw, nhwc  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(net=nets(), images=st.integers(1, 3))
def test_random_nets(net, images):
    x = normal(images, *net.input_shape)
    twin, tx = Twin(net), torch.from_numpy(x).requires_grad_()
    values = twin.forward(tx)
    gy = normal(images, *net.shapes[net.output_name])
    values[net.output_name].backward(nchw(gy))
    for ops in ("plain", "fast"):
        net.ops = ops
        tape = net.record(x, net.layers, Save.GRADIENTS)
        for name in net.layers:
            close(tape[name], nhwc(values[name]), TORCH)
            for unit in (None, net.shapes[name][-1] - 1):
                picture = twin.project(x, name, nchw(seed(tape[name], unit)))
                close(tape.project(name, unit), nhwc(picture), TORCH)
        tape = net.record(x, [net.output_name], Save.GRADIENTS)  # each convolution that a relu follows rectifies itself
        close(tape[net.output_name], nhwc(values[net.output_name]), TORCH)
        gx, gradients = tape.backward(gy)
        close(gx, tx.grad.numpy(), TORCH)
        assert gradients.keys() == net.parameters.keys()
        for name, gradient in gradients.items():
            close(gradient, nhwc(twin.parameters[name].grad), TORCH)
