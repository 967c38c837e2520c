"""PyTorch's files of weights, read without PyTorch and without running anything; no part of the paper.

Both forms: the zip archive of today, data.pkl beside one member a storage, and the stream of pickles of before version 1.6, in
which torchvision's older weights are kept.
"""

from __future__ import annotations

import io
import mmap
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from npzf.interop.weights.archive import open_archive, read_member
from npzf.interop.weights.limits import guarded
from npzf.interop.weights.restricted_pickle import ArrayUnpickler, Unfinished, plain
from npzf.storage.regular import open_regular

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
MOST_PICKLE = 2**24  # bytes: the numbers lie beside it
STORAGES = {  # class -> type of its numbers
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def read_torch_file(path: Path) -> Any:
    """The object in a file that torch.save wrote, tensors as arrays, bfloat16 as float32.

    ValueError, in one line, if the file is damaged or holds more than tensors, containers, strings and numbers.
    """
    with open_regular(path, "weights") as file:
        archive = file.read(2) == b"PK"
    if archive:
        return guarded(lambda: _read_zip(path), str(path))
    return guarded(lambda: _read_stream(path), str(path))


class _Storage:
    """A row of numbers that tensors are views of."""

    def __init__(self, kind: str, count: int, order: str = "<"):
        self.kind, self.count, self.order = kind, int(count), order
        self.values: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Length of the numbers in the file."""
        return self.count * (2 if self.kind == "bfloat16" else np.dtype(self.kind).itemsize)

    def __setstate__(self, state: Any) -> None:
        raise ValueError("a storage is given a state")

    def fill(self, data: bytes) -> None:
        """The numbers, of which there have to be as many as was said."""
        if len(data) != self.nbytes:
            raise ValueError(f"a storage of {self.count} {self.kind} has {len(data)} bytes")
        if self.kind == "bfloat16":
            halves = np.frombuffer(data, f"{self.order}u2").astype(np.uint32)
            self.values = (halves << 16).view(np.float32)
        else:
            dtype = np.dtype(self.kind)
            self.values = np.frombuffer(data, np.dtype(f"{self.order}{self.kind}")).astype(dtype)


class _Tensor(Unfinished):
    """A view of a storage that may still be empty."""

    def __init__(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any):
        self.storage, self.offset = storage, int(offset)
        self.size, self.stride = (tuple(int(n) for n in numbers) for numbers in (size, stride))

    def __setstate__(self, state: Any) -> None:
        raise ValueError("a tensor is given a state")

    def array(self) -> np.ndarray:
        """What the view shows, read-only; ValueError if that lies outside of the storage."""
        storage = self.storage
        if not isinstance(storage, _Storage) or storage.values is None or len(self.size) != len(self.stride):
            raise ValueError("a tensor is without its numbers")
        if min((*self.size, *self.stride, self.offset), default=0) < 0:
            raise ValueError(f"a tensor has size {self.size}, stride {self.stride}, offset {self.offset}")
        if 0 in self.size:
            return np.empty(self.size, storage.values.dtype)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
        if np.prod(self.size, dtype=object) > len(storage.values) > last:
            raise ValueError(f"a tensor of size {self.size} is expanded from {len(storage.values)} numbers, expected it whole")
        if last >= len(storage.values):
            raise ValueError(f"a tensor of size {self.size} reaches beyond its storage of {len(storage.values)} numbers")
        item = storage.values.itemsize  # a view, not a copy: many tensors of one storage take no more memory than it
        return np.lib.stride_tricks.as_strided(
            storage.values[self.offset :], self.size, [step * item for step in self.stride], writeable=False
        )


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _size(numbers: Any = ()) -> tuple:
    return tuple(numbers)


def _kind(storage: str) -> Callable[[], str]:
    return lambda: STORAGES[storage]


ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor"): _Tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): _size,
    **{("torch", storage): _kind(storage) for storage in STORAGES},
    ("torch.storage", "UntypedStorage"): lambda: "u1",
}


class _TorchUnpickler(ArrayUnpickler):
    """Finds the storages that a pickle names; make: key, type, number of elements -> storage."""

    def __init__(self, file: BinaryIO, name: str, make: Callable[[str, str, int], _Storage]):
        super().__init__(file, name, ADMITTED)
        self.make = make

    def persistent_load(self, pid: Any) -> _Storage:
        """The storage of a persistent id, ("storage", class, key, location, number of elements, ...)."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not callable(pid[1]):
            raise ValueError("a storage is not described as one")
        if len(pid) > 5 and pid[5] is not None:
            raise ValueError("a storage is a part of another, which old versions of PyTorch wrote")
        if not isinstance(pid[2], str | int) or not isinstance(pid[4], int) or pid[4] < 0:
            raise ValueError("a storage is not described as one")
        return self.make(str(pid[2]), pid[1](), pid[4])


def _read_zip(path: Path) -> Any:
    with open_archive(path) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("its members are not those of torch.save")
        root = pickles[0].removesuffix("data.pkl")
        if any(name.startswith(f"{root}code/") for name in names):
            raise ValueError("it is a TorchScript module, expected a state dict")
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("its members are compressed, which torch.save does not do")
        order = ">" if f"{root}byteorder" in names and read_member(archive, f"{root}byteorder", 10) == b"big" else "<"
        storages: dict[str, _Storage] = {}

        def make(key: str, kind: str, count: int) -> _Storage:
            if key not in storages:
                storages[key] = _Storage(kind, count, order)
                storages[key].fill(read_member(archive, f"{root}data/{key}", storages[key].nbytes))
            return storages[key]

        data = read_member(archive, pickles[0], MOST_PICKLE)
        return plain(_TorchUnpickler(io.BytesIO(data), str(path), make).load(), os.path.getsize(path))


def _read_stream(path: Path) -> Any:
    with open_regular(path, "weights") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return _read_legacy(view, str(path))  # a view gives no more than there is, however much is asked for


def _read_legacy(file: Any, name: str) -> Any:
    storages: dict[str, _Storage] = {}

    def make(key: str, kind: str, count: int) -> _Storage:
        return storages.setdefault(key, _Storage(kind, count))

    def load() -> Any:
        return _TorchUnpickler(file, name, make).load()

    if load() != LEGACY_MAGIC or load() != LEGACY_PROTOCOL:
        raise ValueError("it does not begin as torch.save's files do")
    about, found = load(), load()
    if not isinstance(about, dict) or about.get("little_endian") is not True:
        raise ValueError("its numbers are not little-endian")
    keys = load()
    if not isinstance(keys, list) or not all(isinstance(key, str | int) for key in keys):
        raise ValueError("its list of storages is none")
    if sorted(map(str, keys)) != sorted(storages):
        raise ValueError("its list of storages is not that of its tensors")
    for key in keys:
        storage = storages[str(key)]
        if int.from_bytes(file.read(8), "little") != storage.count:
            raise ValueError(f"storage {key} has another length than was said")
        storage.fill(file.read(storage.nbytes))
    return plain(found, len(file))
