"""The rate falls when, and only when, the validation error has stopped falling (section 3)."""

import pytest

from npzf.training import Plateau


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
    "options", [{"rate": 0}, {"rate": -1}, {"patience": 0}, {"factor": 1}, {"factor": 0}, {"rate": float("nan")}]
)
def test_bad_arguments_are_named_in_one_line(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} is {next(iter(options.values()))}") as caught:
        Plateau(**({"rate": 1.0, "patience": 2} | options))
    assert "\n" not in str(caught.value)
