"""Random modules of PyTorch become nets, and random nets modules: outputs, every gradient, projections, and the way back."""

import pytest
from assertions import TORCH, close
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_nets import nets

torch = pytest.importorskip("torch", reason="PyTorch is the reference: pip install 'npzf[test]'")
from random_modules import modules  # noqa: E402
from torch_conversion import check_conversion, check_same, images, randomized  # noqa: E402
from torch_reference import nhwc  # noqa: E402

import npzf  # noqa: E402

FIXED = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@settings(max_examples=400, **FIXED)
@given(drawn=modules(), seed=st.integers(0, 9))
def test_a_random_module_becomes_a_net(drawn, seed):
    module, shape, scaled = drawn
    randomized(module, seed)
    _, compared = check_conversion(module, shape)
    assert scaled or compared == {name for name, _ in module.named_parameters()}


@settings(max_examples=300, **FIXED)
@given(net=nets())
def test_a_random_net_becomes_a_module_and_the_net_again(net):
    x, tx = images(net.input_shape)
    module = npzf.to_torch(net)
    with torch.no_grad():
        close(net.forward(x), nhwc(module(tx)), TORCH)
    check_same(npzf.from_torch(module), net)
