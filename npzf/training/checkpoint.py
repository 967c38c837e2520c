"""Checkpoints: everything that training needs to go on as if it had never stopped (section 3 took twelve days).

A checkpoint is a saved network (storage.py) with a group "training": velocity/NAME arrays, and in its attribute "state" the
recipe, the place in the epoch, rate, random states and log as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from npzf.backend import to_numpy, to_same_device
from npzf.layers import Dropout
from npzf.network import Network, from_file
from npzf.storage import hdf5
from npzf.training.sgd import SGD


def save(path: str | Path, net: Network, sgd: SGD, state: dict[str, Any]) -> None:
    """Writes net, momentum, random states and this state in the place of path; OSError leaves the earlier file as it was."""

    def fill(file: h5py.File) -> None:
        net.to_file(file)
        group = file.create_group("training")
        group.attrs["state"] = json.dumps({**state, "random": _random(net)})
        for name, velocity in sgd.velocity.items():
            group[f"velocity/{name}"] = to_numpy(velocity)

    hdf5.write(path, fill)


def read(path: str | Path) -> tuple[Network, dict[str, Any]]:
    """The network and the state of a checkpoint; ValueError, in one line, if it is none."""
    with hdf5.read(path) as file:
        if "training" not in file:
            raise ValueError(f"{path}: a network without training state, expected a checkpoint written by training")
        net = from_file(file)
        try:
            state = json.loads(file["training"].attrs["state"])
            for name, random in state.pop("random").items():
                net.layers[name].seed, net.layers[name].calls = random
        except ValueError as error:
            raise ValueError(f"{path}: its training state cannot be read ({error})") from error
        return net, state


def read_velocity(path: str | Path, sgd: SGD) -> None:
    """Fills the momentum buffers of sgd; ValueError if they do not fit."""
    with hdf5.read(path) as file:
        for name, velocity in sgd.velocity.items():
            stored = np.empty(velocity.shape, velocity.dtype)
            hdf5.read_dataset_into(stored, file, f"training/velocity/{name}")
            velocity[...] = to_same_device(stored, velocity)


def _random(net: Network) -> dict[str, Any]:
    """Where the net's dropout stands; crops and order are drawn from (seed, epoch, batch) and need no state."""
    return {n: (la.seed, la.calls) for n, la in net.layers.items() if isinstance(la, Dropout)}
