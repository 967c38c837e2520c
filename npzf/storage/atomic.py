"""Atomic writes: a file on disk is the old one or the new one, never a half; no part of the paper."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """A new binary file that takes the place of path, at once, when the block ends without an error.

    It is written in the same folder under a temporary name, fsynced and renamed; a missing folder is made. If anything goes
    wrong, such as a full disk, the earlier file survives and the temporary one is removed. OSError, in one line, naming path.
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


def atomic_write_csv(path: str | Path, rows: Iterable[Sequence[Any]]) -> Path:
    """Puts these rows in the place of path, as CSV in UTF-8, and returns it; OSError as atomic_write.

    Names of files may be any bytes: what is no UTF-8 is written as it was.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return atomic_write_bytes(path, text.getvalue().encode(errors="surrogateescape"))
