"""Weights and models of strangers that call, unpack or ask for more than they have; no part of the paper."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from faults.crafted_hdf5 import STORAGE, TYPES, changed, typed

Case = tuple[str, Callable[..., None], bool]
Spoil = Callable[[Path, Path], None]


class Calls:
    """Pickled as a call."""

    def __init__(self, function: Any, *arguments: Any):
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def shell(elsewhere: Path) -> Calls:
    return Calls(os.system, f"echo > {elsewhere}/ran")


def pickled(make: Callable[[Path], Any], protocol: int = 2) -> Callable[[Path], bytes]:
    return lambda elsewhere: pickle.dumps(make(elsewhere), protocol)


PICKLES: dict[str, Callable[[Path], bytes]] = {
    "os.system": pickled(shell),
    "os.system, protocol 0": pickled(shell, 0),
    "os.system, protocol 5": pickled(shell, 5),
    "eval": pickled(lambda elsewhere: Calls(eval, f"open({str(elsewhere / 'ran')!r}, 'w')")),
    "exec": pickled(lambda elsewhere: Calls(exec, f"open({str(elsewhere / 'ran')!r}, 'w')")),
    "open": pickled(lambda elsewhere: Calls(open, str(elsewhere / "ran"), "w")),
    "a file read by NumPy": pickled(lambda elsewhere: Calls(np.fromfile, str(elsewhere / "canary.bin"))),
    "a memory map": pickled(lambda elsewhere: Calls(np.memmap, str(elsewhere / "canary.bin"))),
    "os.system within a list": pickled(lambda elsewhere: {"a": [np.ones(3), shell(elsewhere)]}),
    "an array of objects": pickled(lambda elsewhere: np.array([shell(elsewhere)], object)),
    "getattr": pickled(lambda _: Calls(getattr, "", "format")),
    "an object": pickled(lambda _: Path("a")),
    "2^60 bytes": lambda _: b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"abc.",
    "a frame of 2^60 bytes": lambda _: b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.",
    "a number of 2^31 bytes": lambda _: b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"abc.",
    "a memo of 2^32 entries": lambda _: b"\x80\x02Nr\xff\xff\xff\xff.",
    "tuples as a key": lambda _: b"\x80\x02})" + b"q\x00h\x00\x86" * 60 + b"K\x01s.",
    "lists in lists": lambda _: b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
    "an extension": lambda _: b"\x80\x02\x82\x01.",
    "a persistent id": lambda _: b"\x80\x02PX\n.",
    "no end": lambda _: b"\x80\x02]",
    "an array of 2^40 numbers": pickled(lambda _: Calls(np.empty, 2**40)),
    "no arrays": pickled(lambda _: {"a": 3}),
}


def array_file(shape: str, dtype: str = "<f4", data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    """A .npy file with such a header."""
    head = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    head = head + b" " * (63 - (len(head) + 10) % 64) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(head)) + head + data


def zipped(*members: tuple[str, bytes], packing: int = zipfile.ZIP_STORED, repeat: int = 1) -> bytes:
    """A zip archive; repeat: how often the bytes of each member come."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, data in members:
            with archive.open(name, "w", force_zip64=True) as file:
                for _ in range(repeat):
                    file.write(data)
    return buffer.getvalue()


def bomb(packing: int) -> bytes:
    """1.2 GB of zeros as an array."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive, archive.open("a.npy", "w", force_zip64=True) as file:
        file.write(array_file("(1200, 262144)"))
        for _ in range(1200):
            file.write(bytes(2**20))
    return buffer.getvalue()


NPZ: dict[str, Callable[[Path], bytes]] = {
    "a bomb": lambda _: bomb(zipfile.ZIP_DEFLATED),
    "2^40 numbers": lambda _: zipped(("a.npy", array_file(f"({2**40},)"))),
    "2^62 numbers": lambda _: zipped(("a.npy", array_file(f"({2**31}, {2**31})"))),
    "a negative side": lambda _: zipped(("a.npy", array_file("(-1,)", data=bytes(4)))),
    "a side of 10^30": lambda _: zipped(("a.npy", array_file(f"({10**30},)"))),
    "sides as text": lambda _: zipped(("a.npy", array_file("('a',)"))),
    "objects": lambda elsewhere: zipped(("a.npy", array_file("(1,)", "|O", pickle.dumps(shell(elsewhere))))),
    "a call in the header": lambda e: zipped(("a.npy", array_file(f"(__import__('os').system('echo > {e}/ran'),)"))),
    "a deep header": lambda _: zipped(("a.npy", array_file("(" * 9000 + ")" * 9000))),
    "a structured type": lambda _: zipped(("a.npy", array_file("(1,)", "<f4,<f4", bytes(8)))),
    "text": lambda _: zipped(("a.npy", array_file("(1,)", "<U3", bytes(12)))),
    "times": lambda _: zipped(("a.npy", array_file("(1,)", "<M8[s]", bytes(8)))),
    "no array": lambda _: zipped(("a.npy", b"hello")),
    "no members": lambda _: zipped(),
    "a member outside": lambda _: zipped(("../../ran.npy", array_file("(1,)", data=bytes(3)))),
    "one array": lambda _: array_file("(1,)", data=bytes(4)),
    "a pickle": PICKLES["os.system"],
    "a zip of nothing": lambda _: b"PK\5\6" + bytes(18),
    "a directory of 2^32 bytes": lambda _: b"PK\5\6" + bytes(8) + b"\xff" * 8 + bytes(2),
    "a layout of objects": lambda e: zipped(("layout.npy", array_file("()", "|O", pickle.dumps(shell(e))))),
}
STORAGE_OF_TORCH = (
    b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"
    b"X\x01\0\0\x000X\x03\0\0\0cpuJ%stQJ%s(%st(%st\x89Ntq\x01Rs."
)


def tensor(count: int, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """The pickle of {"a": a tensor of this size}, as torch.save writes it."""
    number = [struct.pack("<i", value) for value in (count, offset)]
    sides = [b"".join(b"J" + struct.pack("<i", side) for side in sides) for sides in (size, stride)]
    return STORAGE_OF_TORCH % (*number, *sides)


def archive(data: bytes, *more: tuple[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    return zipped(("archive/data.pkl", data), *more, packing=packing)


NUMBERS = ("archive/data/0", np.arange(6, dtype="<f4").tobytes())
PTH: dict[str, tuple[Callable[[Path], bytes], bool]] = {
    "a tensor": (lambda _: archive(tensor(6, 0, (2, 3), (3, 1)), NUMBERS), True),
    "compressed members": (lambda _: archive(tensor(6, 0, (2, 3), (3, 1)), NUMBERS, packing=zipfile.ZIP_DEFLATED), False),
    "os.system": (lambda e: archive(pickle.dumps(shell(e), 2)), False),
    "os.system in the old form": (lambda e: pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(shell(e), 2), False),
    "a storage of 2^31 numbers": (lambda _: archive(tensor(2**31 - 1, 0, (2, 3), (3, 1)), NUMBERS), False),
    "a view beyond": (lambda _: archive(tensor(6, 3, (2, 3), (3, 1)), NUMBERS), False),
    "a view of 2^60 numbers": (lambda _: archive(tensor(6, 0, (2**30, 2**30), (0, 0)), NUMBERS), False),
    "negative strides": (lambda _: archive(tensor(6, 5, (6,), (-1,)), NUMBERS), False),
    "negative sides": (lambda _: archive(tensor(6, 0, (-2, 3), (3, 1)), NUMBERS), False),
    "no storage": (lambda _: archive(tensor(6, 0, (2, 3), (3, 1))), False),
    "two pickles": (lambda _: archive(tensor(6, 0, (2, 3), (3, 1)), ("b/data.pkl", b""), NUMBERS), False),
    "code": (lambda _: archive(tensor(6, 0, (2, 3), (3, 1)), NUMBERS, ("archive/code/a.py", b"")), False),
    "no pickle": (lambda _: zipped(NUMBERS), False),
}


def tensors(header: Any, data: bytes = bytes(24), size: int | None = None) -> bytes:
    """A .safetensors file with such a header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def one(dtype: Any = "F32", shape: Any = (2, 3), offsets: Any = (0, 24)) -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


SAFETENSORS: dict[str, Callable[[], bytes]] = {
    "a header of 2^60 bytes": lambda: tensors(one(), size=2**60),
    "a header of 2^64 - 1 bytes": lambda: tensors(one(), size=2**64 - 1),
    "a header of 90 MB": lambda: tensors(b"{" + b" " * 90_000_000 + b"}"),
    "a deep header": lambda: tensors(b"[" * 10**6),
    "deep objects": lambda: tensors(b'{"a":' * 10**5),
    "no JSON": lambda: tensors(b"hello"),
    "no text": lambda: tensors(b"\xff\xfe"),
    "a list": lambda: tensors([]),
    "an unknown type": lambda: tensors(one("X3")),
    "8-bit floats": lambda: tensors(one("F8_E4M3", (4, 6))),
    "type 3": lambda: tensors(one(3)),
    "negative sides": lambda: tensors(one(shape=(-2, -3))),
    "2^64 numbers": lambda: tensors(one(shape=(2**32, 2**32), offsets=(0, 0))),
    "2^62 bytes": lambda: tensors(one(shape=(2**30, 2**30), offsets=(0, 2**62))),
    "offsets beyond": lambda: tensors(one(offsets=(0, 2**40))),
    "falling offsets": lambda: tensors(one(offsets=(24, 0))),
    "negative offsets": lambda: tensors(one(offsets=(-24, 0))),
    "a hole": lambda: tensors(one(offsets=(8, 32)), bytes(32)),
    "bytes beyond": lambda: tensors(one(), bytes(64)),
    "two in one place": lambda: tensors(one() | {"b": one()["a"]}),
    "nothing": lambda: b"",
    "a short header": lambda: tensors(one())[:30],
}
H5 = ("an external link to a FIFO", "a virtual dataset", "a virtual dataset of a FIFO", "external storage")
H5 += ("external storage in a FIFO", "an external link", "a bomb of chunks", "huge and empty", "a cycle of links")


def numbers(shape: tuple[int, ...]) -> Spoil:
    """Compressed zeros, 4 GB of them."""

    def spoil(path: Path, _: Path) -> None:
        with h5py.File(path, "r+") as file:
            file.create_dataset("bomb", shape, "f4", chunks=(2**20,), compression="gzip", fillvalue=0)
            for start in range(0, 2**22, 2**20):
                file["bomb"][start : start + 2**20] = 1

    return spoil


def written(make: Callable[..., bytes], *arguments: Any) -> Spoil:
    def spoil(path: Path, elsewhere: Path) -> None:
        path.write_bytes(make(elsewhere) if not arguments else make(*arguments))

    return spoil


def cases() -> dict[str, Case]:
    """Name -> kind of file, what spoils it, whether it may be read all the same."""
    made: dict[str, Case] = {f".pkl: {what}": (".pkl weights", written(make), False) for what, make in PICKLES.items()}
    made |= {f".npz: {what}": (".npz weights", written(make), what == "a member outside") for what, make in NPZ.items()}
    made |= {f".pth: {what}": (".pth from here", written(make), fine) for what, (make, fine) in PTH.items()}
    for what, of_text in SAFETENSORS.items():
        made[f".safetensors: {what}"] = (".safetensors weights", written(lambda _, of_text=of_text: of_text()), False)
    for what in H5:
        made[f".h5 weights: {what}"] = (".h5 weights", changed(STORAGE[what], "conv1/weight"), False)
    for what, dtype in TYPES.items():
        made[f".h5 weights: type {what}"] = (".h5 weights", changed(typed(dtype), "conv1/weight"), True)
    made[".h5 weights: 4 GB"] = (".h5 weights", numbers((2**30,)), False)
    return made
