"""A file on disk is the old one or the new one, never a half; no part of the paper."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """A new binary file that takes the place of path, at once, when the block ends without an error.

    Written beside it under a temporary name, fsynced, renamed; its folder is made if it is missing. Whatever goes wrong, disk
    full say, the earlier file survives and the state_file one is removed. OSError, in one line, naming path.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(partial, "x+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise OSError(error.errno, f"could not write the file ({reason})", str(path)) from error


def atomic_write_bytes(path: str | Path, data: bytes) -> Path:
    """Puts these bytes in the place of path, and returns it; OSError as atomic_write."""
    with atomic_write(path) as file:
        file.write(data)
    return Path(path)
