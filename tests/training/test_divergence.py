"""A net that diverges is not saved; the message says where it began, and what to go on with works."""

import re

import numpy as np
import pytest
from tiny_training import everything, make, squares, tiny

from npzf.training import Diverged, RunFolder, Trainer
from npzf.training.divergence import absurd_parameter, culprit, is_absurd


def spoiling(monkeypatch, at, name, value):
    """Sets a number of a parameter, or of its velocity, after the step of this number, counted from 1."""
    original, steps = Trainer._step, []

    def step(self, *batch):
        original(self, *batch)
        steps.append(1)
        if len(steps) == at:
            what, _, parameter = name.partition(" ")
            (self.sgd.velocity if what == "velocity" else self.net.parameters)[parameter].flat[0] = value

    monkeypatch.setattr(Trainer, "_step", step)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["parameter fc2/weight", "velocity conv1/bias"])
@pytest.mark.parametrize(("at", "generation"), [(1, "previous.h5"), (4, "previous.h5"), (5, "previous.h5"), (9, "previous.h5")])
def test_a_number_that_is_none_is_never_saved(tmp_path, monkeypatch, number, name, at, generation):
    """In the first step after a start, in the middle, in the last step of an epoch, in the second epoch."""
    spoiling(monkeypatch, at, name, number)
    made = make(tmp_path, save_every=1)
    with pytest.raises(Diverged, match=r"training has diverged \(.*go on with it at a rate below 0\.02") as caught:
        made.run()
    assert "\n" not in str(caught.value)
    assert name.split()[1] in str(caught.value) or "fc2" in str(caught.value)
    for path in tmp_path.glob("*.h5"):
        arrays, _ = everything(path)
        assert all(
            np.isfinite(np.frombuffer(data)).all() for key, data in arrays.items() if key.startswith(("param", "train/vel"))
        )
    if at == 1:
        assert made.good_path.name == "checkpoint.h5"  # of the start
    else:
        assert made.good_path.name == generation and everything(made.good_path)[1]["batch"] == 0


@pytest.mark.parametrize("at", [2, 5, 7, 10])
def test_weights_that_are_finite_but_absurd_are_not_saved(tmp_path, monkeypatch, at):
    spoiling(monkeypatch, at, "parameter fc3/weight", 5.6e17)
    made = make(tmp_path, save_every=1, filter_rms=None)
    with pytest.raises(Diverged, match=r"fc3/weight is up to 5\.6e\+17 in epoch . after batch ., expected finite numbers"):
        made.run()
    for path in tmp_path.glob("*.h5"):
        arrays, _ = everything(path)
        assert abs(np.frombuffer(arrays["parameters/fc3/weight"])).max() < 10


def test_going_on_at_a_lower_rate_from_what_the_message_names_works(tmp_path):
    made = make(tmp_path, rate=1e3, save_every=1, filter_rms=None)
    with pytest.raises(Diverged):
        made.run()
    good = made.good_path
    again = Trainer.resume(good, squares(), squares(9, seed=1), changes={"rate": 0.02})
    again.run()
    assert len(again.log_rows) == 3 and np.isfinite(again.log_rows[-1]["train_loss"])
    assert RunFolder(tmp_path).files() == ["checkpoint.h5", "previous.h5", "best.h5", "log.csv"]


@pytest.mark.parametrize(
    ("loss", "expected"), [(0.0, False), (1e6, False), (1.1e6, True), (np.inf, True), (-np.inf, True), (np.nan, True)]
)
def test_what_is_absurd(loss, expected):
    assert is_absurd(loss) == expected


def test_the_first_layer_is_named():
    net, x = tiny(), np.ones((2, 7, 7, 3))
    assert absurd_parameter(net, {}) is None
    assert culprit(net, {}, x).startswith("the largest parameters")
    assert culprit(net, {}, x * np.nan) == "the input is not finite"
    with np.errstate(over="ignore", invalid="ignore"):
        assert culprit(net, {}, x * 1.7e308) == "the activations of conv1 are not finite"
        assert re.fullmatch(r"the activations of conv1 are up to .*e\+0[89]", culprit(net, {}, x * 1e9))
    net.parameters["fc3/weight"][0] = np.inf
    assert absurd_parameter(net, {}) == "fc3/weight is not finite"
    assert absurd_parameter(net, {"conv1/weight": np.array([np.nan])}) == "the velocity of conv1/weight is not finite"


def test_a_loss_that_is_finite_but_absurd_is_not_saved(tmp_path, monkeypatch):
    """The new weights are looked at with the batch that made them, before a save within an epoch."""
    spoiling(monkeypatch, 2, "parameter fc3/bias", -1e9)
    made = make(tmp_path, save_every=1, filter_rms=None)
    with pytest.raises(Diverged, match=r"the loss in epoch 1 after batch 2 is .*e\+08, expected a finite number of at most"):
        made.run()
    assert everything(tmp_path / "checkpoint.h5")[1]["batch"] == 1
