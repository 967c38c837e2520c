"""What a forward in code does, taken from PyTorch: in place, by options and assertions, with shapes and constants."""

import logging

import pytest
from assertions import TORCH, close

torch = pytest.importorskip("torch", reason="PyTorch makes the modules: pip install 'npzf[test]'")
import torch.nn.functional as F  # noqa: E402
from random_modules import Code  # noqa: E402
from torch import nn  # noqa: E402
from torch_conversion import conv, converted, images, randomized  # noqa: E402
from torch_reference import nhwc  # noqa: E402

import npzf  # noqa: E402
from npzf.layers import AveragePool, Conv  # noqa: E402

SHAPE = (9, 8, 3)


# In place


def preactivated(module, x):
    """An in-place relu before a branch also changes what is added at its end."""
    x = module.a(x)
    y = module.b(module.relu(x))
    y += x
    return module.relu(module.norm(y)) + y


def in_place_and_forgotten(module, x):
    x = module.a(x)
    F.relu_(x)
    x.mul_(2).add_(0.5)
    return F.max_pool2d(x, 2)


def in_place_on_what_dropout_gives(module, x):
    """In inference dropout gives the array that it is given."""
    x = module.a(x)
    module.drop(x).relu_()
    return x


def in_place_on_another_name(module, x):
    x = module.a(x)
    same = module.same(x)
    F.relu(same, inplace=True)
    return x + same


@pytest.mark.parametrize(
    "forward",
    [preactivated, in_place_and_forgotten, in_place_on_what_dropout_gives, in_place_on_another_name],
    ids=lambda f: f.__name__,
)
def test_what_is_changed_in_place_is_changed_for_all(forward):
    parts = {"a": conv(), "b": nn.Conv2d(4, 4, 3, padding=1), "norm": nn.BatchNorm2d(4), "relu": nn.ReLU(inplace=True)}
    module = randomized(Code(forward, **parts, drop=nn.Dropout(), same=nn.Identity()))
    x, tx = images(SHAPE)
    with torch.no_grad():
        close(npzf.from_torch(module, SHAPE).forward(x), nhwc(module(tx)), TORCH)


def test_what_is_not_used_is_left_out():
    def forward(module, x):
        y = module.a(x)
        module.kept = torch.sigmoid(y).detach()  # as hooks that look at activations do
        return y

    assert list(converted(Code(forward, a=conv())).layers) == ["a"]


class Options(nn.Module):
    """A forward with assertions, and options that it takes its defaults of."""

    def __init__(self):
        super().__init__()
        self.conv = conv()
        self.input_shape, self.classes, self.preprocessing = (3, 9, 8), ("cat",), lambda pixels: pixels / 255

    def forward(self, x, features: bool = False, *, mask=None, scale: float = 2.0):
        assert x.shape[1] == 3, "expected RGB"
        count, _, height, _ = x.shape
        assert count > 0 and height == 9
        if features:
            return x
        x = self.conv(x)
        if mask is not None:
            x = x * mask
        return (x * scale).relu()


def test_options_and_assertions_of_a_forward():
    net = converted(Options())
    assert net.classes is None and net.preprocessing.mean is None  # attributes of that name may mean anything
    assert net.input_shape == SHAPE


def test_modules_and_functions_of_ones_own_are_looked_into():
    class Own(nn.Conv2d):
        def forward(self, x):
            return F.relu(super().forward(x)) * 0.1

    net = converted(nn.Sequential(Own(3, 4, 3), nn.ModuleDict({"a": conv(5, 4)})["a"]))
    assert len([layer for layer in net.layers.values() if isinstance(layer, Conv)]) == 2


def test_python_numbers_keep_their_digits():
    converted(Code(lambda m, x: m.a(x).relu() * 0.1 + 0.3, a=conv()))
    converted(Code(lambda m, x: sum([m.a(x), m.b(x)]) / 3, a=conv(), b=conv()))


def test_an_average_over_rows_alone_is_a_pooling():
    net = converted(Code(lambda m, x: m.a(x).mean(2, keepdim=True), a=conv()))
    assert isinstance(net.layers["mean"], AveragePool) and net.shapes["mean"] == (1, 6, 4)


def test_hooks_are_left_out_and_this_is_said(caplog):
    module = nn.Sequential(conv(), nn.ReLU())
    seen = []
    module[0].register_forward_hook(lambda module, x, y: seen.append(y.shape))
    with caplog.at_level(logging.INFO):
        converted(module)
    assert [record.getMessage()[:22] for record in caplog.records] == ["hooks of 0 are left ou"]


# Shapes


def size_by_size(module, x):
    count, maps, height, width = x.size()
    return x.reshape(count, maps * height * width)


SHAPES = {  # of x (N, 4, 7, 6)
    "the same again": lambda m, x: x.view(x.size(0), 4, 7, 6).reshape(x.shape).flatten(2, 2).relu(),
    "size by size": size_by_size,
    "by its rank": lambda m, x: x.flatten(x.dim() - 3).flatten(x.ndim - 3),
    "by its type": lambda m, x: x.to(x.dtype).to(x.device).to(x.device, dtype=x.dtype).double().relu(),
    "a channel a place": lambda m, x: m.b(x.flatten(1).view(-1, 168, 1, 1)),
    "lines and back": lambda m, x: m.c(x.view(x.size(0), 4, -1).relu().view(x.size(0), 4, 7, 6)),
    "lines, flattened": lambda m, x: torch.flatten(x.flatten(2).mul(2), 1),
    "scaled lines": lambda m, x: m.norm(x.flatten(2)).mean(2),
    "means, one after the other": lambda m, x: x.mean(-1, keepdim=True).mean(2, keepdim=True).mean((2, 3)),
    "means of means": lambda m, x: F.adaptive_avg_pool2d(x.mean((2, 3), True), 1).mean([2, 3]),
    "two squeezes": lambda m, x: x.mean((2, 3), True).squeeze(2).squeeze(-1),
    "a squeeze of nothing": lambda m, x: x.squeeze(2).relu(),
    "all that is 1": lambda m, x: x.mean((2, 3), keepdim=True).squeeze(),
    "back to one place": lambda m, x: m.c1(x.mean((2, 3)).unsqueeze(2).unsqueeze(-1)).flatten(1),
    "the last place": lambda m, x: F.adaptive_max_pool2d(x, 1)[:, :, -1, -1],
    "maps of one": lambda m, x: torch.cat([x], 1).relu(),
    "means beside a pooling": lambda m, x: torch.cat([x.mean((2, 3), True), F.avg_pool2d(x, (7, 6))], 1).flatten(1),
    "means and a pooling": lambda m, x: x.mean((2, 3), True) + F.max_pool2d(x, (7, 6)),
    "a softmax over maps of one place": lambda m, x: torch.softmax(F.max_pool2d(x, (7, 6)), 1).view(x.size(0), -1),
    "a softmax without an axis": lambda m, x: F.softmax(x.mean((2, 3)), _stacklevel=0),
}


@pytest.mark.filterwarnings("ignore:Implicit dimension choice for softmax")
@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    parts = {"b": nn.Conv2d(168, 3, 1), "c": conv(2, 4), "c1": nn.Conv2d(4, 2, 1), "norm": nn.BatchNorm1d(4)}
    module = Code(lambda m, x: SHAPES[name](m, m.a(x)), a=conv(), **parts)
    converted(module)


def test_a_squeeze_of_the_only_map():
    """PyTorch would take the axis of the maps, too."""
    module = Code(lambda m, x: m.a(x).mean((2, 3), keepdim=True).squeeze(), a=conv(1))
    with pytest.raises(ValueError, match="node 'squeeze' squeezes axes None"):
        npzf.from_torch(module, SHAPE)


# Channels and numbers


def test_channels_behind_a_forward_in_code():
    """What is scaled and padded first, and a convolution by a parameter of one's own, still say how many channels there are."""

    def forward(module, x):
        x = F.pad((x - module.mean) / module.std, (1, 1, 1, 1))
        return F.conv2d(x, module.weight, None, 2, 0, 1, 2)

    scales = {"mean": torch.rand(4, 1, 1), "std": torch.rand(1, 4, 1, 1) + 1}
    module = Code(forward, **scales, weight=nn.Parameter(torch.rand(6, 2, 3, 3)))
    assert npzf.from_torch(module).input_shape == (224, 224, 4)
    converted(module, (9, 8, 4))


def test_numbers_of_a_forward_are_pythons():
    def forward(module, x):
        maps = before = x.size(1)
        maps += 1
        return module.a(x) * maps + before

    converted(Code(forward, a=conv()))
