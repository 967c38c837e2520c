"""A training state from a stranger: whatever cannot be is named."""

import copy
import json
import math

import numpy as np
import pytest
from resealing import changed, replaced
from tiny_training import CONFIG, make, tiny

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
        check_state(json.loads(state), tiny())
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
    ("config", "rate"): [0.5],
    ("config", "rates"): [{}],
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
                check_state(state, tiny())
                continue
            with pytest.raises(ValueError) as caught:
                check_state(state, tiny())
            assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("state", [None, 7, "x", [], {}, [{}]])
def test_what_is_no_state(state):
    with pytest.raises(ValueError, match=r"expected names with their values|missing, which no training has left"):
        check_state(state, tiny())


def test_what_is_missing_or_unknown_is_named(states):
    for text in states:
        for part in ("epoch", "batch", "config", "schedule", "epoch_totals", "log_rows"):
            state = json.loads(text)
            del state[part]
            with pytest.raises(ValueError, match=part):
                check_state(state, tiny())
        for part in ("config", "schedule", "epoch_totals"):
            state = json.loads(text)
            state[part]["momentun"] = 0.9
            with pytest.raises(ValueError, match=f"{part} has 'momentun', which no training has left"):
                check_state(state, tiny())
        for rows in (state["log_rows"][:1], state["log_rows"][::-1], [*state["log_rows"], {}]):
            state = json.loads(text) | {"log_rows": rows}
            with pytest.raises(ValueError, match="log_rows"):
                check_state(state, tiny())


IMPOSSIBLE = {  # numbers of the right type that no training has
    ("config", "rate"): 0,
    ("config", "batch"): 0,
    ("config", "momentum"): 2,
    ("config", "filter_rms"): -1,
    ("config", "epochs"): 0,
    ("config", "patience"): 0,
    ("config", "schedule"): "steps",
    ("config", "loss"): "mean",
    ("config", "rates"): {"conv9": 2},
    ("config", "freeze"): "conv9",
    ("schedule", "rate"): -1,
    ("computing", "device"): "tpu",
    ("computing", "precision"): "fp8",
    ("computing", "ops"): "slow",
    ("computing", "threads"): 0,
    ("batch",): 10**6,
}


@pytest.mark.parametrize("place", IMPOSSIBLE, ids="/".join)
def test_what_no_training_can_have_is_named_with_the_file(uninterrupted, tmp_path, place):
    path = tmp_path / "checkpoint.h5"
    path.write_bytes((uninterrupted / "checkpoint.h5").read_bytes())

    def change(file):
        state = json.loads(file["training/state"][()])
        holder = state
        for part in place[:-1]:
            holder = holder[part]
        holder[place[-1]] = IMPOSSIBLE[place]
        replaced("training/state", np.bytes_(json.dumps(state)))(file)

    changed(path, change)
    with pytest.raises(ValueError, match=f"training state of {path} cannot be read") as caught:
        checkpoint.read(path)
    assert "\n" not in str(caught.value)
