"""Atomic writes: a file on disk is the old one or the new one, never a half; no part of the paper."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # Windows: leftovers are left
    fcntl = None  # type: ignore[assignment]

LEFTOVER = re.compile(r"\..*\.[0-9a-f]{8}\.partial", re.DOTALL)
LONGEST = 200  # bytes of the name of a file in that of its temporary one

_tidied: set[str] = set()  # folders in which this process has looked for leftovers


class _Writing:
    before: Callable[[Path], object] | None = None


@contextlib.contextmanager
def before_writing(check: Callable[[Path], object]) -> Iterator[None]:
    """Has check called with the path of each file that is to be written within; what it raises leaves the file as it was."""
    _Writing.before, earlier = check, _Writing.before
    try:
        yield
    finally:
        _Writing.before = earlier


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A new binary file that takes the place of path, at once, when the block ends without an error.

    It is written in the same folder under a temporary name, fsynced and renamed, and the folder is fsynced; a missing folder is
    made. If anything goes wrong, such as a full disk, the earlier file survives and the temporary one is removed. What killed
    processes have left in the folder is removed the first time. OSError, in one line, naming path.
    """
    path = Path(path)
    if _Writing.before:
        _Writing.before(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if (folder := os.path.abspath(path.parent)) not in _tidied:
            _tidied.add(folder)
            remove_leftovers(folder)
        file, partial = _partial_of(path)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if fcntl is None:
                    file.close()
                os.replace(partial, path)  # while it is locked: nobody takes it for a leftover
        finally:
            partial.unlink(missing_ok=True)
        _fsync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise OSError(error.errno, f"could not write the file ({reason})", str(path)) from error


def remove_leftovers(folder: str | Path) -> None:
    """Removes temporary files that killed processes have left in a folder, if it exists; files in use are locked, and stay."""
    if fcntl is None or not os.path.isdir(folder):
        return
    for leftover in filter(LEFTOVER.fullmatch, os.listdir(folder)):
        with contextlib.suppress(OSError):  # in use, gone by now, or somebody else's
            descriptor = os.open(Path(folder, leftover), os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(Path(folder, leftover))
            finally:
                os.close(descriptor)


def atomic_write_bytes(path: str | os.PathLike, data: bytes) -> Path:
    """Puts these bytes in the place of path, and returns it; OSError as atomic_write."""
    with atomic_write(path) as file:
        file.write(data)
    return Path(path)


def atomic_write_csv(path: str | os.PathLike, rows: Iterable[Sequence[Any]]) -> Path:
    """Puts these rows in the place of path, as CSV in UTF-8, and returns it; OSError as atomic_write.

    Names of files may be any bytes: what is no UTF-8 is written as it was.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return atomic_write_bytes(path, text.getvalue().encode(errors="surrogateescape"))


def _partial_of(path: Path) -> tuple[BinaryIO, Path]:
    """A new file beside path, locked as long as it is open, and its name."""
    while True:
        name = os.fsdecode(os.fsencode(path.name)[:LONGEST])
        partial = path.with_name(f".{name}.{uuid.uuid4().hex[:8]}.partial")
        file = open(partial, "x+b")  # noqa: SIM115
        if fcntl is None:
            return file, partial
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # a file system without locks: nobody removes leftovers there either
            return file, partial
        if partial.exists():  # else it was taken for a leftover before it was locked
            return file, partial
        file.close()


def _fsync_folder(folder: Path) -> None:
    """Makes a rename last, where a folder can be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
