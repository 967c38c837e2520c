"""Bytes at a place of an open file, for several threads at once; no part of the paper.

Where the system has no such calls (Windows, old macOS), one thread at a time moves the file's own place there and back.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

_moving = threading.Lock()


@contextlib.contextmanager
def _moved(descriptor: int, place: int) -> Iterator[None]:
    """Within, the file's own place is this one."""
    with _moving:
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, place, os.SEEK_SET)
        try:
            yield
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)


def read_at(descriptor: int, count: int, place: int) -> bytes:
    """At most `count` bytes from there; fewer at the end of the file."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, count, place)
    with _moved(descriptor, place):
        return os.read(descriptor, count)


def read_into(descriptor: int, view: memoryview, place: int) -> int:
    """Fills the view with the bytes from there, and returns how many of it are filled; 0 at the end of the file."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [view], place)
    data = read_at(descriptor, len(view), place)
    view[: len(data)] = data
    return len(data)


def write_at(descriptor: int, data: memoryview, place: int) -> int:
    """Writes bytes there, and returns how many; OSError if none can be."""
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, data, place)
    with _moved(descriptor, place):
        return os.write(descriptor, data)
