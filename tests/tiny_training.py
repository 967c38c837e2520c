"""Images in memory that a tiny net learns in a few batches, and the net: what the tests of training share."""

import json

import h5py
import numpy as np
import pytest

from npzf import layers
from npzf.data import DecodeError, SquareImages
from npzf.network import Network
from npzf.preprocessing import Preprocessing
from npzf.training import Trainer, TrainingConfig


class Pictures:
    """Images of 8 x 8 pixels: noise, and in class k a bright row 2k; images in `bad` cannot be decoded."""

    classes = ("ant", "bee", "cat")

    def __init__(self, count, seed=0, bad=()):
        self.targets = np.arange(count, dtype=np.int64) % len(self.classes)
        self.pixels = np.random.default_rng(seed).integers(0, 128, (count, 8, 8, 3), np.uint8)
        self.pixels[np.arange(count), 2 * self.targets] += 100
        self.bad = set(bad)

    def __len__(self):
        return len(self.pixels)

    def name(self, i):
        return f"{i}.png"

    def image(self, i):
        if i in self.bad:
            raise DecodeError(f"{i}.png: broken")
        return self.pixels[i]


class LabelledPictures(Pictures):
    """The same with several labels an image: those of the bits of its number, 1 to 7; some may be difficult, as in VOC."""

    def __init__(self, count, seed=0, bad=(), difficult=None):
        super().__init__(count, seed, bad)
        self.targets = ((np.arange(count) % 7 + 1)[:, None] >> np.arange(3)) % 2 == 1
        self.pixels = np.random.default_rng(seed).integers(0, 128, (count, 8, 8, 3), np.uint8)
        for image, own in zip(self.pixels, self.targets, strict=True):
            image[2 * np.flatnonzero(own)] += 100
        if difficult is not None:
            self.difficult = difficult


def squares(count=30, **options):
    return SquareImages(Pictures(count, **options), 8)


def tiny(dtype="float64", dropout=0.25, outputs=3, seed=0):
    """Crops of 7 x 7 pixels, one convolution, one hidden layer with dropout."""
    table = [
        ("conv1", layers.Conv(4, 3)),
        ("relu1", layers.ReLU()),
        ("pool1", layers.MaxPool(2, 2, ceil=True)),
        ("norm1", layers.LocalResponseNorm(alpha=0.1)),
        ("flatten", layers.Flatten()),
        ("fc2", layers.FullyConnected(8)),
        ("relu2", layers.ReLU()),
        ("drop2", layers.Dropout(dropout)),
        ("fc3", layers.FullyConnected(outputs)),
    ]
    net = Network((7, 7, 3), table, dtype=dtype, seed=seed)
    net.preprocessing = Preprocessing(np.full(3, 90.0), 64.0)
    return net


def rectangles(dtype="float64"):
    """Rectangles, four pads, averages and two branches that are concatenated: every kind of window that regions pass."""
    table = [
        ("conv1", layers.Conv(4, (2, 3), pad=(1, 0, 2, 1))),
        ("relu1", layers.ReLU()),
        ("pool1", layers.MaxPool((2, 3), (1, 2), pad=(0, 1), ceil=True)),
        ("left", layers.Conv(3, 3, pad=1)),
        ("right", layers.Conv(2, 1), ("pool1",)),
        ("both", layers.Concatenate(), ("left", "right")),
        ("average", layers.AveragePool(2, 2, pad=(1, 0, 0, 1), count_padding=False)),
        ("conv2", layers.Conv(3, 2)),
        ("flatten", layers.Flatten()),
        ("fc", layers.FullyConnected(3)),
        ("softmax", layers.Softmax()),
    ]
    return Network((7, 7, 3), table, dtype=dtype, seed=3)


CONFIG = {"epochs": 3, "batch": 7, "rate": 0.02, "decay": 1e-3, "patience": 1}  # five batches an epoch, the last of two images


def make(folder, net=None, training=None, validation=None, **changes):
    return Trainer(
        net or tiny(), training or squares(), validation or squares(9, seed=1), folder, TrainingConfig(**CONFIG | changes)
    )


def resume(folder, **options):
    return Trainer.resume(folder / "checkpoint.h5", squares(), squares(9, seed=1), **options)


def refused(named, call, *arguments, **options):
    with pytest.raises(ValueError, match=named) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)


def everything(path):
    """All that a checkpoint holds, but for the seconds it took."""
    with h5py.File(path) as file:
        arrays = {}
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        state = json.loads(arrays.pop("training/state"))
        state["epoch_totals"].pop("seconds")
        for row in state["log_rows"]:
            row.pop("images_per_second")
        return {name: np.asarray(value).tobytes() for name, value in arrays.items()}, state
