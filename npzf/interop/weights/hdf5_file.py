"""HDF5 from strangers, parsed in a child process that may take only so much memory and time; no part of the paper.

HDF5 follows links to other files and believes the sizes that it reads: hdf5_child.py refuses the first, and whatever the second
does to it ends the child alone.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from npzf.interop.weights.limits import most_bytes
from npzf.storage.regular import open_regular

MEMORY = 2**30  # bytes of address space that the child may take, its libraries included
SECONDS, BYTES_A_SECOND = 20, 5_000_000  # for any file, and for its size
MOST_TEXT = 2**26


@dataclass(frozen=True)
class Contents:
    """Name -> array; attribute -> text, number or list of them; Keras's names of layers; links that were not followed.

    empty: whether nothing is in the file.
    """

    arrays: dict[str, np.ndarray]
    attributes: dict[str, Any] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    empty: bool = False


def read_hdf5(path: Path, attributes_only: bool = False) -> Contents:
    """Arrays of numbers that an HDF5 file itself stores, behind hard links, and the attributes that files of weights have.

    FileNotFoundError; ValueError, in one line that names the file, for whatever is wrong with it; OSError if no child starts.
    """
    with open_regular(path, "weights as HDF5") as file:
        size = os.fstat(file.fileno()).st_size
        seconds, most = SECONDS + size // BYTES_A_SECOND, most_bytes(size)
        said = {
            "memory": MEMORY,
            "seconds": seconds,
            "most": most,
            "attributes_only": attributes_only,
            "path": [*filter(None, sys.path)],
        }
        with _child(file, json.dumps(said), path) as (child, overdue):
            try:
                assert child.stdout is not None
                return _received(child.stdout, most, attributes_only)
            except (ValueError, EOFError, MemoryError) as error:
                cause = "there is not enough memory for it" if isinstance(error, MemoryError) else str(error)
                if isinstance(error, EOFError):
                    cause = _end(child, overdue.is_set(), seconds)
                raise ValueError(f"{path}: not HDF5, or damaged ({cause}), expected weights as HDF5") from None


@contextlib.contextmanager
def _child(file: BinaryIO, said: str, path: Path) -> Iterator[tuple[subprocess.Popen[bytes], threading.Event]]:
    """The process that reads the file, killed when the time is up, and at the end."""
    overdue = threading.Event()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HDF5_", "PYTHON"))}
    environment |= {"HDF5_PLUGIN_PRELOAD": "::", "HDF5_USE_FILE_LOCKING": "FALSE", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-I", "-c", _program(), said]
    try:
        child = subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, close_fds=True
        )
    except OSError as error:
        raise OSError(error.errno, f"no process could be started that reads it ({error.strerror})", str(path)) from None

    def end() -> None:
        overdue.set()
        child.kill()

    timer = threading.Timer(json.loads(said)["seconds"] * 2, end)
    timer.daemon = True
    timer.start()
    try:
        yield child, overdue
    finally:
        timer.cancel()
        child.kill()
        if child.stdout is not None:
            child.stdout.close()
        child.wait()


@cache
def _program() -> str:
    return resources.files(__package__).joinpath("hdf5_child.py").read_text(encoding="utf-8")


def _received(answer: IO[bytes], most: int, attributes_only: bool) -> Contents:
    """What the child answers; EOFError if it ends before, ValueError for its reason, or an answer beyond what was agreed."""
    length = int.from_bytes(_exactly(answer, 8), "little")
    if length > MOST_TEXT:
        raise ValueError(f"its names take {length:,} bytes")
    text = json.loads(_exactly(answer, length))
    if "error" in text:
        raise ValueError(str(text["error"]))
    arrays: dict[str, np.ndarray] = {}
    for name, kind, shape in text["arrays"]:
        dtype = np.dtype(kind)
        most -= math.prod(shape) * dtype.itemsize
        if dtype.kind not in "fiub" or dtype.itemsize > 8 or most < 0 or min(shape, default=0) < 0:
            raise ValueError(f"{name} is more than was agreed")
        if not attributes_only:
            array = np.empty(shape, dtype)
            _fill(answer, array)
            arrays[str(name)] = array
    linked = int(text["linked"])
    links = [*map(str, text["links"]), *(["..."] if linked > len(text["links"]) else [])]
    return Contents(arrays, text["attributes"], [str(name) for name in text["layers"]], links, bool(text["empty"]))


def _exactly(answer: IO[bytes], count: int) -> bytes:
    data = answer.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _fill(answer: IO[bytes], array: np.ndarray) -> None:
    """The bytes of an array, as they come."""
    rest = memoryview(array.reshape(-1).view(np.uint8).data) if array.size else memoryview(b"")
    while rest:
        count = answer.readinto(rest)  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        rest = rest[count:]


def _end(child: subprocess.Popen[bytes], overdue: bool, seconds: int) -> str:
    """Why the child ended without a whole answer."""
    code = child.wait()
    if overdue or code == -getattr(signal, "SIGXCPU", 0) != 0:
        return f"to read it takes more than {seconds} seconds"
    name = signal.Signals(-code).name if code < 0 and -code in set(signal.Signals) else f"status {code}"
    return f"the process that read it ended with {name}"
