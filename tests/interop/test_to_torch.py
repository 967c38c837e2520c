"""Nets to PyTorch and back: the house's own, at every size, trained there, saved there, with names that PyTorch cannot have."""

import copy

import numpy as np
import pytest
from assertions import TORCH, close, normal

torch = pytest.importorskip("torch", reason="PyTorch makes the modules: pip install 'npzf[test]'")
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch_conversion import check_same, images  # noqa: E402
from torch_reference import nchw, nhwc  # noqa: E402

import npzf  # noqa: E402
from npzf import layers, models  # noqa: E402
from npzf.layers import Save  # noqa: E402
from npzf.network import Network  # noqa: E402
from npzf.preprocessing import Preprocessing  # noqa: E402
from npzf.rows import without  # noqa: E402

SMALL = {"classes": 5, "fc_units": 8, "dtype": "float64"}
NETS = {
    "zfnet": lambda: models.zfnet(**SMALL),
    "zfnet, local contrast": lambda: models.zfnet(**SMALL, norm="local", conv3_to_5=(8, 8, 8)),
    "small_zfnet": lambda: models.small_zfnet(5, 64, dtype="float64"),
    "small_zfnet, local contrast": lambda: models.small_zfnet(5, 67, dtype="float64", norm="local"),
    "krizhevsky": lambda: models.krizhevsky(**SMALL),
    "alexnet": lambda: Network((224, 224, 3), without(models.alexnet_rows(5), "fc6", "fc7"), dtype="float64"),
    "squeezenet": lambda: models.squeezenet(5, dtype="float64"),
    "vgg16": lambda: Network((40, 40, 3), models.vgg16_rows(5)[:17], dtype="float64"),
}


def biased(net):
    """The net with biases that matter."""
    for name, value in net.parameters.items():
        if name.endswith("/bias"):
            value[...] = normal(*value.shape) / 10
    return net


@pytest.mark.parametrize("name", NETS)
def test_nets_of_the_house_give_the_same_numbers_and_come_back(name):
    net = biased(NETS[name]())
    module = npzf.to_torch(net)
    x, tx = images(net.input_shape, count=1)
    with torch.no_grad():
        close(net.forward(x), nhwc(module(tx)), TORCH)
    again = npzf.from_torch(module)
    check_same(again, net)
    assert [layer.configuration() for layer in again.layers.values()] == [layer.configuration() for layer in net.layers.values()]


def test_float32_stays_and_what_travels_along():
    net = models.small_zfnet(3, 64)
    net.classes, net.preprocessing = ("cat", "dog", "owl"), Preprocessing(normal(64, 64, 3), (1.0, 2.0, 3.0))
    module = npzf.to_torch(net)
    assert {p.dtype for p in module.parameters()} == {torch.float32} and not module.training
    again = npzf.from_torch(module)
    check_same(again, net)
    assert again.classes == net.classes and again.preprocessing is net.preprocessing
    assert npzf.from_torch(module.double()).dtype == "float64"


@pytest.mark.parametrize("size", [61, 62, 63, 64, 65, 70])
def test_sizes_are_rounded_up_at_every_size(size):
    net = npzf.truncated(biased(models.zfnet(dtype="float64")), "pool5")
    x, tx = images((size, size + 3, 3), count=1)
    with torch.no_grad():
        close(net.forward(x), nhwc(npzf.to_torch(net)(tx)), TORCH)


def test_names_and_orders_in_the_state_dict():
    rows = [
        ("conv1", layers.Conv(4, 3)),
        ("fire2/expand1x1", layers.Conv(2, 1)),
        ("flatten", layers.Flatten()),
        ("fc6", layers.FullyConnected(3)),
    ]
    net = Network((5, 6, 3), rows)
    state = npzf.to_torch(net).state_dict()
    assert list(state) == [f"{name}.{key}" for name in ("conv1", "fire2.expand1x1", "fc6") for key in ("weight", "bias")]
    assert np.array_equal(state["conv1.weight"].numpy(), net.parameters["conv1/weight"].transpose(0, 3, 1, 2))
    maps = net.parameters["fc6/weight"].reshape(3, 3, 4, 2)  # units, rows, columns, maps
    assert np.array_equal(state["fc6.weight"].numpy(), maps.transpose(0, 3, 1, 2).reshape(3, -1))


@pytest.mark.parametrize("channels_first", [False, True])
def test_flattened_maps_come_out_in_the_nets_own_order(channels_first):
    rows = [("conv", layers.Conv(2, 3)), ("flatten", layers.Flatten(channels_first)), ("scale", layers.Affine())]
    net = Network((6, 5, 3), rows, dtype="float64")
    net.parameters["scale/weight"][...] = normal(24)
    x, tx = images(net.input_shape)
    module = npzf.to_torch(net)
    close(net.forward(x), nhwc(module(tx)), TORCH)
    check_same(npzf.from_torch(module), net)


NAMES = [
    "a/b",
    "a.b",
    "a",
    "a/b/c",
    "a/b_",
    "train/x",
    "forward",
    "steps",
    "input/a",
    "input.",
    "..",
    "0",
    "with space",
]


def test_names_that_pytorch_cannot_have():
    rows = [(name, layers.Conv(1 + place % 3, 1)) for place, name in enumerate(NAMES)]
    net = biased(Network((4, 5, 3), rows, dtype="float64"))
    module = npzf.to_torch(net)
    x, tx = images(net.input_shape)
    close(net.forward(x), nhwc(module(tx)), TORCH)
    assert list(module.layer_names.values()) == NAMES and len(module.layer_names) == len(NAMES)
    assert len(module.state_dict()) == 2 * len(NAMES)
    check_same(npzf.from_torch(module), net)


def test_copies_and_files_of_the_module(tmp_path):
    net = models.small_zfnet(3, 64, norm="local")
    module = npzf.to_torch(net)
    torch.save(module, tmp_path / "net.pt")
    for other in (copy.deepcopy(module), torch.load(tmp_path / "net.pt", weights_only=False)):
        check_same(npzf.from_torch(other), net)
    other = npzf.to_torch(models.small_zfnet(3, 64, norm="local", seed=1))
    other.load_state_dict(module.state_dict())
    check_same(npzf.from_torch(other), net)


def test_parameters_are_copies():
    net = models.small_zfnet(3, 64)
    before = {name: value.copy() for name, value in net.parameters.items()}
    with torch.no_grad():
        for parameter in npzf.to_torch(net).parameters():
            parameter.fill_(7)
    assert all(np.array_equal(value, before[name]) for name, value in net.parameters.items())


def test_a_step_of_training_in_pytorch_comes_back():
    """Gradients reach every parameter, an Affine's too; one step there is one step here."""
    rows = [("conv", layers.Conv(4, 3, stride=2, ceil=True)), ("norm", layers.Affine()), ("relu", layers.ReLU())]
    rows += [("flatten", layers.Flatten()), ("fc", layers.FullyConnected(3))]
    net = biased(Network((8, 7, 3), rows, dtype="float64"))
    module = npzf.to_torch(net).train()
    x, labels = normal(4, *net.input_shape), np.array([0, 2, 1, 1])
    F.cross_entropy(module(nchw(x)), torch.from_numpy(labels)).backward()
    _, gscores = npzf.softmax_cross_entropy(net.forward(x, train=True), labels)
    net.backward(gscores)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter -= 0.1 * parameter.grad
    trained = npzf.from_torch(module.eval())
    for name, value in net.parameters.items():
        close(trained.parameters[name], value - 0.1 * net.gradients[name], TORCH)


def test_dropout_drops_in_training_alone():
    net = Network((4, 4, 1), [("drop", layers.Dropout(0.5))], dtype="float64")
    module, x = npzf.to_torch(net), torch.ones(1, 1, 4, 4, dtype=torch.float64)
    assert torch.equal(module(x), x)
    assert set(module.train()(x).unique().tolist()) <= {0.0, 2.0} and not torch.equal(module(x), x)


def test_gradients_of_local_contrast_where_it_divides_by_its_floor():
    net = Network((6, 5, 2), [("norm", layers.LocalContrastNorm(5, 1.5, floor=0.5))], dtype="float64")
    for scale in (0.1, 10.0):
        x, tx = images(net.input_shape)
        x, tx = x * scale, (tx.detach() * scale).requires_grad_()
        npzf.to_torch(net)(tx).backward(nchw(normal(2, 6, 5, 2, seed=3)))
        gx, _ = net.record(x, ["norm"], Save.GRADIENTS).backward(normal(2, 6, 5, 2, seed=3))
        close(gx, nhwc(tx.grad), TORCH)


def test_a_net_within_a_module_of_ones_own():
    net = biased(models.small_zfnet(3, 64, dtype="float64"))
    module = nn.Sequential(nn.ReLU(), npzf.to_torch(net), nn.Softmax(1))
    x, tx = images(net.input_shape, count=1)
    whole = npzf.from_torch(module, net.input_shape)
    assert list(whole.layers)[:2] == ["0", "1.conv1"]
    close(whole.forward(x), nhwc(module(tx)), TORCH)


def test_every_kind_of_layer_has_a_module():
    kinds = {kind for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, layers.Layer)}
    abstract = {layers.Layer, layers.Pointwise, layers.Join}
    examples = {
        layers.Conv: layers.Conv(2, 3),
        layers.MaxPool: layers.MaxPool(2, 2),
        layers.AveragePool: layers.AveragePool(2, 2, pad=(1, 0, 0, 1), count_padding=False),
        layers.FullyConnected: layers.FullyConnected(2),
        layers.ZeroPad: layers.ZeroPad((1, 0, 2, 0)),
    }
    for kind in kinds - abstract:
        flat = [("flatten", layers.Flatten())] if kind in (layers.FullyConnected, layers.L2Normalize, layers.Softmax) else []
        net = Network((5, 6, 3), [*flat, ("layer", examples[kind] if kind in examples else kind())], dtype="float64")
        x, tx = images(net.input_shape)
        module = npzf.to_torch(net)
        close(net.forward(x), nhwc(module(tx)), TORCH)
        check_same(npzf.from_torch(module), net)
