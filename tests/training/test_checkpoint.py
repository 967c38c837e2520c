"""The checkpoint file: what it gives back, and what is no checkpoint."""

import json

import numpy as np
import pytest
from resealing import changed, replaced
from tiny_training import CONFIG, refused, resume, squares, tiny

from npzf.training import TrainingConfig, checkpoint, evaluate


def test_a_network_without_training_state_is_no_checkpoint(tmp_path):
    tiny().save(tmp_path / "checkpoint.h5")
    refused("is a network without training state, expected a checkpoint", resume, tmp_path)


def change_state(**changes):
    def change(file):
        state = json.loads(file["training/state"][()]) | changes
        left = {key: value for key, value in state.items() if value is not None}
        replaced("training/state", np.bytes_(json.dumps(left)))(file)

    return change


@pytest.mark.parametrize(
    "change",
    [
        change_state(config={"epoch": 3}),
        change_state(schedule={}),
        change_state(batch=None),
        replaced("training/state", np.bytes_("{")),
        replaced("training/state", np.bytes_("[" * 100_000)),
        replaced("training/state", "{}"),
        replaced("training/state", None),
        lambda file: file.pop("training/velocity/fc3/bias"),
    ],
)
def test_a_damaged_training_state_is_named_in_one_line(tmp_path, uninterrupted, change):
    path = tmp_path / "checkpoint.h5"
    path.write_bytes((uninterrupted / "checkpoint.h5").read_bytes())
    changed(path, change)
    refused(str(path), resume, tmp_path)


def test_an_older_checkpoint_is_refused_in_one_line_that_says_what_to_do(tmp_path, uninterrupted):
    path = tmp_path / "checkpoint.h5"
    path.write_bytes((uninterrupted / "checkpoint.h5").read_bytes())
    changed(path, lambda file: file.attrs.create("version", 1))
    refused(r"version of .*checkpoint\.h5 is 1, expected 3: train or convert the net again", resume, tmp_path)


def test_reading_a_checkpoint_gives_what_was_saved(uninterrupted):
    net, state = checkpoint.read(uninterrupted / "checkpoint.h5")
    assert (state["epoch"], state["batch"], len(state["log_rows"])) == (3, 0, 3)
    assert TrainingConfig(**state["config"]) == TrainingConfig(**CONFIG)
    assert net.passes == 3 * 5  # what the next dropout masks are drawn from, besides the seed
    assert evaluate(net, squares(9, seed=1)).error == pytest.approx(state["log_rows"][-1]["validation_error"])
