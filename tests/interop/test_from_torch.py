"""Nets from PyTorch as people write them: architectures of torchvision, names, sizes, types, modes, what wraps them."""

import logging
import subprocess
import sys

import numpy as np
import pytest
from assertions import TORCH, close, normal

torch = pytest.importorskip("torch", reason="PyTorch makes the modules: pip install 'npzf[test]'")
import torch.nn.functional as F  # noqa: E402
from random_modules import Code  # noqa: E402
from torch import nn  # noqa: E402
from torch_architectures import VGG, AlexNet, DenseNet, LeNet, ResNet, SqueezeNet  # noqa: E402
from torch_conversion import check_conversion, conv, converted, images, randomized  # noqa: E402
from torch_reference import nhwc  # noqa: E402

import npzf  # noqa: E402
from npzf.layers import Add, Affine, Concatenate, GlobalAveragePool, ReLU, Softmax  # noqa: E402

SHAPE = (9, 8, 3)


def kinds(net, kind):
    return [name for name, layer in net.layers.items() if isinstance(layer, kind)]


# Architectures


@pytest.mark.parametrize(
    ("module", "shape", "first"),
    [
        (AlexNet(), (224, 224, 3), "features.0"),
        (VGG(batch_norm=False), (64, 64, 3), "features.0"),
        (VGG(batch_norm=True), (64, 96, 3), "features.0"),
        (SqueezeNet("1_0"), (63, 63, 3), "features.0"),
        (SqueezeNet("1_1"), (64, 61, 3), "features.0"),
        (ResNet(), (64, 48, 3), "conv1"),
        (DenseNet(), (21, 17, 3), "conv0"),
        (LeNet(), (32, 32, 1), "conv1"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_architectures(module, shape, first):
    net = converted(module, shape)
    assert next(iter(net.layers)) == first
    with_weights = {name for name, part in module.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)}
    assert with_weights <= net.layers.keys()


def test_batch_norm_is_folded_and_additions_are_layers():
    net = converted(ResNet(), (64, 48, 3))
    assert kinds(net, Affine) == []
    assert kinds(net, Add) == ["add", *(f"add_{n}" for n in range(1, 8))]
    assert kinds(net, GlobalAveragePool) == ["avgpool"]
    assert [name for name in kinds(net, ReLU) if name.startswith("layer1.0")] == ["layer1.0.relu", "layer1.0.relu_2"]


def test_batch_norm_of_joined_maps_stays():
    assert kinds(converted(DenseNet(), (21, 17, 3)), Affine) == ["block.denselayer1.norm1", "block.denselayer2.norm1", "norm5"]


def test_fire_modules():
    net = converted(SqueezeNet("1_1"), (64, 61, 3))
    assert len(kinds(net, Concatenate)) == 3
    assert net.sources["cat"] == ("features.3.expand1x1_activation", "features.3.expand3x3_activation")


def test_a_softmax_is_not_applied_twice():
    module = randomized(LeNet())
    net = npzf.from_torch(module)
    assert net.input_shape == (32, 32, 1)
    assert isinstance(net.layers[net.output_name], Softmax)
    x, tx = images(net.input_shape)
    y = nhwc(module(tx))
    close(net.forward(x), y, TORCH)
    close(npzf.predict(net, x), y, TORCH)


# Sizes


def test_the_input_shape_is_found():
    assert npzf.from_torch(AlexNet()).input_shape == (224, 224, 3)
    assert npzf.from_torch(nn.Sequential(conv(), nn.ReLU())).input_shape == (224, 224, 3)
    small = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 26 * 26, 3))
    assert npzf.from_torch(small).input_shape == (28, 28, 1)


def test_channels_of_a_net_without_convolutions():
    perceptron = nn.Sequential(nn.Flatten(), nn.Linear(9 * 8 * 3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))
    converted(perceptron)


@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d])
@pytest.mark.parametrize(("shape", "size"), [((5, 8, 3), (2, None)), ((9, 8, 3), (3, 4)), ((9, 9, 3), 4), ((7, 5, 3), (1, 5))])
def test_adaptive_poolings_whose_windows_are_alike(pool, shape, size):
    converted(nn.Sequential(nn.Conv2d(3, 3, 1), pool(size)), shape)


def test_half_a_window_of_padding_and_windows_beyond_it():
    for ceil in (False, True):
        converted(nn.Sequential(nn.Conv2d(3, 2, 1), nn.MaxPool2d((2, 3), (3, 2), (1, 1), ceil_mode=ceil)))
        converted(nn.Sequential(nn.Conv2d(3, 2, 1), nn.AvgPool2d((2, 3), (3, 2), (1, 1), ceil, count_include_pad=ceil)))


def test_zeros_before_a_pooling_that_rounds_up():
    """A window may start in them, as it may not in padding of its own behind the last pixel."""
    net = converted(nn.Sequential(nn.Conv2d(3, 2, 1), nn.ZeroPad2d((0, 0, 0, 1)), nn.AvgPool2d(2, 3, ceil_mode=True)), (6, 6, 3))
    assert net.shapes["2"] == (3, 2, 2)


def test_zeros_are_folded_into_a_convolution_and_an_average():
    net = converted(nn.Sequential(nn.ZeroPad2d((1, 0, 2, 1)), conv(), nn.ReLU(), nn.ConstantPad2d(1, 0.0), nn.AvgPool2d(3)))
    assert list(net.layers) == ["1", "2", "4"]
    assert net.layers["1"].pad == (2, 1, 1, 0) and net.layers["4"].pad == 1


# Numbers and modes


def test_the_module_is_left_as_it_is():
    module = nn.Sequential(conv(), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(4 * 7 * 6, 3))
    module.train()
    module[1].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    net = npzf.from_torch(module, SHAPE)
    for value in net.parameters.values():
        value[...] = 7
    assert [part.training for part in module] == [True, False, True, True, True]
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in module.parameters())


def test_a_forward_that_keeps_something_leaves_no_trace():
    def forward(module, x):
        module.kept = module.a(x) * torch.tensor(2.0)
        return module.kept

    module = randomized(Code(forward, a=conv()))
    before = dict(vars(module))
    assert npzf.from_torch(module, SHAPE).layers.keys() == {"a"}
    assert vars(module) == before


def test_a_module_in_training_is_taken_as_in_inference(caplog):
    module = randomized(
        nn.Sequential(nn.BatchNorm2d(3), conv(), nn.Dropout(0.5), Code(lambda m, x: F.dropout(x, 0.5, m.training)))
    )
    x, tx = images(SHAPE)
    y = nhwc(module(tx))
    with caplog.at_level(logging.INFO):
        net = npzf.from_torch(module.train(), SHAPE)
    assert len(caplog.records) == 1 and "training mode" in caplog.text
    close(net.forward(x), y, TORCH)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_types(dtype):
    module = nn.Sequential(conv(), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 7 * 6, 3)).to(dtype)
    net = npzf.from_torch(module, SHAPE)
    assert net.dtype == ("float64" if dtype == torch.float64 else "float32")
    assert np.array_equal(net.parameters["0/weight"], module[0].weight.detach().to(torch.float64).permute(0, 2, 3, 1).numpy())


def test_channels_last_memory_means_nothing():
    module = randomized(nn.Sequential(conv(), nn.ReLU())).to(memory_format=torch.channels_last)
    check_conversion(module, SHAPE)


def test_what_wraps_a_module():
    module = randomized(nn.Sequential(conv(), nn.ReLU()))
    for wrapped in (torch.compile(module), nn.DataParallel(module), torch.fx.symbolic_trace(module)):
        assert list(npzf.from_torch(wrapped, SHAPE).layers) == (["0", "1"])


def test_images_of_other_kinds():
    net = npzf.from_torch(nn.Sequential(conv()), np.array(SHAPE))
    assert list(npzf.from_torch(conv(), SHAPE).layers) == ["0"]
    assert net.input_shape == SHAPE and all(type(side) is int for side in net.input_shape)
    assert net.forward(normal(1, *SHAPE, dtype="float32")).shape == (1, 7, 6, 4)


def test_without_pytorch_one_line_says_what_to_install():
    code = """
import sys
sys.modules["torch"] = None
import npzf
for call in (lambda: npzf.from_torch(None), lambda: npzf.to_torch(None)):
    try:
        call()
    except ImportError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and all("pip install 'npzf[torch]'" in line for line in lines), done
