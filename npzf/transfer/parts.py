"""What an unfinished pass over a set has collected, in files of some images each (the features of section 5.2)."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Protocol

import numpy as np

from npzf.storage import hdf5
from npzf.storage.reader import Reader
from npzf.storage.writer import NewFile, fixed_text
from npzf.sweep import Accumulator

KIND = "feature part"
PART_BYTES = 2**27  # that are collected before they are written

log = logging.getLogger("npzf")


class Collected(Accumulator, Protocol):
    """An accumulator whose state is only what has come since it was last cleared; bytes: how much that is."""

    bytes: int

    def clear(self) -> None:
        """Forgets what has been stored."""


class Parts:
    """A folder with one file for each stretch of images; a Store of the sweep.

    Each file is whole or absent, so that a pass that is killed loses no more than its last minute. identity: of the pass; parts
    of another one, and what is damaged with all that follows it, are removed. images: how many the whole set has.
    """

    def __init__(self, folder: str | Path, collected: Collected, identity: str, images: int):
        self.folder, self.collected, self.identity, self.images = Path(folder), collected, identity, images
        self._done = 0

    @property
    def full(self) -> bool:
        """Whether enough is collected for a part."""
        return self.collected.bytes >= PART_BYTES

    def save(self, done: int) -> None:
        """Writes what was collected up to image `done` as one more part."""
        state = self.collected.state()

        def write_contents(file: NewFile) -> None:
            file.attrs["identity"] = fixed_text(self.identity)
            file.attrs["first"], file.attrs["done"] = self._done, done
            for name, array in state.items():
                file[name] = array

        hdf5.write(self.folder / f"{self._done:010d}.h5", write_contents, KIND)
        self.collected.clear()
        self._done = done

    def resume(self) -> int:
        """How many images of the set the parts have."""
        self._done = 0
        for path in self.files():
            try:
                self._done = self._end(path)
            except ValueError as error:
                log.warning("%s; its images are computed again", error)
                path.unlink()
        return self._done

    def files(self) -> list[Path]:
        """The parts in order."""
        return sorted(self.folder.glob("[0-9]*.h5"))

    def of_this_pass(self) -> bool:
        """Whether there is a folder of parts, all of them of this pass and whole."""
        try:
            for path in self.files():
                with hdf5.read(path, KIND) as file:
                    self._check_identity(file)
        except ValueError:
            return False
        return self.folder.is_dir()

    def remove(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, path: Path) -> int:
        """Where a part ends; ValueError if it is of another pass, damaged, or does not begin where the last one ended."""
        with hdf5.read(path, KIND, remedy="it is removed") as file:
            self._check_identity(file)
            first, done = file.integer("first"), file.integer("done")
            if not first == self._done < done <= self.images:
                raise ValueError(f"{path} has images {first} to {done}, expected those from {self._done} to {self.images}")
            if "indices" in file:
                self.indices(file)
            return done

    def _check_identity(self, file: Reader) -> None:
        if file.text_attribute("identity") != self.identity:
            raise ValueError(f"{file.path} is of another net, other images or another choice")

    def indices(self, file: Reader) -> np.ndarray:
        """Which images an open part has: int64, rising; ValueError for others than those that it is said to have."""
        indices = file.array("indices", [np.int64], (None,))
        first, done = file.integer("first"), file.integer("done")
        if len(indices) and not (first <= indices[0] and indices[-1] < done and (np.diff(indices) > 0).all()):
            raise ValueError(f"{file.path} has images {indices[0]} to {indices[-1]}, expected {first} to {done - 1}")
        return indices
