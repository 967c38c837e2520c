"""Random PyTorch modules through both of PyTorch's exporters to ONNX and into npzf, in equal numbers (section 4)."""

import io
import logging
import warnings

import numpy as np
import pytest
from assertions import close, normal

import npzf
from npzf import layers

pytest.importorskip("onnx", reason="models are read with onnx: pip install 'npzf[test]'")
pytest.importorskip("onnxscript", reason="PyTorch's exporter needs onnxscript: pip install 'npzf[test]'")
torch = pytest.importorskip("torch", reason="PyTorch's exporters write the models: pip install 'npzf[test]'")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

SINGLE = 1e-5  # what float32 may differ by, relative to the largest number
OPSETS = [None, 9, 11, 13, 17, 20]  # of the older exporter, None being its default


@pytest.fixture(autouse=True)
def quiet():
    """The exporters warn of much, and PyTorch's threads would wait for each other longer than they compute."""
    threads, level = torch.get_num_threads(), logging.root.manager.disable
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(level)
    torch.set_num_threads(threads)


def export(module, shape, dynamo, any_batch, opset=None):
    """The module as an ONNX model, images being (N, C, H, W) with N = 2, or any."""
    options = {"dynamic_axes": {"x": {0: "N"}}} if any_batch else {}
    if any_batch and dynamo:
        options = {"dynamic_shapes": ({0: torch.export.Dim("N", min=1, max=64)},)}
    if opset is not None:
        options["opset_version"] = opset
    file = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(module, (torch.randn(2, *shape),), file, dynamo=dynamo, input_names=["x"], verbose=False, **options)
    return file.getvalue()


def compare(module, shape, data):
    """Asserts that npzf gives the module's numbers; the net."""
    net = npzf.from_onnx(data)
    x = normal(2, shape[1], shape[2], shape[0], dtype="float32")
    with torch.no_grad():
        expected = module(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()
    expected = expected.transpose(0, 2, 3, 1) if expected.ndim == 4 else expected
    close(net.forward(x).reshape(expected.shape), expected, SINGLE)
    return net


class Function(nn.Module):
    """A function as a module, with another module for it to call."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, x):
        return self.function(x, *self.parts)


def some_norm(random, maps):
    module = nn.BatchNorm2d(maps)
    module.running_mean.normal_()
    module.running_var.uniform_(0.5, 2)
    nn.init.normal_(module.weight)
    nn.init.normal_(module.bias)
    return module


def some_convolution(random, maps):
    groups = int(random.choice([g for g in (1, 2, 3) if maps % g == 0]))
    window = tuple(random.integers(1, 4, 2).tolist())
    same = random.random() < 0.2
    stride = 1 if same else tuple(random.integers(1, 3, 2).tolist())
    pad = "same" if same else tuple(random.integers(0, 3, 2).tolist())
    return nn.Conv2d(maps, groups * int(random.integers(1, 4)), window, stride, pad, groups=groups, bias=random.random() < 0.7)


def some_pool(random, maps):
    pad, ceil, counted = int(random.integers(0, 2)), bool(random.integers(0, 2)), bool(random.integers(0, 2))
    if random.random() < 0.5:
        return nn.MaxPool2d(3, 2, pad, ceil_mode=ceil)
    return nn.AvgPool2d(3, 2, pad, ceil_mode=ceil, count_include_pad=counted)


def some_scale(random, maps):
    scale, shift = torch.randn(maps, 1, 1), torch.randn(1, maps, 1, 1)
    return Function(lambda x: (x * scale - shift) / 2.5 + 0.3)


STEPS = [
    some_convolution,
    some_convolution,
    some_norm,
    some_pool,
    some_scale,
    lambda random, maps: nn.ReLU(),
    lambda random, maps: nn.LocalResponseNorm(int(random.integers(1, 7)), alpha=0.3, beta=0.6, k=1.5),
    lambda random, maps: nn.Dropout(0.4),
    lambda random, maps: nn.ZeroPad2d(tuple(random.integers(0, 3, 4).tolist())),
    lambda random, maps: Function(
        lambda x, a, b: torch.cat([F.relu(a(x)), b(x)], 1), nn.Conv2d(maps, 2, (3, 1), padding=(1, 0)), nn.Conv2d(maps, 3, 1)
    ),
    lambda random, maps: Function(lambda x, a: F.relu(x + a(x)), nn.Conv2d(maps, maps, 3, padding=1)),
]
ENDS = [
    nn.Identity(),
    nn.Flatten(),
    nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    Function(lambda x: x.mean((2, 3))),
    Function(lambda x: x.mean([-1, -2], keepdim=True).squeeze(-1).squeeze(-1)),
    Function(lambda x: torch.flatten(x, 1)),
    Function(lambda x: x.view(x.size(0), -1)),
    Function(lambda x: x.reshape(-1, x.shape[1] * x.shape[2] * x.shape[3])),
    Function(lambda x: torch.amax(x, (2, 3))),
]


def drawn(seed):
    """A random module in inference, and the shape (C, H, W) of its images."""
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    shape = (int(random.integers(1, 5)), *random.integers(7, 14, 2).tolist())
    net, size = nn.Sequential(nn.ReLU() if random.random() < 0.3 else some_scale(random, shape[0])), shape
    for _ in range(int(random.integers(2, 6))):
        if min(size[1:]) >= 3:
            net.append(STEPS[random.integers(len(STEPS))](random, size[0]))
            size = output_shape(net, shape)
    net.append(ENDS[random.integers(len(ENDS))])
    features = output_shape(net, shape)
    if len(features) == 1:
        net.append(nn.Linear(features[0], 5, bias=random.random() < 0.7))
        if random.random() < 0.5:
            net.extend([nn.ReLU(), nn.Dropout(0.3), nn.Linear(5, 3)])
        if random.random() < 0.5:
            net.append(nn.Softmax(int(random.choice([1, -1]))))
    return net.eval(), shape


def output_shape(net, shape):
    with torch.no_grad():
        return tuple(net.eval()(torch.zeros(2, *shape)).shape[1:])


@pytest.mark.parametrize("seed", range(60))
def test_random_modules_through_the_older_exporter(seed):
    module, shape = drawn(seed)
    compare(module, shape, export(module, shape, False, seed % 2 == 0, OPSETS[seed % len(OPSETS)]))


@pytest.mark.parametrize("seed", range(100, 112))
def test_random_modules_through_the_newer_exporter(seed):
    module, shape = drawn(seed)
    compare(module, shape, export(module, shape, True, seed % 2 == 0))


@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.parametrize("any_batch", [False, True])
@pytest.mark.parametrize("n", [5, 4])
def test_a_response_norm_is_one_layer(dynamo, any_batch, n):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.LocalResponseNorm(n, 0.1, 0.75, 2.0), nn.MaxPool2d(3, 2)).eval()
    net = compare(module, (3, 12, 11), export(module, (3, 12, 11), dynamo, any_batch))
    kinds = [type(layer) for layer in net.layers.values()]
    assert kinds == [layers.Conv, layers.ReLU, layers.LocalResponseNorm, layers.MaxPool]
    (norm,) = (layer for layer in net.layers.values() if isinstance(layer, layers.LocalResponseNorm))
    assert norm.configuration() == {"n": n, "k": 2.0, "alpha": 0.1, "beta": 0.75, "alpha_divided_by_n": True}


def test_weights_that_the_newer_exporter_writes_beside_the_model(tmp_path):
    torch.manual_seed(0)
    module, shape = nn.Sequential(nn.Conv2d(3, 64, 5), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 8 * 7, 50)).eval(), (3, 12, 11)
    path = tmp_path / "net.onnx"
    torch.onnx.export(module, (torch.randn(1, *shape),), path, dynamo=True, external_data=True, verbose=False)
    assert (tmp_path / "net.onnx.data").stat().st_size > 100_000 > path.stat().st_size
    compare(module, shape, path)


@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_modules_of_other_precisions(dynamo, kind):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).eval().to(kind)
    file = io.BytesIO()
    torch.onnx.export(module, (torch.randn(1, 3, 9, 8, dtype=kind),), file, dynamo=dynamo, verbose=False)
    net = npzf.from_onnx(file.getvalue())
    assert net.dtype == ("float64" if kind == torch.float64 else "float32")
    module.to(getattr(torch, str(net.dtype)))
    x = normal(2, 9, 8, 3, dtype=net.dtype)
    expected = module(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).detach().numpy()
    close(net.forward(x), expected, SINGLE if net.dtype == "float32" else 1e-10)
