"""Zip archives of weights, .npz and PyTorch's .pth, whose sizes are looked at before they are believed; no part of the paper."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from npzf.interop.weights.limits import most_bytes
from npzf.storage.regular import open_regular

MOST_DIRECTORY = 2**22  # bytes of the list of members, which takes ten times as much when it is read
METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}
PIECE = 2**20  # bytes that are read at once


class _Bounded(io.BufferedReader):
    """A file of which no more than so many bytes are read at once."""

    most: int | None = MOST_DIRECTORY

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes; ValueError for too many."""
        if self.most is not None and size is not None and size > self.most:
            raise ValueError(f"its list of members has {size:,} bytes, expected at most {self.most:,}")
        return super().read(size)


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive whose members are plain: not encrypted, named once, each with bytes of its own, not too large altogether."""
    with open_regular(path, "weights") as raw:
        size = os.fstat(raw.fileno()).st_size
        file = _Bounded(raw.raw)  # type: ignore[attr-defined]
        with zipfile.ZipFile(file) as archive:
            file.most = None
            members = archive.infolist()
            if len({member.filename for member in members}) < len(members):
                raise ValueError("it has two members of one name")
            for member in members:
                if member.compress_type not in METHODS or member.flag_bits & 1:
                    raise ValueError(f"its member {member.filename[:100]!r} is encrypted or compressed as no weights are")
            if sum(member.compress_size for member in members) > size:
                raise ValueError("its members lie over each other")
            if sum(member.file_size for member in members) > most_bytes(size):
                raise ValueError(f"its members take more than {most_bytes(size):,} bytes, expected less from a file of this size")
            yield archive


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """The bytes of a member, whose checksum is verified; ValueError if they are more than `most`."""
    if archive.getinfo(name).file_size > most:
        raise ValueError(f"its member {name[:100]!r} has {archive.getinfo(name).file_size:,} bytes, expected at most {most:,}")
    with archive.open(name) as file:
        data = file.read(most + 1)
        if len(data) > most or file.read(1):
            raise ValueError(f"its member {name[:100]!r} has more bytes than it says")
    return data


def fill(file: IO[bytes], array: np.ndarray) -> None:
    """Reads the bytes of a C-contiguous array; ValueError if there are fewer."""
    rest = memoryview(array.reshape(-1).view(np.uint8).data) if array.size else memoryview(b"")
    while rest:
        part = file.read(min(PIECE, len(rest)))
        if not part:
            raise ValueError(f"an array lacks {len(rest):,} of its bytes")
        rest[: len(part)] = part
        rest = rest[len(part) :]
