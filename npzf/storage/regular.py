"""Files from strangers are opened only if they are regular ones, which neither block nor grow; no part of the paper."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
MOST_TEXT = 2**26  # bytes of a list or a table that is read at once


def open_regular(path: str | os.PathLike, expected: str = "a regular file") -> BinaryIO:
    """Opens a regular file for reading; a link is followed.

    OSError, in one line that names the path and what was expected: FileNotFoundError for nothing, IsADirectoryError for a folder,
    and for a FIFO, a device or a socket, none of which is waited for.
    """
    path = Path(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist, expected {expected}") from None
    except OSError as error:
        mode = _mode(path)
        if mode is not None and not stat.S_ISREG(mode):
            raise _irregular(path, mode, expected) from None
        raise OSError(error.errno, f"could not be opened ({error.strerror}), expected {expected}", str(path)) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _irregular(path, mode, expected)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | os.PathLike, most: int = MOST_TEXT, expected: str = "a regular file") -> bytes:
    """The bytes of a regular file; ValueError, before anything is read, for one of more than `most`, else as open_regular."""
    with open_regular(path, expected) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"{path} has {size:,} bytes, expected {expected} of at most {most:,}")
        return file.read(most + 1)


def _mode(path: Path) -> int | None:
    try:
        return os.stat(path).st_mode
    except OSError:
        return None


def _irregular(path: Path, mode: int, expected: str) -> OSError:
    kind = IsADirectoryError if stat.S_ISDIR(mode) else OSError
    return kind(f"{path} is {KINDS.get(stat.S_IFMT(mode), 'no regular file')}, expected {expected}")
