"""The rate falls when, and only when, the validation error has stopped falling (section 3); or along a cosine."""

import json
import math
from dataclasses import asdict

import pytest

from npzf.training import Cosine, Plateau, TrainingConfig
from npzf.training.schedule import new_schedule, resumed_schedule


def rates(errors, **options):
    """The rate after each epoch."""
    schedule = Plateau(**({"rate": 1.0, "patience": 2, "factor": 0.5} | options))
    found = [schedule.rate]
    for error in errors:
        lowered = schedule.update(error)
        assert lowered == (schedule.rate < found[-1])
        found.append(schedule.rate)
    return found[1:]


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([50, 40, 30, 20], [1, 1, 1, 1]),
        ([50, 50, 50, 50, 50], [1, 1, 0.5, 0.5, 0.25]),  # as good as the best is not better
        ([50, 60, 40, 45, 39], [1, 1, 1, 1, 1]),  # a better epoch starts the wait anew
        ([50, 40, 41, 42, 39, 40, 40], [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
        ([50, float("nan"), float("nan")], [1, 1, 0.5]),
    ],
)
def test_lowered_after_so_many_epochs_without_a_lower_error(errors, expected):
    assert rates(errors) == expected


def test_patience_of_one_and_another_factor():
    assert rates([50, 51, 52], patience=1, factor=0.1) == pytest.approx([1, 0.1, 0.01])


@pytest.mark.parametrize(
    "options", [{"rate": 0}, {"rate": -1}, {"patience": 0}, {"factor": 1}, {"factor": 0}, {"rate": math.nan}, {"rate": math.inf}]
)
def test_bad_arguments_are_named_in_one_line(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} is {next(iter(options.values()))}") as caught:
        Plateau(**({"rate": 1.0, "patience": 2} | options))
    assert "\n" not in str(caught.value)


def test_a_cosine_falls_to_zero_over_its_epochs_whatever_the_error():
    schedule, found, lowered = Cosine(2.0, 4), [], []
    for error in (50.0, float("nan"), 20.0, 60.0):
        found.append(schedule.rate)
        lowered.append(schedule.update(error))
    assert found == pytest.approx([2, 1 + math.sqrt(0.5), 1, 1 - math.sqrt(0.5)], rel=1e-15)
    assert (schedule.rate, schedule.best, lowered) == (0, 20, [True, True, True, False])


def test_a_cosine_of_one_epoch_and_one_that_is_over():
    schedule = Cosine(0.5, 1)
    assert schedule.rate == 0.5
    for error in (3, 2):
        assert not schedule.update(error) and schedule.rate == 0


@pytest.mark.parametrize(
    ("options", "named"),
    [((0, 3), "rate is 0"), ((math.nan, 3), "rate is nan"), ((math.inf, 3), "rate is inf"), ((1, 0), "epochs is 0")],
)
def test_bad_arguments_of_a_cosine(options, named):
    with pytest.raises(ValueError, match=named):
        Cosine(*options)


@pytest.mark.parametrize("kind", ["plateau", "cosine"])
def test_a_schedule_goes_on_from_what_was_saved_of_it(kind):
    config = TrainingConfig(epochs=5, rate=0.3, patience=1, schedule=kind)
    schedule = new_schedule(config)
    for error in (50.0, 55.0):
        schedule.update(error)
    again = resumed_schedule(config, json.loads(json.dumps(asdict(schedule))))
    assert again == schedule and again.rate == schedule.rate and again.best == 50


def test_more_epochs_stretch_a_cosine():
    """The rate of an epoch to come is that of a run which had the new total from its first epoch."""
    schedule = Cosine(0.3, 2)
    schedule.update(50.0), schedule.update(40.0)
    longer = resumed_schedule(TrainingConfig(epochs=6, rate=0.3, schedule="cosine"), asdict(schedule))
    assert (schedule.rate, longer.rate, longer.best) == (0, pytest.approx(0.3 * 0.75), 40)
