"""One pass over many images (figure 2 takes all of the validation set), which goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np
from tqdm import tqdm

from npzf.backend import is_device_array, to_numpy
from npzf.data import EvaluationBatches
from npzf.network import Network
from npzf.storage import hdf5
from npzf.sweep.signals import Signals

KIND = "half-done search"
SAVE_INTERVAL = 60.0  # seconds between two states that are stored

State = dict[str, np.ndarray]


class Accumulator(Protocol):
    """What a pass collects, and how that is stored and taken up again.

    net: the one that looks; choice: whatever else the findings depend on, besides the images.
    """

    net: Network
    choice: tuple

    def add(self, x: np.ndarray, labels: np.ndarray, indices: np.ndarray) -> None:
        """Looks at one batch: x (N, H, W, C), labels (N,), indices (N,) into the image set."""

    def state(self) -> State:
        """All that has been found so far, name -> array."""

    def restore(self, state: State) -> None:
        """Goes on from what state gave."""


def sweep(batches: Iterable[tuple], findings: Accumulator, state_file: str | Path | None = None) -> None:
    """findings.add(*batch) for all batches; with `state_file`, a file, an interrupted pass goes on with the next image.

    The file is written every minute and on an interrupt or termination signal, which then raises KeyboardInterrupt, and stays
    when the pass is done: whoever named it removes it. batches are then to be EvaluationBatches. ValueError if there are no
    images, or if the file is of a pass of another net, image set or choice.
    """
    known = isinstance(batches, EvaluationBatches)
    first, total, size = 0, batches.image_count if known else None, batches.batch if known else 1
    identity = "" if state_file is None else _identity(findings, batches)
    if state_file is not None and Path(state_file).exists():
        first = _resume(state_file, findings, identity)
    after, kept = first, time.monotonic()
    bar = tqdm(total=total, initial=first, desc="looking", unit="image", leave=False, disable=None)
    with Signals() as signals, bar:
        for batch in batches.since(first) if first else batches:
            findings.add(*batch)
            after = first + _rounded_up(int(batch[2][-1]) + 1 - first, size)  # the batch's end, even if its last image failed
            after = after if total is None else min(after, total)
            bar.update(after - bar.n)
            if state_file is not None and (signals.received or time.monotonic() >= kept + SAVE_INTERVAL):
                _keep(state_file, findings, identity, after)
                kept = time.monotonic()
            if signals.received:
                where = "" if state_file is None else "; the same command goes on from there"
                raise KeyboardInterrupt(f"stopped after {after} images{where}")
    if not after:
        raise ValueError("there are no images to look at, expected at least one")
    if state_file is not None and after > first:
        _keep(state_file, findings, identity, after)


def _rounded_up(number: int, size: int) -> int:
    """The next multiple of size."""
    return -(-number // size) * size


def _identity(findings: Accumulator, batches: EvaluationBatches) -> str:
    """A digest of all that a pass depends on: the net with its parameters, the choice, the images' names and sizes."""
    net = findings.net
    words = (type(findings).__name__, findings.choice, net.architecture(), batches.identity())
    digest = hashlib.sha256(repr(words).encode())
    for array in (*net.parameters.values(), net.preprocessing.mean, net.preprocessing.std):
        digest.update(np.ascontiguousarray(to_numpy(array) if is_device_array(array) else np.asarray(array, np.float32)))
    return digest.hexdigest()


def _keep(path: str | Path, findings: Accumulator, identity: str, after: int) -> None:
    def fill(file: h5py.File) -> None:
        file.attrs["identity"], file.attrs["after"] = identity, after
        for name, array in findings.state().items():
            file[f"state/{name}"] = array

    hdf5.write(path, fill, KIND)


def _resume(path: str | Path, findings: Accumulator, identity: str) -> int:
    """Restores what the file holds, and returns how many images of the set have been looked at."""
    with hdf5.read(path, KIND) as file:
        if file.attrs["identity"] != identity:
            raise ValueError(f"{path}: begun with another net, image set or choice, expected this one's: finish or remove it")
        state: State = {}
        file["state"].visititems(lambda name, item: state.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        findings.restore(state)
        return int(file.attrs["after"])
