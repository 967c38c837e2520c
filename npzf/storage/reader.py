"""Datasets of a sealed HDF5 file, read without trust: plain storage alone, looked at before it is believed; no part of the paper.

HDF5 can be made to open other files (external links, virtual datasets, external storage), to take more memory than the file has
(compressed or empty chunks), and to run into its own faults (text of variable length). None of these is followed: what is read is
reached by hard links, of an expected type and shape, and lies in the file in one piece.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5s, h5t

from npzf.storage.places import read_at, read_into
from npzf.storage.sealed import HEADER, THREADS, Seal

NUMBERS = ("<f2", "<f4", "<f8", "|u1", "<i4", "<i8", "|b1")  # the types that npzf writes
MOST_ATTRIBUTE = 2**12  # bytes
MOST_NAME = 2**12  # bytes: the longest path
MOST_TEXT = 2**22  # bytes of JSON, which takes thirty times as much when it is read
MOST_DATASETS = 10**5  # in one group with all that is below it
BLOCK = 2**24  # bytes that one thread reads at once
DEEPEST = 8  # groups within each other


@dataclass(frozen=True)
class Place:
    """Where the numbers of a dataset lie in the file: its first byte, their type, their shape."""

    first: int
    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """How many bytes they are."""
        return math.prod(self.shape) * self.dtype.itemsize


class Reader:
    """The datasets of an open, verified file by name; path: what errors call it. ValueError, in one line, for what is wrong."""

    def __init__(self, path: str | os.PathLike, raw: BinaryIO, file: h5py.File, seal: Seal):
        self.path, self.raw, self.seal, self._root = path, raw, seal, h5g.open(file.id, b"/")

    def __contains__(self, name: str) -> bool:
        """Whether there is something of this name, whatever it is."""
        *groups, last = name.split("/")
        try:
            group = self._group("/".join(groups))  # whose links are gone with it
            return group.links.exists(last.encode())
        except KeyError:
            return False

    def integer(self, name: str) -> int:
        """An attribute that is a whole number."""
        value = np.empty((), np.int64)
        attribute = self._attribute(name)
        if attribute.get_type() != h5t.py_create(value.dtype) or attribute.get_space().get_simple_extent_type() != h5s.SCALAR:
            raise ValueError(f"attribute {name} of {self.path} is no whole number, expected one")
        attribute.read(value)
        return int(value)

    def text_attribute(self, name: str) -> str:
        """An attribute that is a short text."""
        attribute = self._attribute(name)
        size = self._text_size(attribute.get_type(), f"attribute {name}", MOST_ATTRIBUTE)
        if attribute.get_space().get_simple_extent_type() != h5s.SCALAR:
            raise ValueError(f"attribute {name} of {self.path} is several, expected one text")
        value = np.empty((), f"S{size}")
        attribute.read(value)
        return self._decoded(value.item(), f"attribute {name}")

    def text(self, name: str, most: int = MOST_TEXT) -> str:
        """A dataset that is one text of at most so many bytes."""
        dataset = self._dataset(name)
        size = self._text_size(dataset.get_type(), name, most)
        place = self._placed(name, dataset, np.dtype(f"S{size}"))
        if place.shape != ():
            raise ValueError(f"{name} of {self.path} has shape {place.shape}, expected one text")
        return self._decoded(self._bytes(place).rstrip(b"\0"), name)

    def texts(self, name: str, count: int) -> np.ndarray:
        """A dataset of `count` texts, as bytes (count,): names of files are not always UTF-8."""
        dataset = self._dataset(name)
        size = self._text_size(dataset.get_type(), name, MOST_NAME)
        place = self._placed(name, dataset, np.dtype(f"S{size}"))
        if place.shape != (count,):
            raise ValueError(f"{name} of {self.path} has shape {place.shape}, expected ({count},)")
        return np.frombuffer(self._bytes(place), place.dtype)

    def place(self, name: str, dtypes: Sequence[Any] = NUMBERS, shape: Sequence[int | None] | None = None) -> Place:
        """Where a dataset of numbers lies, of one of these types and of this shape, None standing for any side."""
        dataset = self._dataset(name)
        found = dataset.get_type()
        dtype = next((np.dtype(one) for one in dtypes if found == h5t.py_create(np.dtype(one), logical=True)), None)
        if dtype is None:
            among = ", ".join(str(np.dtype(one)) for one in dtypes)
            raise ValueError(f"{name} of {self.path} is {self._words(found)}, expected numbers of type {among}")
        place = self._placed(name, dataset, dtype)
        if shape is not None and not _fits(place.shape, shape):
            wanted = str(tuple(shape)).replace("None", "any")
            raise ValueError(f"{name} of {self.path} has shape {place.shape}, expected {wanted}")
        return place

    def array(
        self,
        name: str,
        dtypes: Sequence[Any] = NUMBERS,
        shape: Sequence[int | None] | None = None,
        finite: bool = True,
    ) -> np.ndarray:
        """A dataset of numbers, as place; finite: ValueError for NaN and infinity as well."""
        place = self.place(name, dtypes, shape)
        value = np.empty(place.shape, place.dtype)
        self._fill(value, place, name, finite)
        return value

    def mapped(self, name: str, dtypes: Sequence[Any] = NUMBERS, shape: Sequence[int | None] | None = None) -> np.ndarray:
        """A dataset of numbers, as place, read-only, of which only what is used is read from the disk."""
        place = self.place(name, dtypes, shape)
        if not place.nbytes:
            return np.empty(place.shape, place.dtype)
        return np.memmap(self.raw, place.dtype, "r", place.first, place.shape)

    def read_into(self, value: np.ndarray, name: str) -> None:
        """Fills value from the dataset of its type and shape, whose numbers have to be finite."""
        self._fill(value, self.place(name, [value.dtype], value.shape), name, finite=True)

    def datasets(self, group: str) -> list[str]:
        """Names of all datasets in a group and the groups within it, from there on."""
        found: list[str] = []
        self._collect(self._group(group), "", found, 0)
        return found

    # How things are reached

    def _group(self, name: str) -> h5g.GroupID:
        where = self._root
        for part in filter(None, name.split("/")):
            where = self._linked(where, part)
            if not isinstance(where, h5g.GroupID):
                raise ValueError(f"{part} of {self.path} is no group, expected one")
        return where

    def _dataset(self, name: str) -> h5d.DatasetID:
        *groups, last = name.split("/")
        try:
            found = self._linked(self._group("/".join(groups)), last)
        except KeyError:
            raise ValueError(f"{name} of {self.path} is missing, expected a dataset") from None
        if not isinstance(found, h5d.DatasetID):
            raise ValueError(f"{name} of {self.path} is missing: it is no dataset")
        return found

    def _linked(self, group: Any, name: str) -> Any:
        """What a hard link in a group leads to; KeyError if there is no link."""
        if not group.links.exists(name.encode()):
            raise KeyError(name)
        if group.links.get_info(name.encode()).type != h5l.TYPE_HARD:
            raise ValueError(f"{name} of {self.path} is a link to elsewhere, expected what it leads to; it was not followed")
        return h5o.open(group, name.encode())

    def _collect(self, group: h5g.GroupID, prefix: str, found: list[str], depth: int) -> None:
        if depth > DEEPEST or len(found) > MOST_DATASETS:
            raise ValueError(f"{self.path} has groups without end, expected at most {DEEPEST} within each other")
        for raw in group:
            name = raw.decode(errors="surrogateescape")
            item = self._linked(group, name)
            if isinstance(item, h5g.GroupID):
                self._collect(item, f"{prefix}{name}/", found, depth + 1)
            else:
                found.append(f"{prefix}{name}")

    def _attribute(self, name: str) -> h5a.AttrID:
        if not h5a.exists(self._root, name.encode()):
            raise ValueError(f"attribute {name} of {self.path} is missing, expected one")
        return h5a.open(self._root, name.encode())

    # What is looked at before it is believed

    def _placed(self, name: str, dataset: h5d.DatasetID, dtype: np.dtype) -> Place:
        """Where a dataset lies; its layout comes first, since the shape of a virtual one is asked of other files."""
        layout = dataset.get_create_plist()
        if layout.get_layout() != h5d.CONTIGUOUS or layout.get_external_count():
            raise ValueError(f"{name} of {self.path} is in chunks, compressed, or elsewhere, expected it in one piece")
        place = Place(dataset.get_offset() or 0, dtype, tuple(dataset.shape))
        if place.nbytes and not HEADER <= place.first <= place.first + place.nbytes <= self.seal.size:
            raise ValueError(f"{name} of {self.path} has shape {place.shape}, for which the file has not enough bytes")
        return place

    def _text_size(self, found: Any, name: str, most: int) -> int:
        if not isinstance(found, h5t.TypeStringID) or found.is_variable_str():
            raise ValueError(f"{name} of {self.path} is {self._words(found)}, expected text of fixed length")
        if found.get_size() > most:
            raise ValueError(f"{name} of {self.path} has {found.get_size():,} bytes, expected at most {most:,}")
        return found.get_size()

    def _decoded(self, text: bytes, name: str) -> str:
        try:
            return text.decode()
        except UnicodeDecodeError:
            raise ValueError(f"{name} of {self.path} is no text in UTF-8") from None

    def _bytes(self, place: Place) -> bytes:
        return read_at(self.raw.fileno(), place.nbytes, place.first)

    def _fill(self, value: np.ndarray, place: Place, name: str, finite: bool) -> None:
        """Reads the numbers into value, the blocks of a large one by several threads."""
        flat = value.reshape(-1)
        starts = range(0, flat.size, BLOCK // value.itemsize)

        def fill(start: int) -> bool:
            """Reads one block; whether all of it is finite, or need not be."""
            block = flat[start : start + starts.step]
            self._read(block.view(np.uint8).data, place.first + start * value.itemsize, name)
            return not finite or all_finite(block)

        if len(starts) < 2:
            good = all(map(fill, starts))
        else:
            with ThreadPoolExecutor(THREADS, thread_name_prefix="npzf-read") as pool:
                good = all(pool.map(fill, starts))
        if not good:
            raise ValueError(f"{name} of {self.path} has NaN or infinite numbers, expected finite ones")

    def _read(self, view: memoryview, first: int, name: str) -> None:
        """Fills the view with the bytes from there on."""
        done = 0
        while done < len(view):
            count = read_into(self.raw.fileno(), view[done:], first + done)
            if not count:
                raise ValueError(f"{name} of {self.path} ends too early: the file was cut short while it was read")
            done += count

    @staticmethod
    def _words(found: Any) -> str:
        """A type for a message."""
        try:
            return str(found.dtype)
        except Exception:  # what NumPy has no type for
            return f"an HDF5 type of class {found.get_class()}"


def all_finite(values: np.ndarray, block: int = 2**16) -> bool:
    """Whether there is no NaN and no infinity among these, looked at in blocks that stay in the cache."""
    if values.dtype.kind != "f":
        return True
    flat = values.reshape(-1)
    return all(np.isfinite(flat[start : start + block]).all() for start in range(0, flat.size, block))


def _fits(shape: tuple[int, ...], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(w is None or s == w for s, w in zip(shape, wanted, strict=True))
