"""Checkpoints: everything that training needs to resume as if it had never stopped (section 3 took twelve days).

A checkpoint is a saved network with a group "training": velocity/NAME arrays, and the text "state", which has the config, the
position in the epoch, the schedule and the log as JSON. Crops and dropout need no state: they are functions of the seed and the
number of the batch or pass.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from npzf.backend import to_numpy, to_same_device
from npzf.network import Network
from npzf.serialization import from_file, to_file
from npzf.storage import hdf5
from npzf.storage.writer import NewFile, fixed_text
from npzf.training.sgd import SGD
from npzf.training.stored_state import check_state

MOST_STATE = 2**24  # bytes: the log of every epoch is in it


def save(path: str | Path, net: Network, sgd: SGD, state: dict[str, Any]) -> None:
    """Writes net, velocity and this state in the place of path; OSError leaves the earlier file as it was."""

    def write_contents(file: NewFile) -> None:
        to_file(net, file)
        file["training/state"] = fixed_text(json.dumps(state))
        for name, velocity in sgd.velocity.items():
            file.put(f"training/velocity/{name}", to_numpy(velocity))

    hdf5.write(path, write_contents)


def read(path: str | Path) -> tuple[Network, dict[str, Any]]:
    """The network and the state of a checkpoint; ValueError, in one line, for any other file."""
    with hdf5.read(path) as file:
        if "training" not in file:
            raise ValueError(f"{path} is a network without training state, expected a checkpoint written by training")
        net = from_file(file)
        try:
            state = json.loads(file.text("training/state", MOST_STATE))
            check_state(state, net)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"training state of {path} cannot be read ({error})") from error
        return net, state


def read_velocity(path: str | Path, sgd: SGD) -> None:
    """Fills the velocity of sgd; ValueError if that of the checkpoint does not fit."""
    with hdf5.read(path) as file:
        for name, velocity in sgd.velocity.items():
            stored = np.empty(velocity.shape, velocity.dtype)
            file.read_into(stored, f"training/velocity/{name}")
            velocity[...] = to_same_device(stored, velocity)
