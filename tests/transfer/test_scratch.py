"""The same net from new weights: nothing of the old ones is left, and no test image is trained on."""

from dataclasses import replace

import numpy as np
import pytest

from npzf import layers
from npzf.data import SquareImages
from npzf.network import Network
from npzf.training import Trainer, TrainingConfig
from npzf.transfer import Split
from npzf.transfer.scratch import fresh, scratch_accuracy

CONFIG = TrainingConfig(epochs=3, batch=4, rate=0.05, filter_rms=None, schedule="cosine")


class Coloured:
    """Noise about one colour a class."""

    classes = ("red", "green")

    def __init__(self, count=16):
        self.targets = np.arange(count) % 2

    def __len__(self):
        return len(self.targets)

    def name(self, i):
        return f"{i}.png"

    def image(self, i):
        pixels = np.random.default_rng(i).integers(0, 60, (14, 14, 3), np.uint8)
        pixels[:, :, self.targets[i]] += 150
        return pixels


def small_net(seed=0):
    rows = [("conv", layers.Conv(4, 3, stride=2)), ("relu", layers.ReLU()), ("flat", layers.Flatten())]
    net = Network((12, 12, 3), [*rows, ("fc", layers.FullyConnected(5))], seed=seed)
    net.preprocessing = replace(net.preprocessing, std=60.0)
    return net


def test_nothing_of_the_old_weights_is_left():
    net = small_net()
    made, again, other = fresh(net, ("a", "b"), seed=1), fresh(net, ("a", "b"), seed=1), fresh(net, ("a", "b"), seed=2)
    assert made.shapes[made.output_name] == (2,) and made.classes == ("a", "b")
    for name, value in made.parameters.items():
        np.testing.assert_array_equal(value, again.parameters[name])
        if name.endswith("weight"):
            assert (value != other.parameters[name]).all()
    assert (made.parameters["conv/weight"] != net.parameters["conv/weight"]).all()
    np.testing.assert_allclose(made.parameters["conv/weight"].std(), np.sqrt(2 / 27), rtol=0.3)


def test_it_learns_from_the_training_images_alone(tmp_path, monkeypatch):
    split = Split(np.arange(8), np.arange(8, 16))
    seen = []
    prepare = Trainer.__init__

    def recorded(self, net, training, validation, *arguments):
        seen.append((training.source.indices, validation.source.indices))
        prepare(self, net, training, validation, *arguments)

    monkeypatch.setattr(Trainer, "__init__", recorded)
    images = SquareImages(Coloured(), 14)
    result = scratch_accuracy(small_net(), images, split, tmp_path / "run", CONFIG)
    assert result.accuracy == 100 and result.c is None and result.seconds > 0
    for indices in seen[0]:
        assert set(indices) <= set(split.train)
    again = scratch_accuracy(small_net(), images, split, tmp_path / "run", CONFIG)  # the training is over
    assert again.accuracy == result.accuracy
    with pytest.raises(ValueError, match=r"checkpoint\.h5 is of TrainingConfig\(.* expected TrainingConfig"):
        scratch_accuracy(small_net(), images, split, tmp_path / "run", replace(CONFIG, rate=0.01))
