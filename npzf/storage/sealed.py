"""Files that say whether they are whole: a SHA-256 in their first 512 bytes, over all that follows; no part of the paper.

The first 512 bytes, which HDF5 leaves to others (its user block), hold four lines of text, then zeros:

    npzf sealed file 1
    sha256 0f3c...                  of the lines without this one, then the SHA-256 of each block of 1 MiB of the file
    bytes 249513424                 of the whole file, these 512 included
    apart 20480 5812480             first and last byte + 1 of a part that is left out: its pieces have digests of their own

What is damaged, cut short or changed is refused before any library looks at it. The digest tells of accidents, not of intent: who
changes a file can compute it again, so what it holds is checked as well (hdf5.py).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from npzf.storage.places import read_at

HEADER = 512  # bytes
MAGIC = b"npzf sealed file 1\n"
HDF5 = b"\x89HDF\r\n\x1a\n"
BLOCK = 2**20  # bytes
WAVE = 4096  # blocks whose digests are collected before they are added up
THREADS = min(8, os.cpu_count() or 1)
LINES = re.compile(rb"sha256 ([0-9a-f]{64})\nbytes (0|[1-9][0-9]{0,17})\napart (0|[1-9][0-9]{0,17}) (0|[1-9][0-9]{0,17})\n\0+")
NOTHING = (0, 0)


class NotWhole(ValueError):
    """A file that is damaged, cut short or changed, or has no seal; the message says which, without the file's name."""


@dataclass(frozen=True)
class Seal:
    """What the first bytes of a file say: its digest as hex, its length in bytes, and the part (first, end) that is left out."""

    sha256: str
    size: int
    apart: tuple[int, int]


def is_sealed(file: BinaryIO) -> bool:
    """Whether the file begins as a sealed one does."""
    return read_at(file.fileno(), len(MAGIC), 0) == MAGIC


def seal(file: BinaryIO, apart: tuple[int, int] = NOTHING) -> Seal:
    """Writes the seal of a file that is open for reading and writing and whose first 512 bytes are free; the part is left out."""
    file.flush()
    size = os.fstat(file.fileno()).st_size
    made = Seal(_digest(file.fileno(), size, apart), size, apart)
    text = MAGIC + f"sha256 {made.sha256}\n".encode() + _sizes(size, apart)
    file.seek(0)
    file.write(text.ljust(HEADER, b"\0"))
    file.flush()
    return made


def verify(file: BinaryIO) -> Seal:
    """The seal of an open file, if all that it covers is as it was when it was sealed; NotWhole otherwise."""
    found, size = read_seal(file), os.fstat(file.fileno()).st_size
    if found.size != size:
        raise NotWhole(f"it has {size:,} bytes, expected {found.size:,}: cut short or changed")
    if _digest(file.fileno(), size, found.apart) != found.sha256:
        raise NotWhole("its SHA-256 is not the one that was written with it: damaged or changed")
    return found


def read_seal(file: BinaryIO) -> Seal:
    """What the first bytes say, believed as it stands; NotWhole if they are no seal."""
    head = read_at(file.fileno(), HEADER, 0)
    if not head.startswith(MAGIC):
        if HDF5 in (head[:8], read_at(file.fileno(), 8, HEADER)):
            raise NotWhole("it is HDF5 without the SHA-256 that npzf writes first: damaged, older, or another program's")
        raise NotWhole("it does not begin as npzf's files do: another kind of file, or damaged")
    lines = LINES.fullmatch(head[len(MAGIC) :])
    if lines is None or len(head) < HEADER:
        raise NotWhole("its first 512 bytes are damaged")
    size, first, end = (int(number) for number in lines.groups()[1:])
    if (first, end) != NOTHING and not HEADER <= first <= end <= size:
        raise NotWhole("its first 512 bytes are damaged")
    return Seal(lines[1].decode(), size, (first, end))


def _sizes(size: int, apart: tuple[int, int]) -> bytes:
    return f"bytes {size}\napart {apart[0]} {apart[1]}\n".encode()


def _digest(descriptor: int, size: int, apart: tuple[int, int]) -> str:
    """The digest of the sizes and of the digests of blocks, which threads compute, some at a time."""
    whole = hashlib.sha256(MAGIC + _sizes(size, apart))

    def of_block(place: tuple[int, int]) -> bytes:
        return hashlib.sha256(read_at(descriptor, place[1] - place[0], place[0])).digest()

    blocks = _blocks(size, apart)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="npzf-seal") as pool:
        while places := list(islice(blocks, WAVE)):
            whole.update(b"".join(pool.map(of_block, places) if len(places) > THREADS else map(of_block, places)))
    return whole.hexdigest()


def _blocks(size: int, apart: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """First byte and end of each block outside of the part."""
    for first, end in ((HEADER, size),) if apart == NOTHING else ((HEADER, apart[0]), (apart[1], size)):
        for start in range(first, end, BLOCK):
            yield start, min(start + BLOCK, end)
