"""Whole nets (figure 3) against PyTorch: outputs, every gradient, and the deconvnet's pictures (section 2.1)."""

import numpy as np
import pytest

import npzf
from npzf import layers
from npzf.layers import Save
from npzf.models import vgg16_rows
from npzf.network import Network
from npzf.units import seed

torch = pytest.importorskip("torch", reason="PyTorch is the reference: pip install 'npzf[test]'")
from torch_reference import Twin, nchw, nhwc  # noqa: E402

NETS = {
    "zfnet": npzf.zfnet,
    "krizhevsky": npzf.krizhevsky,
    "krizhevsky dense": lambda **options: npzf.krizhevsky(groups=1, **options),
    "zfnet local": lambda **options: npzf.zfnet(norm="local", fc_units=64, **options),
    "krizhevsky local": lambda **options: npzf.krizhevsky(norm="local", fc_units=64, **options),
    "small_zfnet no norm": lambda **options: npzf.small_zfnet(size=64, norm=None, **options),
    "alexnet": npzf.alexnet,
    "squeezenet": npzf.squeezenet,
    "vgg16": lambda classes, dtype: Network(
        (64, 64, 3), vgg16_rows(classes), dtype=dtype
    ),  # 224 pixels would take 12 times as long
}
FIGURE_3 = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5")
PROJECTED = {"conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fire3/expand3x3", "fire9/expand1x1", "conv2_2", "conv5_3"}
BOUND = {"float64": 1e-10, "float32": 1e-5}


def difference(found, expected):
    """The largest difference relative to the largest number expected; NaN stays NaN, which no bound accepts."""
    return np.abs(found - expected).max() / np.abs(expected).max()


def make(name, dtype):
    """A whole net in which every term matters: biases not 0, alpha 1 instead of 1e-4, signals that do not die out."""
    net = NETS[name](classes=20, dtype=dtype)
    rng = np.random.default_rng(1)
    for key, value in net.parameters.items():
        if key.endswith("bias"):
            value[...] = rng.normal(0, 0.1, value.shape)
        else:
            value *= np.sqrt(2 / value[0].size) / value.std()
    for layer in net.layers.values():
        if isinstance(layer, layers.LocalResponseNorm):
            layer.alpha = 1.0
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0  # so that training and evaluation are the same function
    return net, rng.normal(0, 1, (2, *net.input_shape)).astype(dtype)


def decisions(net, x):
    """What a float32 net decides: which units a relu lets pass and where each maximum is."""
    deciding = {n: la for n, la in net.layers.items() if isinstance(la, layers.ReLU | layers.MaxPool)}
    tape = net.record(x, deciding, Save.SWITCHES)
    return {
        name: nchw(tape.saved[name].index.astype("int64") if isinstance(layer, layers.MaxPool) else tape[name] > 0)
        for name, layer in deciding.items()
    }


CASES = [(name, "float64") for name in NETS] + [("zfnet", "float32"), ("krizhevsky", "float32"), ("squeezenet", "float32")]


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def case(request):
    """A net, its PyTorch twin in float64, two images, and the bound on relative differences."""
    name, dtype = request.param
    net, x = make(name, dtype)
    return net, Twin(net, decisions(net, x) if dtype == "float32" else None), x, BOUND[dtype]


@pytest.mark.parametrize("name", ["zfnet", "krizhevsky"])
def test_float32_decides_as_float64_but_for_ties(name):
    net, x = make(name, "float32")
    ours, twin = decisions(net, x), Twin(net)
    values = twin.forward(x.astype("float64"))
    for layer, decided in ours.items():
        expected = twin.indices[layer] if layer in twin.indices else values[layer] > 0
        assert (decided != expected).double().mean() < 1e-5, layer


def test_outputs_and_every_gradient(case):
    net, twin, x, bound = case
    labels = np.array([3, 17])
    scores = net.forward(x, train=True)
    loss, gscores = npzf.softmax_cross_entropy(scores, labels)
    gx = net.backward(gscores)
    tx = torch.from_numpy(x.astype("float64")).requires_grad_()
    expected = twin.forward(tx)[net.output_name]
    expected_loss = torch.nn.functional.cross_entropy(expected, torch.from_numpy(labels))
    expected_loss.backward()
    assert difference(scores, nhwc(expected)) < bound
    assert loss == pytest.approx(expected_loss.item(), rel=bound)
    assert difference(gx, tx.grad.numpy()) < bound
    assert net.gradients.keys() == net.parameters.keys()
    for name, gradient in net.gradients.items():
        assert difference(gradient, nhwc(twin.parameters[name].grad)) < bound, name


@pytest.mark.parametrize("whole", [True, False], ids=["whole layer", "one unit"])
def test_projections(case, whole):
    net, twin, x, bound = case
    for name in PROJECTED & net.layers.keys():
        y = net.forward(x, upto=name)
        unit = None if whole else int(y.reshape(-1, y.shape[-1]).max(0).argmax())  # a map that is surely active
        expected = nhwc(twin.project(x.astype("float64"), name, nchw(seed(y, unit).astype("float64"))))
        assert difference(npzf.project(net, x, name, unit), expected) < bound, name


def test_figure_3_sizes_and_parameters():
    net = npzf.zfnet()
    sizes = [net.shapes[name][0] for name in FIGURE_3]
    assert sizes == [110, 55, 26, 13, 13, 13, 13, 6]
    assert sum(p.size for p in net.parameters.values()) == 62_357_608
    assert sum(p.size for p in npzf.krizhevsky().parameters.values()) == 60_965_224
    assert sum(p.size for p in npzf.alexnet().parameters.values()) == 61_100_840
    assert sum(p.size for p in npzf.squeezenet().parameters.values()) == 1_235_496


def test_receptive_fields_of_zfnet():
    fields = npzf.zfnet(fc_units=8).fields()
    found = {name: (fields[name].size[0], fields[name].stride[0]) for name in FIGURE_3}
    assert all(fields[name].size[0] == fields[name].size[1] for name in FIGURE_3)
    assert found == {
        "conv1": (7, 2),
        "pool1": (11, 4),
        "conv2": (27, 8),
        "pool2": (43, 16),
        "conv3": (75, 16),
        "conv4": (107, 16),
        "conv5": (139, 16),
        "pool5": (171, 32),
    }
