"""What cannot be converted from PyTorch exactly: one line, which names the node and the reason."""

import pytest
from assertions import normal

torch = pytest.importorskip("torch", reason="PyTorch makes the modules: pip install 'npzf[test]'")
import torch.nn.functional as F  # noqa: E402
from random_modules import Code  # noqa: E402
from torch import nn  # noqa: E402

import npzf  # noqa: E402

SHAPE = (9, 8, 3)


def conv(**options):
    return nn.Conv2d(3, 4, 3, **options)


def code(forward, **parts):
    return Code(forward, **(parts or {"a": conv()}))


def after_conv(*modules):
    return nn.Sequential(conv(), *modules)


def tied():
    module = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1))
    module[2].weight = module[0].weight
    return module


def not_finite():
    module = after_conv()
    with torch.no_grad():
        module[0].weight[0, 0, 0, 0] = float("nan")
    return module


class TwoInputs(nn.Module):
    def forward(self, x, y):
        return x + y


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = conv()

    def forward(self, x):
        return self.a(x), x


class Nothing(nn.Module):
    def forward(self, x):
        return 3


NO_LAYER = "which npzf has no layer for"
MODULES = [  # what, and what the line says
    (conv(dilation=2), "node '0' has dilation (2, 2), expected 1"),
    (after_conv(nn.Conv2d(4, 4, 3, dilation=(1, 2))), "node '1' has dilation (1, 2), expected 1"),
    (after_conv(nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")), "node '1' has padding_mode 'reflect', expected 'zeros'"),
    (after_conv(nn.MaxPool2d(2, dilation=2)), "node '1' has dilation (2, 2), expected 1"),
    (code(lambda m, x: F.max_pool2d(m.a(x), 2, return_indices=True)), "node 'max_pool2d_with_indices' "),
    (after_conv(nn.AvgPool2d(2, divisor_override=3)), "node '1' has divisor_override 3, expected None"),
    (after_conv(nn.AvgPool2d(3, 2, ceil_mode=True, divisor_override=9)), "node '1' has divisor_override 9, expected None"),
    (after_conv(nn.AdaptiveAvgPool2d(4)), "node '1' averages 7x6 maps to 4x4 places with windows of different sizes"),
    (after_conv(nn.AdaptiveAvgPool2d(9)), "node '1' averages 7x6 maps to 9x9 places"),
    (after_conv(nn.AdaptiveMaxPool2d(4)), "node '1' takes maxima of 7x6 maps to 4x4 places"),
    (after_conv(nn.ConstantPad2d(1, 2.0)), "node '1' pads with 2.0, expected zeros"),
    (
        after_conv(nn.ZeroPad2d((1, -1, 0, 0))),
        "node '1' pads by (1, -1, 0, 0), expected (left, right, top, bottom) of at least 0",
    ),
    (after_conv(nn.ReflectionPad2d(1)), f"node '1' is ReflectionPad2d, {NO_LAYER}"),
    (after_conv(nn.BatchNorm2d(4, track_running_stats=False)), "node '1' normalises by the statistics of each batch"),
    (after_conv(nn.BatchNorm2d(1)), "node '1' takes 1 maps or features, its input is (4, 7, 6)"),
    (after_conv(nn.GroupNorm(2, 4)), f"node '1' is GroupNorm, {NO_LAYER}"),
    (after_conv(nn.Sigmoid()), f"node '1' is Sigmoid, {NO_LAYER}"),
    (after_conv(nn.LeakyReLU(0.1)), f"node '1' is LeakyReLU, {NO_LAYER}"),
    (after_conv(nn.ReLU6()), f"node '1' is ReLU6, {NO_LAYER}"),
    (after_conv(nn.ConvTranspose2d(4, 4, 2)), f"node '1' is ConvTranspose2d, {NO_LAYER}"),
    (after_conv(nn.Flatten(), nn.LogSoftmax(1)), f"node '2' is LogSoftmax, {NO_LAYER}"),
    (after_conv(nn.Unflatten(1, (2, 2))), f"node '1' is Unflatten, {NO_LAYER}"),
    (after_conv(nn.Flatten(0)), "node '1' flattens axes 0 to -1, expected 1 to -1"),
    (after_conv(nn.Softmax(2)), "node '1' has dim 2, expected 1"),
    (after_conv(nn.Softmax(1)), "node '1' needs features (F,), its input is (4, 7, 6)"),
    (after_conv(nn.Linear(6, 3)), "node '1' takes the last axis of (4, 7, 6), expected flattened features (F,)"),
    (after_conv(nn.Flatten(), nn.Linear(5, 3)), "node '2' takes 5 features, its input is (168,)"),
    (after_conv(nn.Conv2d(5, 3, 3)), "node '1' takes 5 maps of two dimensions, its input is (4, 7, 6)"),
    (after_conv(nn.Conv2d(4, 3, 8)), "node '1' input side is 7 with pad 0, expected at least the window, 8"),
    (after_conv(nn.LazyConv2d(4, 3)), "node '1' is LazyConv2d without numbers, expected an initialised module"),
    (nn.Sequential(nn.LazyConv2d(4, 3)), "node '0' is LazyConv2d without numbers, expected an initialised module"),
    (after_conv(nn.Conv2d(4, 4, 3, device="meta")), "node '1' has a weight without numbers, expected an initialised module"),
    (after_conv(nn.Conv2d(4, 4, 1, dtype=torch.complex64)), "node '1' has a weight that is torch.strided torch.complex64"),
    (torch.nn.utils.weight_norm(conv()), "node '0' computes its weight by WeightNorm in each pass"),
    (nn.Sequential(torch.nn.utils.spectral_norm(conv())), "node '0' computes its weight by SpectralNorm in each pass"),
    (nn.Sequential(torch.nn.utils.parametrizations.weight_norm(conv())), f"node '0' is ParametrizedConv2d, {NO_LAYER}"),
    (tied(), "node '2' shares its weight with node '0', expected its own"),
    (not_finite(), "weight of node '0' holds numbers that are not finite"),
    (nn.Sequential(), "output of the net is its input, expected at least one layer"),
    (TwoInputs(), "module TwoInputs has inputs x, y, expected one batch of images"),
    (TwoOutputs(), "module TwoOutputs returns 2 tensors, expected one tensor"),
    (Nothing(), "module Nothing returns 3, expected one tensor"),
]
FORWARDS = [
    (lambda m, x: m.a(m.a(x)), "node 'a' runs twice, expected once"),
    (lambda m, x: F.dropout(m.a(x)), "node 'dropout' drops in inference too, expected training=self.training"),
    (lambda m, x: torch.sigmoid(m.a(x)), f"node 'sigmoid' is sigmoid, {NO_LAYER}"),
    (lambda m, x: m.a(x).chunk(2, 1)[0], f"node 'chunk' is chunk, {NO_LAYER}"),
    (lambda m, x: torch.split(m.a(x), 2, 1)[0], f"node 'split' is split, {NO_LAYER}"),
    (lambda m, x: m.a(x)[:, :2], "node 'getitem' takes a part of a tensor"),
    (lambda m, x: m.a(x).permute(0, 2, 3, 1), f"node 'permute' is permute, {NO_LAYER}"),
    (lambda m, x: m.a(x) * m.a(x).mean((2, 3), keepdim=True), "node 'a' runs twice"),
    (lambda m, x: x * x, "node 'mul' multiplies two values"),
    (lambda m, x: x - x.relu(), "node 'sub' subtracts two values"),
    (lambda m, x: 1 / x, "node 'truediv' divides by a value"),
    (lambda m, x: x + torch.ones(1, 1, 9, 8), "node 'add' has a constant of shape (1, 1, 9, 8), expected one number, or one for"),
    (lambda m, x: torch.add(x, x.relu(), alpha=2), "node 'add' has alpha 2, expected 1"),
    (lambda m, x: torch.cat([x, x], 2), "node 'cat' concatenates along axis 2, expected 1"),
    (
        lambda m, x: torch.cat([x, F.max_pool2d(x, 2)], 1),
        "node 'cat' concatenates (3, 9, 8), (3, 4, 4), expected (C, H, W) of one",
    ),
    (lambda m, x: m.a(x) + F.pad(x, (1, 1, 1, 1)), "node 'add' adds (4, 7, 6), (3, 11, 10), expected one shape"),
    (lambda m, x: F.pad(x, (1, 1), value=1.0), "node 'pad' pads with 1.0, expected zeros"),
    (lambda m, x: F.pad(x, (1, 1, 1, 1), mode="replicate"), "node 'pad' pads with replicate, expected zeros"),
    (lambda m, x: F.pad(x, (0, 0, 0, 0, 1, 1)), "node 'pad' pads by (0, 0, 0, 0, 1, 1), expected (left, right, top, bottom)"),
    (lambda m, x: x.mean(1), "node 'mean' averages axes 1 of ('N', 3, 9, 8), expected (2, 3)"),
    (lambda m, x: x.mean(), "node 'mean' averages axes None"),
    (lambda m, x: x.view(x.size(0), 9, -1), "node 'view' reshapes ('N', 3, 9, 8) to (N, 9, -1), expected (N, 216)"),
    (lambda m, x: x.view(-1, 100), "node 'view' reshapes ('N', 3, 9, 8) to (-1, 100), expected (N, 216)"),
    (lambda m, x: x.clamp(0, 6), f"node 'clamp' clamps to 0 and 6, {NO_LAYER}"),
    (lambda m, x: m.a(x).half(), f"node 'half' is half, {NO_LAYER}"),
    (lambda m, x: m.a(x).to(torch.bfloat16), f"node 'to' rounds to torch.bfloat16, {NO_LAYER}"),
    (lambda m, x: m.a(x).double().float(), f"node 'float_1' rounds to torch.float32, {NO_LAYER}"),
    (lambda m, x: m.a(x).detach(), f"node 'detach' is detach, {NO_LAYER}"),
    (
        lambda m, x: F.batch_norm(x, torch.zeros(3), torch.ones(3), training=True),
        "node 'batch_norm' normalises by the statistics of",
    ),
    (lambda m, x: m.a(x) if x.sum() > 0 else x, "cannot be traced by torch.fx"),
    (lambda m, x: m.a(x) if x.shape[0] > 1 else x, "cannot be traced by torch.fx"),
    (lambda m, x: torch.flatten(m.a(x), 1).mul_(2.0).view(0), "node 'view' reshapes"),
    (lambda m, x: x.unknown(), f"node 'unknown' is unknown, {NO_LAYER}"),
    (lambda m, x: x.T, f"node 'getattr_1' takes T of a tensor, {NO_LAYER}"),
    (lambda m, x: F.max_pool2d(x, 2, unheard_of=3), "unheard_of"),
]


def refused(message, *arguments):
    """from_torch refuses these in one line that holds the message."""
    with pytest.raises(ValueError) as error:
        npzf.from_torch(*arguments)
    text = str(error.value)
    assert "\n" not in text
    assert message in text


@pytest.mark.parametrize(("module", "message"), MODULES, ids=[message[:50] for _, message in MODULES])
def test_modules(module, message):
    refused(message, module, SHAPE)


@pytest.mark.parametrize(("forward", "message"), FORWARDS, ids=[message[:50] for _, message in FORWARDS])
def test_forwards(forward, message):
    refused(message, code(forward).double(), SHAPE)


def test_a_view_of_what_is_changed_in_place():
    def forward(module, x):
        x = module.a(x)
        x.flatten(1).mul_(2.0)
        return x

    refused("node 'mul_' changes in place what node 'a' is another view of, expected a copy", code(forward), SHAPE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_modules_that_are_no_longer_python():
    refused("module is a compiled ScriptModule", torch.jit.script(after_conv()), SHAPE)
    refused("module is a compiled ScriptModule", torch.jit.trace(after_conv(), torch.zeros(1, 3, 9, 8)), SHAPE)
    kind = type(torch.ao.nn.quantized.Conv2d(3, 4, 3)).__name__
    refused(f"node '0' is {kind}, {NO_LAYER}", nn.Sequential(torch.ao.nn.quantized.Conv2d(3, 4, 3)), SHAPE)


@pytest.mark.parametrize("module", [3, None, nn.Conv2d, {"weight": torch.zeros(3)}])
def test_what_is_no_module(module):
    refused(f"module is {type(module).__name__}, expected a torch.nn.Module", module)


@pytest.mark.parametrize("shape", [(9, 9), (0, 9, 3), (9, 8.5, 3), 9, "abc", (9, 8, 3, 1)])
def test_what_is_no_input_shape(shape):
    refused("expected (H, W, C) in whole numbers of at least 1", after_conv(), shape)


def test_sizes_that_do_not_fit():
    refused("input_shape is (9, 8, 4), expected (H, W, C) with C = 3, as the net takes", after_conv(), (9, 8, 4))
    refused("input_shape is (3, 9, 8), expected (H, W, C) with C = 3, as the net takes", after_conv(), (3, 9, 8))
    refused("input_shape is None, expected (H, W, C): no layer says", nn.Sequential(nn.Flatten(), nn.Linear(27, 2)))
    refused("input_shape is None, expected (H, W, C): no square size fits", after_conv(nn.Flatten(), nn.Linear(5, 2)))


def test_preprocessing_of_another_size():
    net = npzf.small_zfnet(size=64)
    net.preprocessing = npzf.preprocessing.Preprocessing(mean=normal(64, 64, 3))
    refused("mean has shape (64, 64, 3), expected (3,) or (67, 67, 3)", npzf.to_torch(net), (67, 67, 3))
