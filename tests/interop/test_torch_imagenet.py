"""SqueezeNet as torchvision writes it, trained on ImageNet, on pictures of ImageNet: the same scores here and in PyTorch."""

from pathlib import Path

import numpy as np
import pytest
from assertions import close

torch = pytest.importorskip("torch", reason="PyTorch is the reference: pip install 'npzf[test]'")
from torch import nn  # noqa: E402
from torch_architectures import Fire  # noqa: E402
from torch_reference import nchw  # noqa: E402

import npzf  # noqa: E402
from npzf.data import ImageFiles, evaluation_batches  # noqa: E402

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
WEIGHTS, PICTURES = DATA / "weights" / "squeezenet.h5", DATA / "imagenet-samples"
pytestmark = pytest.mark.skipif(
    not (WEIGHTS.is_file() and PICTURES.is_dir()), reason=f"no trained weights and pictures in {DATA}"
)


class SqueezeNet11(nn.Module):
    def __init__(self):
        super().__init__()
        fires = [(64, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128), (256, 48, 192), (384, 48, 192), (384, 64, 256)]
        two, four, six = ([Fire(*fire, fire[2]) for fire in part] for part in (fires[:2], fires[2:4], fires[4:]))
        pools = [nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True) for _ in range(3)]
        first = nn.Conv2d(3, 64, kernel_size=3, stride=2), nn.ReLU(inplace=True)
        last = Fire(512, 64, 256, 256)
        self.features = nn.Sequential(*first, pools[0], *two, pools[1], *four, pools[2], *six, last)
        self.classifier = nn.Sequential(nn.Dropout(0.5), nn.Conv2d(512, 1000, 1), nn.AdaptiveAvgPool2d((1, 1)))

    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)


@pytest.fixture(scope="module")
def trained():
    """The module, and the house's SqueezeNet, with one set of weights."""
    net, module = npzf.squeezenet(), SqueezeNet11().eval()
    npzf.load_state(net, WEIGHTS)
    convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    with torch.no_grad():
        for name, part in zip(net.convolutions, convolutions, strict=True):
            part.weight.copy_(nchw(net.parameters[f"{name}/weight"]))
            part.bias.copy_(torch.from_numpy(net.parameters[f"{name}/bias"]))
    return module, net


def test_trained_squeezenet_on_pictures(trained):
    module, ours = trained
    labels = np.arange(0, 1000, 50)  # the pictures are sorted by class, one of each
    files = sorted(PICTURES.glob("*.JPEG"))
    images = ImageFiles([files[label] for label in labels], labels, [file.stem for file in files])
    net = npzf.from_torch(module, (227, 227, 3))
    net.preprocessing = ours.preprocessing
    top_five = 0
    for x, targets, _ in evaluation_batches(net, images, batch=10):
        with torch.no_grad():
            expected = module(nchw(x)).numpy()
        found = net.forward(x)
        close(found, expected, 1e-5)
        assert (found.argmax(1) == expected.argmax(1)).all()
        top_five += (np.argsort(-found, 1)[:, :5] == targets[:, None]).sum()
    assert top_five > 12  # trained, and fed as it was trained
