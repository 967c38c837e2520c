"""Training that stopped goes on bit by bit wherever that was: interrupted, crashed, frozen in parts, along a cosine."""

import logging
import os
import signal

import numpy as np
import pytest
from tiny_training import everything, make, refused, resume, squares, tiny

from npzf import layers
from npzf.backend import set_threads
from npzf.backend.threads import count
from npzf.sweep import Stopped
from npzf.training import Trainer, trainer


def interrupt(monkeypatch, batch, number=signal.SIGINT):
    """Sends this process a signal during its batch of that number, counted from 1 over all epochs."""
    original, seen = Trainer._step, []

    def step(self, x, *labels):
        seen.append(len(x))
        if len(seen) == batch:
            os.kill(os.getpid(), number)
        original(self, x, *labels)

    monkeypatch.setattr(Trainer, "_step", step)


@pytest.mark.parametrize(("batch", "place"), [(1, (0, 1)), (5, (0, 5)), (8, (1, 3)), (15, (2, 5))])
def test_interrupted_and_resumed_equals_uninterrupted_bit_by_bit(monkeypatch, tmp_path, uninterrupted, batch, place):
    """Before the end of an epoch, and right at it; the net has dropout, the optimizer momentum, the rate a plateau."""
    with monkeypatch.context() as patch:
        interrupt(patch, batch)
        with pytest.raises(KeyboardInterrupt, match=f"stopped in epoch {place[0] + 1} after batch {place[1]}"):
            make(tmp_path).run()
    again = resume(tmp_path)
    assert (again.epoch, again.batch) == place
    again.run()
    for file in ("checkpoint.h5", "best.h5"):
        assert everything(tmp_path / file) == everything(uninterrupted / file)


def test_a_termination_signal_saves_too_and_the_handlers_are_given_back(monkeypatch, tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    interrupt(monkeypatch, 2, signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="after batch 2"):
        make(tmp_path).run()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert resume(tmp_path).batch == 2


def test_resumed_after_a_crash_from_the_last_checkpoint_inside_the_epoch(monkeypatch, tmp_path, uninterrupted):
    original = Trainer.save

    def save_and_crash(self, path):
        original(self, path)
        if (self.epoch, self.batch) == (1, 4):
            raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "save", save_and_crash)
        with pytest.raises(MemoryError):
            make(tmp_path, save_every=2).run()
    again = resume(tmp_path)
    assert (again.epoch, again.batch) == (1, 4)
    again.run()
    (arrays, state), (expected, expected_state) = (everything(f / "checkpoint.h5") for f in (tmp_path, uninterrupted))
    assert arrays == expected
    state["config"].pop("save_every"), expected_state["config"].pop("save_every")
    assert state == expected_state


def test_more_epochs_after_the_end_equal_as_many_at_once(tmp_path, uninterrupted):
    make(tmp_path, epochs=1).run()
    resume(tmp_path, epochs=3).run()
    assert everything(tmp_path / "checkpoint.h5") == everything(uninterrupted / "checkpoint.h5")
    assert (tmp_path / "log.csv").read_text().count("\n") == 4


FINE = {"freeze": "norm1", "rates": {"fc3": 10.0, "fc2": 0.5}}


def test_frozen_and_with_rates_of_layers_interrupted_and_resumed_equals_uninterrupted(monkeypatch, tmp_path):
    make(tmp_path / "whole", **FINE).run()
    with monkeypatch.context() as patch:
        interrupt(patch, 8)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path / "two", **FINE).run()
    again = resume(tmp_path / "two")
    assert (again.config.freeze, again.config.rates) == ("norm1", FINE["rates"])
    again.run()
    for file in ("checkpoint.h5", "best.h5"):
        assert everything(tmp_path / "two" / file) == everything(tmp_path / "whole" / file)
    start = tiny().parameters
    for name, value in again.net.parameters.items():
        assert (value.tobytes() == start[name].tobytes()) == name.startswith("conv1")


@pytest.mark.parametrize("frozen", [{"freeze": "conv1"}, {"rates": {"conv1": 0}}])
def test_a_frozen_layer_keeps_the_others_bits(tmp_path, frozen, monkeypatch):
    """The first step moves the layers above as it does without freezing."""
    steps = []
    for options in ({}, frozen):
        made = make(tmp_path / str(len(options)), epochs=1, batch=30, **options)  # one batch
        made.run()
        steps.append(made.net.parameters)
    for name in steps[0]:
        assert (steps[0][name].tobytes() == steps[1][name].tobytes()) == (not name.startswith("conv1"))


def test_what_is_frozen_takes_no_time(monkeypatch, tmp_path):
    monkeypatch.setattr(layers.Conv, "parameter_gradients", None)
    make(tmp_path, epochs=1, freeze="conv1").run()


def test_the_rates_of_layers_are_used(tmp_path):
    one, other = (make(tmp_path / name, epochs=1, batch=30, decay=0.0, **o) for name, o in (("a", {}), ("b", FINE)))
    for made in (one, other):
        made.run()
    start = tiny().parameters["fc3/weight"]
    moved = [made.net.parameters["fc3/weight"] - start for made in (one, other)]
    np.testing.assert_allclose(moved[1], 10 * moved[0], rtol=1e-9, atol=1e-14)


def test_a_cosine_interrupted_and_resumed_equals_uninterrupted_bit_by_bit(monkeypatch, tmp_path):
    make(tmp_path / "whole", schedule="cosine").run()
    with monkeypatch.context() as patch:
        interrupt(patch, 8)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path / "two", schedule="cosine").run()
    resume(tmp_path / "two").run()
    for file in ("checkpoint.h5", "best.h5"):
        assert everything(tmp_path / "two" / file) == everything(tmp_path / "whole" / file)
    rates = [row["rate"] for row in everything(tmp_path / "two" / "checkpoint.h5")[1]["log_rows"]]
    assert rates == pytest.approx([0.02, 0.015, 0.005])


def test_a_cosine_falls_without_a_word(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "npzf"):
        make(tmp_path, schedule="cosine").run()
    lines = [message for message in caplog.messages if message.startswith("epoch")]
    assert len(lines) == 3 and "rate" not in "".join(lines)


def test_more_epochs_stretch_the_cosine_of_a_run_that_is_over(tmp_path):
    make(tmp_path, epochs=1, schedule="cosine").run()
    again = resume(tmp_path, epochs=2)
    again.run()
    assert [row["rate"] for row in again.log_rows] == pytest.approx([0.02, 0.01])
    best = min(row["validation_error"] for row in again.log_rows)
    assert again.schedule.best == best == resume(tmp_path).schedule.best


def test_other_images_in_the_middle_of_an_epoch_begin_it_again(monkeypatch, tmp_path, caplog):
    """Which of them the epoch has had is not known."""
    with monkeypatch.context() as patch:
        interrupt(patch, 8)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path).run()
    path, sets = tmp_path / "checkpoint.h5", (squares(12), squares(9, seed=1))
    refused("the training images are 12, expected the 30 that the run began with", Trainer.resume, path, *sets)
    with caplog.at_level(logging.INFO, "npzf"):
        again = Trainer.resume(path, *sets, accept_changed_images=True)
    assert (again.epoch, again.batch) == (1, 0) and "from now on: epoch 2 begins again" in caplog.messages
    again.run()
    assert (tmp_path / "log.csv").read_text().count("\n") == 4
    assert everything(path)[1]["images"]["training"]["count"] == 12
    Trainer.resume(path, *sets, epochs=4).run()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"batch": 8}, "batch is 8, expected 7, as the run began"),
        ({"seed": 1}, "seed is 1, expected 0, as the run began"),
        ({"rates": {"fc3": 2.0}}, "rates is .*, expected .*, as the run began"),
        ({"size": 1}, "changes has 'size', expected some of epochs, rate"),
        ({"epochs": 2}, "epochs is 2, expected at least 3: so many are done or begun"),
        ({"rate": -1}, "rate is -1"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"factor": 2}, "factor is 2"),
    ],
)
def test_changes_that_would_make_it_another_run_are_refused(tmp_path, uninterrupted, changes, named):
    refused(named, resume, uninterrupted, changes=changes)


def test_a_plateau_is_nothing_for_a_cosine(tmp_path):
    make(tmp_path, epochs=1, schedule="cosine").run()
    refused("patience is 3, expected none with the schedule of this run, a cosine", resume, tmp_path, changes={"patience": 3})


@pytest.mark.parametrize(("schedule", "rates"), [("plateau", [0.001, 0.0001]), ("cosine", [0.00075, 0.00025])])
def test_a_new_rate_counts_from_now_on(tmp_path, monkeypatch, schedule, rates):
    """A plateau's is the rate of now, a cosine's that of its start."""
    make(tmp_path, epochs=1, schedule=schedule).run()
    again = resume(tmp_path, epochs=3, changes={"rate": 0.001})
    again.schedule.best = 0.0
    again.run()
    assert [row["rate"] for row in again.log_rows] == pytest.approx([0.02, *rates])
    assert resume(tmp_path).config.rate == 0.001


def test_another_number_of_threads_is_said_once(tmp_path, caplog):
    before = count()
    make(tmp_path, epochs=1).run()
    set_threads(before + 1)
    try:
        resume(tmp_path, epochs=2).run()
        assert f"threads was {before}, is {before + 1}: the bits may differ from those without a change" in caplog.text
        caplog.clear()
        resume(tmp_path, epochs=3).run()
        assert "the bits may differ" not in caplog.text
    finally:
        set_threads(before)


def test_other_versions_and_another_processor_are_said(tmp_path, caplog, monkeypatch):
    make(tmp_path, epochs=1).run()
    monkeypatch.setattr(np, "__version__", "9.9")
    monkeypatch.setattr("npzf.backend.environment.processor", lambda: "abacus")
    resume(tmp_path, epochs=2).run()
    [line] = [message for message in caplog.messages if "the bits may differ" in message]
    assert "is abacus" in line and "numpy was" in line and "is 9.9" in line


@pytest.mark.parametrize("at", [1, 2])
def test_stopped_in_validation_it_goes_on_with_validation(monkeypatch, tmp_path, uninterrupted, at):
    """After either batch of it; no batch of training is done again."""
    original, calls = trainer.evaluate, []

    def evaluate(*arguments, after_batch, **options):
        def signalled():
            calls.append(1)
            if len(calls) == at:
                signal.raise_signal(signal.SIGTERM)
            after_batch()

        return original(*arguments, after_batch=signalled, **options)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "evaluate", evaluate)
        with pytest.raises(Stopped, match="stopped in epoch 1 after batch 5") as caught:
            make(tmp_path).run()
    assert caught.value.number == signal.SIGTERM and len(calls) == at
    again = resume(tmp_path)
    again.run()
    assert again.net.passes == 15
    for file in ("checkpoint.h5", "best.h5"):
        assert everything(tmp_path / file) == everything(uninterrupted / file)


def test_a_signal_at_the_very_end_is_not_swallowed(monkeypatch, tmp_path, uninterrupted):
    def last(trainer):
        if trainer.epoch == 3:
            signal.raise_signal(signal.SIGHUP)

    with pytest.raises(Stopped, match="stopped after epoch 3"):
        make(tmp_path).run(last)
    assert everything(tmp_path / "checkpoint.h5") == everything(uninterrupted / "checkpoint.h5")
