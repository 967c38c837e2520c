"""One run a folder: the files that a run leaves, and a lock that ends with its process; no part of the paper."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import stat
from pathlib import Path
from types import TracebackType

from npzf.storage.atomic import remove_leftovers

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

CHECKPOINT, PREVIOUS, BEST, LOG, EPOCHS = "checkpoint.h5", "previous.h5", "best.h5", "log.csv", "epochs"
FILES = (CHECKPOINT, PREVIOUS, BEST, LOG, EPOCHS)
MARKER = ".npzf-run"  # is locked while a run is on, and says whose it is
WIDTH = 512  # bytes of the marker: always as many, so that it is never seen half written

log = logging.getLogger("npzf")


class RunFolder:
    """The folder that a run writes to, inside a `with` its alone: a second run there is refused, in this process or another.

    program: which one writes the run; it is kept in the folder, hidden, beside the process that holds it. The lock is the
    system's, on that file, and ends with the process however it ends. A folder made for the run is removed again if nothing was
    written to it. BlockingIOError if another run holds the folder; OSError, in one line, if it cannot be written to.
    """

    def __init__(self, path: str | Path, program: str = "train"):
        self.path, self.program = Path(path), program
        self.owner: str | None = None  # the program whose run lies here, None where none does
        self._marker = -1
        self._made: list[Path] = []  # folders, the outermost first
        self._new_marker = self._begun = False

    def __enter__(self) -> RunFolder:
        try:
            self._make()
            self._lock()
            self.owner = self._read().get("program")
            remove_leftovers(self.path)
            remove_leftovers(self.path / EPOCHS)
        except BaseException as error:
            self.__exit__(None, None, None)
            if isinstance(error, OSError) and error.errno is not None and error.strerror:
                raise self._unwritten(error) from error
            raise
        return self

    def files(self) -> list[str]:
        """Names of the files of a run that the folder has."""
        return [name for name in FILES if os.path.lexists(self.path / name)]

    def begin(self, replaces: str | None = None) -> None:
        """Makes it the folder of a run that is new; ValueError if it has another's files.

        replaces: the files of a run that this program wrote are removed.
        """
        if found := self.files():
            if replaces is None or self.owner != replaces:
                remedy = f"go on with --resume {self.path / CHECKPOINT}, or name" if CHECKPOINT in found else "name"
                raise ValueError(f"{self.path} has {' '.join(found)} of a run already: {remedy} another folder")
            for name in reversed(found):  # the checkpoint last: until then the folder says that it has a run
                path = self.path / name
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self.go_on()

    def go_on(self) -> None:
        """Makes it this program's folder, whatever lies there."""
        self._write(self.program)
        self._begun = True

    def _make(self) -> None:
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        for folder in reversed(missing):
            with contextlib.suppress(FileExistsError):  # made by someone else since: not ours to remove
                folder.mkdir()
                self._made.append(folder)
        if not self.path.is_dir():
            raise NotADirectoryError(f"{self.path} is a file, expected a folder for the run")

    def _lock(self) -> None:
        """Opens and locks the marker; once more if its last holder has removed it in between."""
        path = self.path / MARKER
        while True:
            flags = os.O_RDWR | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
            try:
                self._marker, self._new_marker = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666), True
            except FileExistsError:
                try:
                    self._marker, self._new_marker = os.open(path, flags), False
                except FileNotFoundError:  # removed since
                    continue
            if not stat.S_ISREG(os.fstat(self._marker).st_mode):
                raise ValueError(f"{path} is no regular file, expected the marker of a run")
            try:
                _lock(self._marker)
            except (BlockingIOError, PermissionError):
                holder = self._read()
                os.close(self._marker)
                self._marker, self._new_marker, self._made = -1, False, []
                whose = f"process {holder['process']} on {holder['host']}" if "process" in holder else "another process"
                raise BlockingIOError(f"{self.path} is in use by {whose}: wait for its end, or name another folder") from None
            except OSError as error:  # a file system without locks
                log.warning("%s cannot be locked (%s): see to it that no other run writes there", self.path, error.strerror)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(path), os.fstat(self._marker)):
                    return
            os.close(self._marker)

    def _read(self) -> dict:
        try:
            os.lseek(self._marker, 0, os.SEEK_SET)
            found = json.loads(os.read(self._marker, WIDTH))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, program: str) -> None:
        holder = {"program": program, "process": os.getpid(), "host": socket.gethostname()}
        try:
            os.lseek(self._marker, 0, os.SEEK_SET)
            os.write(self._marker, json.dumps(holder).encode().ljust(WIDTH))
        except OSError as error:
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> OSError:
        return OSError(error.errno, f"could not write the file ({error.strerror})", str(self.path / MARKER))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._marker >= 0:
            if self._new_marker and not (self._begun and self.files()):
                with contextlib.suppress(OSError):
                    os.unlink(self.path / MARKER)  # before the lock is given up: whoever opened it meanwhile tries again
            with contextlib.suppress(OSError):  # of a lock that is given up; the run's files are closed
                os.close(self._marker)
            self._marker = -1
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):  # something lies in it
                folder.rmdir()
        self._made = []


def _lock(descriptor: int) -> None:
    """Locks an open file for this process alone; BlockingIOError or PermissionError if another holds it."""
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt

    os.lseek(descriptor, WIDTH, os.SEEK_SET)  # a byte behind what the marker says, which stays readable
    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
