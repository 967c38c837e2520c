"""Reads an HDF5 file from strangers, in a process of its own that hdf5_file.py starts and limits; no part of the paper.

It is run as text and imports nothing of npzf. The file is its standard input; it answers on its standard output with the length
of a text, 8 bytes, the text, JSON of one of
    {"arrays": [[name, type, shape], ...], "attributes": {name: value}, "layers": [name, ...], "links": [name, ...],
     "linked": 3, "empty": false}
    {"error": reason}
and the bytes of the arrays. Only hard links are followed, and only numbers read that the file itself stores.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

MOST_OBJECTS, MOST_DEPTH, MOST_ATTRIBUTE = 20_000, 64, 2**20
ATTRIBUTES = ("format", "layout", "input", "mean", "std")
FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
PIECE = 2**24  # bytes that are read at once


def limit(memory: int, seconds: int) -> None:
    """Ends this process before it takes more memory or processor time, where the system can."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main() -> None:
    """Answers, whatever is in the file."""
    said = json.loads(sys.argv[1])
    limit(said["memory"], said["seconds"])
    sys.path += [folder for folder in said["path"] if folder not in sys.path]  # last: the folder of work may be among them
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        import h5py

        with h5py.File(os.fdopen(0, "rb"), "r") as file:
            found = Contents(h5py, said["most"], said["attributes_only"])
            found.visit(file.id, "", 0)
            text = {"arrays": found.arrays, "attributes": found.attributes(file.id), "layers": found.layers(file.id)}
            send(answer, {**text, "links": found.links[:5], "linked": len(found.links), "empty": not len(file)})
            if not said["attributes_only"]:
                for dataset, (_, dtype, shape) in zip(found.datasets, found.arrays, strict=True):
                    found.send(answer, dataset, dtype, shape)
        answer.flush()
    except BaseException as error:
        send(answer, {"error": " ".join(str(error).split())[:300] or type(error).__name__})
        answer.flush()
    os._exit(0)  # closing a damaged file may crash or wait


def send(answer: BinaryIO, text: dict[str, Any]) -> None:
    """Length and text."""
    data = json.dumps(text).encode()
    answer.write(len(data).to_bytes(8, "little") + data)


class Contents:
    """The arrays and attributes of a file; most: bytes that its arrays may have."""

    def __init__(self, h5py: Any, most: int, attributes_only: bool):
        self.h5, self.most, self.attributes_only = h5py, most, attributes_only
        self.arrays: list[tuple[str, str, tuple[int, ...]]] = []
        self.datasets: list[Any] = []
        self.links: list[str] = []
        self.total = self.objects = 0
        self.above: set[Any] = set()  # groups that lead to the one that is visited

    def visit(self, group: Any, path: str, depth: int) -> None:
        """Every dataset of numbers that hard links lead to, in the order of the names."""
        place = self.h5.h5o.get_info(group)
        key = (place.fileno, getattr(place, "addr", None) or str(place.token))
        if key in self.above:
            raise ValueError(f"group {path or '/'} holds itself")
        if depth > MOST_DEPTH:
            raise ValueError(f"groups stand more than {MOST_DEPTH} deep in each other")
        if self.attributes_only:
            return
        self.above.add(key)
        for name in group:
            self.objects += 1
            if self.objects > MOST_OBJECTS:
                raise ValueError(f"it has more than {MOST_OBJECTS:,} objects")
            where = f"{path}/{name.decode('utf-8', 'replace')}".lstrip("/")
            if group.links.get_info(name).type != self.h5.h5l.TYPE_HARD:
                self.links.append(where)
                continue
            item = self.h5.h5o.open(group, name)
            if isinstance(item, self.h5.h5g.GroupID):
                self.visit(item, where, depth + 1)
            elif isinstance(item, self.h5.h5d.DatasetID):
                self.add(item, where)
        self.above.remove(key)

    def add(self, dataset: Any, path: str) -> None:
        """A dataset, if it is of numbers; ValueError if they do not lie in this file, or are too many."""
        h5d, h5t = self.h5.h5d, self.h5.h5t
        plan = dataset.get_create_plist()  # before the shape, for which a virtual dataset opens its sources
        if plan.get_layout() not in (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED):
            raise ValueError(f"{path} is a virtual dataset, whose numbers lie in other files, expected them in this one")
        if plan.get_external_count():
            raise ValueError(f"{path} has its numbers in other files, expected them in this one")
        kind = dataset.get_type()
        if kind.get_class() not in (h5t.INTEGER, h5t.FLOAT, h5t.ENUM):
            return
        dtype = kind.dtype
        if dtype.kind not in "fiub" or dtype.itemsize > 8:
            raise ValueError(f"{path} is of type {dtype}, expected numbers of at most 64 bits")
        filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
        if unknown := [code for code in filters if code not in FILTERS]:
            known = ", ".join(FILTERS.values())
            raise ValueError(f"{path} is compressed by filter {unknown[0]}, expected one of {known}")
        if len(filters) > len(FILTERS):
            raise ValueError(f"{path} is compressed {len(filters)} times over")
        if dataset.shape is None:  # a dataset that has no numbers at all
            return
        shape = tuple(int(side) for side in dataset.shape)
        chunk = plan.get_chunk() if plan.get_layout() == h5d.CHUNKED else ()
        self.total += size(shape, dtype.itemsize)
        if max(self.total, size(chunk, dtype.itemsize) if chunk else 0) > self.most:
            raise ValueError(f"its arrays take more than {self.most:,} bytes, expected less from a file of this size")
        self.arrays.append((path, dtype.str, shape))
        self.datasets.append(dataset)

    def send(self, answer: BinaryIO, dataset: Any, dtype: str, shape: tuple[int, ...]) -> None:
        """The numbers, in pieces of rows, or of whole chunks of them."""
        import numpy as np

        array = self.h5.Dataset(dataset)
        if not shape or 0 in shape:
            answer.write(np.asarray(array[()], dtype).tobytes())
            return
        rows = max(1, PIECE // max(1, size(shape[1:], np.dtype(dtype).itemsize)))
        if array.chunks:
            rows = -(-rows // array.chunks[0]) * array.chunks[0]
        for top in range(0, shape[0], rows):
            answer.write(np.ascontiguousarray(array[top : top + rows], dtype).data.cast("B"))

    def attributes(self, file: Any) -> dict[str, Any]:
        """Those of ATTRIBUTES that the file has."""
        return {name: self.attribute(file, name) for name in ATTRIBUTES if self.h5.h5a.exists(file, name.encode())}

    def layers(self, file: Any) -> list[str]:
        """Keras's layer_names, of the file or of its group model_weights."""
        for group in ("model_weights", None):
            if group is not None:
                name = group.encode()
                if not file.links.exists(name) or file.links.get_info(name).type != self.h5.h5l.TYPE_HARD:
                    continue
                holder = self.h5.h5o.open(file, name)
                if not isinstance(holder, self.h5.h5g.GroupID):
                    continue
            else:
                holder = file
            found = self.attribute(holder, "layer_names") if self.h5.h5a.exists(holder, b"layer_names") else []
            return [str(name) for name in (found if isinstance(found, list) else [found])]
        return []

    def attribute(self, holder: Any, name: str) -> Any:
        """A text or a number, or a list of them."""
        import numpy as np

        found = self.h5.h5a.open(holder, name.encode())
        kind = found.get_type()
        if kind.get_class() not in (self.h5.h5t.INTEGER, self.h5.h5t.FLOAT, self.h5.h5t.STRING, self.h5.h5t.ENUM):
            raise ValueError(f"its attribute {name!r} is neither text nor numbers")
        if found.get_space().get_simple_extent_npoints() * kind.get_size() > MOST_ATTRIBUTE:
            raise ValueError(f"its attribute {name!r} is larger than {MOST_ATTRIBUTE:,} bytes")
        owner = self.h5.File(holder) if isinstance(holder, self.h5.h5f.FileID) else self.h5.Group(holder)
        value = owner.attrs[name]
        value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        return texts(value)


def texts(value: Any) -> Any:
    """Bytes in lists as text."""
    if isinstance(value, list):
        return [texts(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str | int | float) else str(value)


def size(shape: tuple[int, ...], itemsize: int) -> int:
    """Bytes of an array."""
    for side in shape:
        itemsize *= side
    return itemsize


if __name__ == "__main__":
    main()
