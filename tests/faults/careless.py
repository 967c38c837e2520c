"""Saves that are not safe, which the trials have to find out; no part of the paper."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

OLD, NEW = b"old" * 100, b"new!" * 100


class InPlace:
    """Writes over the earlier file."""

    files = ("file.txt",)

    def prepare(self) -> None:
        Path("file.txt").write_bytes(OLD)

    def save(self) -> None:
        try:
            Path("file.txt").write_bytes(NEW)
        except OSError as error:
            raise OSError(error.errno, "full", "file.txt") from error

    def look(self, name: str) -> str:
        return Path(name).read_bytes().hex()


class WithoutFsync(InPlace):
    """Gives a file its name before it is on the disk."""

    def save(self) -> None:
        Path(".file.partial").write_bytes(NEW)
        os.replace(".file.partial", "file.txt")


class Leaving(InPlace):
    """Never tidies up, under names of its own for each process."""

    def save(self) -> None:
        partial = Path(f".file.{os.getpid()}.partial")
        with partial.open("wb") as file:
            file.write(NEW)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, "file.txt")


class Silent(InPlace):
    """Says nothing of a full disk."""

    def save(self) -> None:
        with contextlib.suppress(OSError):
            super().save()


CARELESS = {
    "careless in_place": InPlace(),
    "careless without_fsync": WithoutFsync(),
    "careless leaving": Leaving(),
    "careless silent": Silent(),
}
