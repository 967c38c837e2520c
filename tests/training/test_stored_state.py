"""A training state from a stranger: whatever cannot be is named."""

import copy
import json
import math

import pytest
from tiny_training import CONFIG, make

from npzf.training import checkpoint
from npzf.training.stored_state import check_state


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """Those of a plateau and of a cosine, as JSON gives them."""
    found = []
    for schedule in ("plateau", "cosine"):
        folder = tmp_path_factory.mktemp(schedule)
        make(folder, schedule=schedule, epochs=2).run()
        found.append(json.dumps(checkpoint.read(folder / "checkpoint.h5")[1]))
    return found


def test_what_training_leaves_is_believed(states, tmp_path):
    for state in states:
        check_state(json.loads(state))
        assert math.isfinite(json.loads(state)["schedule"]["best"])
    trainer = make(tmp_path)
    trainer.save(trainer.path)  # before the first epoch: best is infinite, there are no rows
    assert checkpoint.read(trainer.path)[1]["config"]["batch"] == CONFIG["batch"]


PLACES = [
    ("epoch",),
    ("batch",),
    ("epoch_totals",),
    ("epoch_totals", "loss"),
    ("epoch_totals", "images"),
    ("log_rows",),
    ("log_rows", 0),
    ("log_rows", 1, "epoch"),
    ("log_rows", 1, "train_loss"),
    ("schedule",),
    ("schedule", "best"),
    ("config",),
    ("config", "epochs"),
    ("config", "rate"),
    ("config", "rates"),
    ("config", "loss"),
]
VALUES = [None, -1, 10**400, 0.5, 1e999, -1e999, math.nan, "1", "", True, [], {}, [1], {"x": 1}, [[]]]
FINE = {  # what a place may hold after all
    ("epoch_totals", "loss"): [-1, 0.5],
    ("log_rows", 1, "train_loss"): [-1, 0.5],
    ("schedule", "best"): [-1, 0.5, 1e999],
    ("config", "rate"): [-1, 0.5],  # its range is TrainingConfig's affair
    ("config", "rates"): [{}, {"x": 1}],
    ("config", "loss"): ["1", ""],
}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: "-".join(map(str, place)))
def test_what_cannot_stand_in_a_place_is_named(states, place):
    for text in states:
        for value in VALUES:
            state = json.loads(text)
            holder = state
            for part in place[:-1]:
                holder = holder[part]
            holder[place[-1]] = copy.deepcopy(value)
            if any(value is fine or (value == fine and type(value) is type(fine)) for fine in FINE.get(place, [])):
                check_state(state)
                continue
            with pytest.raises(ValueError) as caught:
                check_state(state)
            assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("state", [None, 7, "x", [], {}, [{}]])
def test_what_is_no_state(state):
    with pytest.raises(ValueError, match=r"expected names with their values|missing, which no training has left"):
        check_state(state)


def test_what_is_missing_or_unknown_is_named(states):
    for text in states:
        for part in ("epoch", "batch", "config", "schedule", "epoch_totals", "log_rows"):
            state = json.loads(text)
            del state[part]
            with pytest.raises(ValueError, match=part):
                check_state(state)
        for part in ("config", "schedule", "epoch_totals"):
            state = json.loads(text)
            state[part]["momentun"] = 0.9
            with pytest.raises(ValueError, match=f"{part} has 'momentun', which no training has left"):
                check_state(state)
        for rows in (state["log_rows"][:1], state["log_rows"][::-1], [*state["log_rows"], {}]):
            state = json.loads(text) | {"log_rows": rows}
            with pytest.raises(ValueError, match="log_rows"):
                check_state(state)
