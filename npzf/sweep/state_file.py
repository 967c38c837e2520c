"""The state of an unfinished sweep as HDF5 (figure 2 takes the whole validation set)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np

from npzf.backend import to_numpy
from npzf.data import Batches
from npzf.network import Network
from npzf.serialization import architecture
from npzf.storage import hdf5
from npzf.storage.atomic import remove_leftovers
from npzf.storage.reader import Reader
from npzf.storage.writer import NewFile, fixed_text

KIND = "sweep state"

State = dict[str, np.ndarray]


class Accumulator(Protocol):
    """What a sweep collects, and how that is stored and restored.

    net: the network that computes it; choice: everything else that the result depends on, besides the images.
    """

    net: Network
    choice: tuple

    def add(self, x: np.ndarray, targets: np.ndarray, indices: np.ndarray) -> None:
        """Takes one batch: x (n, H, W, C), targets as in ImageSet, indices (n,) into the image set."""

    def state(self) -> State:
        """Everything collected so far, name -> array, each of the type and shape that it has at the start.

        The first side of one that is empty at the start may grow.
        """

    def restore(self, state: State, done: int) -> None:
        """Continues from what state() returned after `done` images; ValueError for numbers that they cannot have led to."""


class Store(Protocol):
    """Where a sweep keeps what it has collected; StateFile is one."""

    @property
    def full(self) -> bool:
        """Whether so much waits to be stored that it should be, whatever the time."""

    def save(self, done: int) -> None:
        """Stores what was collected from the first `done` images of the set."""

    def resume(self) -> int:
        """Restores what was stored, and returns how many images of the set it is from."""


class StateFile:
    """The file that a sweep of these batches by this accumulator is stored in."""

    full = False  # the whole state is written each time: by the clock alone

    def __init__(self, path: str | Path, accumulator: Accumulator, batches: Batches):
        self.path, self.accumulator = Path(path), accumulator
        self.identity, self.images = _identity(accumulator, batches), batches.image_count

    def save(self, done: int) -> None:
        """Stores the accumulator, which has had the first `done` images of the set."""

        def write_contents(file: NewFile) -> None:
            file.attrs["identity"], file.attrs["done"] = fixed_text(self.identity), done
            for name, array in self.accumulator.state().items():
                file[f"state/{name}"] = array

        hdf5.write(self.path, write_contents, KIND)

    def resume(self) -> int:
        """Restores the accumulator, if the file exists, and returns how many images of the set it has had.

        ValueError if the file is of another sweep, or damaged: it may be removed then.
        """
        remove_leftovers(self.path.parent)
        if not self.path.exists():
            return 0
        with hdf5.read(self.path, KIND, remedy="remove it, and the same command begins again") as file:
            if file.text_attribute("identity") != self.identity:
                raise ValueError(
                    f"{self.path} is of another net, image set or choice, expected these: finish that, or remove the file"
                )
            done = file.integer("done")
            if not 0 <= done <= self.images:
                raise ValueError(f"done of {self.path} is {done}, expected at most {self.images} images")
            state = {name: _like(file, name, array) for name, array in self.accumulator.state().items()}
            self.accumulator.restore(state, done)
            return done


def _like(file: Reader, name: str, array: np.ndarray) -> np.ndarray:
    """A stored array of the type and shape of one at the beginning of a pass, whose first side may have grown if it was 0."""
    shape = (None, *array.shape[1:]) if array.shape[:1] == (0,) else array.shape
    return file.array(f"state/{name}", [array.dtype], shape, finite=False)


def _identity(accumulator: Accumulator, batches: Batches) -> str:
    """A digest of all that a sweep depends on: the net with its parameters, the accumulator's choice, the batches."""
    words = (type(accumulator).__name__, accumulator.choice, net_identity(accumulator.net), batches.identity())
    return hashlib.sha256(repr(words).encode()).hexdigest()


def net_identity(net: Network) -> str:
    """A digest of the net: its architecture, parameters and preprocessing."""
    digest = hashlib.sha256(repr(architecture(net)).encode())
    for parameter in net.parameters.values():
        digest.update(np.ascontiguousarray(to_numpy(parameter)).data)
    for part in (net.preprocessing.mean, net.preprocessing.std):
        digest.update(b"none" if part is None else np.ascontiguousarray(part, np.float64).data)
    return digest.hexdigest()
