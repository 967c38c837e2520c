"""A new HDF5 file that is to be sealed: text of fixed length, large arrays written by several threads; no part of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import h5py
import numpy as np
from h5py import h5d, h5g, h5p, h5s, h5t

from npzf.storage.places import write_at
from npzf.storage.sealed import HEADER, THREADS

FORM = ("v108", "v108")  # of HDF5: the first whose own tables have checksums
LARGE = 2**24  # bytes from which an array is written past HDF5, in pieces of as many


class NewFile(h5py.File):
    """An HDF5 file in `raw`, which is open for reading and writing, with its first 512 bytes left free."""

    def __init__(self, raw: BinaryIO):
        super().__init__(raw, "w", userblock_size=HEADER, libver=FORM)
        self._raw = raw

    def __setitem__(self, name: str, value: Any) -> None:
        self._make_groups(name)
        super().__setitem__(name, value)

    def _make_groups(self, name: str) -> None:
        """Those above a dataset of this name; without the time, so that the same contents are the same bytes."""
        plan, path = h5p.create(h5p.GROUP_CREATE), ""
        plan.set_obj_track_times(False)
        for part in name.split("/")[:-1]:
            path += f"{part}/"
            if path.strip("/.") and path not in self:
                h5g.create(self.id, path.encode(), gcpl=plan)

    def put(self, name: str, values: np.ndarray) -> None:
        """Makes a dataset of an array: HDF5 says where it lies, and threads write it there."""
        values = np.asarray(values)
        if values.nbytes < LARGE:
            self[name] = values
            return
        self._make_groups(name)
        values, plan = np.ascontiguousarray(values), h5p.create(h5p.DATASET_CREATE)
        plan.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        plan.set_fill_time(h5d.FILL_TIME_NEVER)
        plan.set_obj_track_times(False)
        kind, space = h5t.py_create(values.dtype, logical=True), h5s.create_simple(values.shape)
        first = h5d.create(self.id, name.encode(), kind, space, plan).get_offset()
        data = values.reshape(-1).view(np.uint8).data

        def write(start: int) -> None:
            _write_all(self._raw.fileno(), data[start : start + LARGE], first + start)

        with ThreadPoolExecutor(THREADS, thread_name_prefix="npzf-write") as pool:
            list(pool.map(write, range(0, len(data), LARGE)))


def fixed_text(text: str) -> np.bytes_:
    """Text as HDF5 holds it in fixed length, in UTF-8; names of files that are none stay the bytes that they are."""
    return np.bytes_(text.encode(errors="surrogateescape"))


def fixed_texts(texts: Sequence[str]) -> np.ndarray:
    """The same for several: bytes (N,), each as long as the longest."""
    encoded = [text.encode(errors="surrogateescape") for text in texts]
    return np.array(encoded, f"S{max(map(len, encoded), default=1) or 1}")


def _write_all(descriptor: int, data: memoryview, first: int) -> None:
    """Writes the bytes at a place of the file; OSError if not all of them can be."""
    while data:
        count = write_at(descriptor, data, first)
        data, first = data[count:], first + count
