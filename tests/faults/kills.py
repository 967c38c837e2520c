"""Kills at every operation of a save, and disks that are full there: what is found afterwards; no part of the paper."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from faults.injector import KILLED, Ended, Nursery, leftovers
from faults.saves import KNOWN

from npzf.training.run_folder import MARKER

MODES = ("before", "torn", "after")


class Save:
    """One of saves.KNOWN in folders of its own, first without any fault: before, after: file -> digest; operations."""

    def __init__(self, nursery: Nursery, name: str, folder: Path):
        self.nursery, self.name, self.folder = nursery, name, folder
        self.start = folder / "start"
        self.start.mkdir(parents=True)
        self.before = self._succeeds(nursery.run("faults.saves:prepare", self.start, name=name))
        whole = self.copy("whole")
        done = nursery.run("faults.saves:save", whole, at=0, name=name)
        self._succeeds(done)
        self.operations = done.operations
        self.after = self._succeeds(nursery.run("faults.saves:look", whole, name=name))
        if left := leftovers(whole):
            raise AssertionError(f"{name} without any fault leaves {left}")

    def copy(self, name: str) -> Path:
        """A fresh folder with what was there before."""
        shutil.copytree(self.start, self.folder / name)
        return self.folder / name

    def kill(self, at: int, mode: str) -> list[str]:
        """What is wrong after a kill at this operation."""
        folder = self.copy(f"{at}-{mode}")
        ended = self.nursery.run("faults.saves:save", folder, at, mode, name=self.name)
        wrong = [] if ended.status == KILLED else [f"the child ended with {ended.status} instead of being killed: {ended.err}"]
        wrong += self._next_start(folder)
        shutil.rmtree(folder)
        return [f"{self.name}, killed {mode} {self._operation(at)}: {line}" for line in wrong]

    def fails(self, at: int, mode: str) -> list[str]:
        """What is wrong after this operation has failed: "full", the disk, or "once"."""
        folder = self.copy(f"{at}-{mode}")
        ended = self.nursery.run("faults.saves:save", folder, at, mode, name=self.name)
        wrong = self._refused(ended) + self._next_start(folder, succeeded=ended.status == 0)
        shutil.rmtree(folder)
        return [f"{self.name}, {mode} at {self._operation(at)}: {line}" for line in wrong]

    def limited(self, size: int) -> list[str]:
        """What is wrong where no file may be larger than size bytes."""
        folder = self.copy(f"limit-{size}")
        ended = self.nursery.run("faults.saves:save", folder, name=self.name, file_size=size)
        wrong = self._refused(ended) + self._next_start(folder, succeeded=ended.status == 0)
        shutil.rmtree(folder)
        return [f"{self.name}, files of at most {size} bytes: {line}" for line in wrong]

    def out_of_order(self) -> Iterator[str]:
        """Renamed files that were not fsynced since they were last written, and folders that were not after a rename.

        A kill does not show it, since what was written survives it in the memory of the system; a power cut would.
        """
        dirty, folders = set[str](), set[str]()
        opened = ""
        for what, path in self.operations:
            if what in ("write", "truncate"):
                dirty.add(path)
                opened = path
            elif what == "fsync":
                dirty.discard(path)
                folders.discard(path)
            elif what in ("rename", "link"):
                if opened in dirty:
                    yield f"{self.name}: {Path(path).name} gets its name before {Path(opened).name} is fsynced"
                folders.add(str(Path(path).parent))
        yield from (f"{self.name}: the folder is not fsynced after its last rename" for _ in folders)

    def _next_start(self, folder: Path, succeeded: bool = False) -> list[str]:
        ended = self.nursery.run("faults.saves:next_start", folder, name=self.name)
        if ended.status:
            return [f"the next start fails: {_last_line(ended.err)}"]
        found, again = ended.value["found"], ended.value["again"]
        wrong = []
        for file in KNOWN[self.name].files:
            if found[file] not in (self.before[file], self.after[file]):
                wrong.append(f"{file} is neither the earlier nor the new one")
            if succeeded and found[file] != self.after[file]:
                wrong.append(f"{file} is not saved, and nothing was said")
        if again != self.after:
            names = [file for file in again if again[file] != self.after[file]]
            wrong.append(f"{', '.join(names)} of the next start differ from those of the uninterrupted one")
        return wrong + [f"{left} is left over" for left in leftovers(folder)]

    def _refused(self, ended: Ended) -> list[str]:
        """What is wrong with the message of a child that could not write."""
        if ended.status == 0:
            return []
        line = _last_line(ended.err)
        wrong = [] if line.startswith("OSError: ") else [f"it says {line!r}, expected an OSError"]
        if not any(word in line for word in (MARKER, *(Path(file).suffix for file in KNOWN[self.name].files))):
            wrong.append(f"it says {line!r}, expected the name of the file")
        return wrong

    def _operation(self, at: int) -> str:
        what, path = self.operations[at - 1]
        return f"{what} {at} of {len(self.operations)} ({Path(path).name})"

    def _succeeds(self, ended: Ended) -> dict[str, str | None]:
        if ended.status:
            raise AssertionError(f"{self.name} without any fault: {ended.err}")
        return ended.value


Trial = Callable[[], list[str]]


def every_kill(save: Save) -> Iterator[Trial]:
    """What is wrong after a kill before, in and after every operation, when it is called; torn ones are writes."""
    for at, (what, _) in enumerate(save.operations, 1):
        for mode in MODES:
            if mode != "torn" or what == "write":
                yield partial(save.kill, at, mode)


def every_full_disk(save: Save) -> Iterator[Trial]:
    """What is wrong if the disk is full from an operation on, for each, if each fails once, and if files cannot grow."""
    for at, (what, _) in enumerate(save.operations, 1):
        if what != "unlink":
            yield partial(save.fails, at, "full")
            yield partial(save.fails, at, "once")
    largest = max((path.stat().st_size for path in (save.folder / "whole").rglob("*") if path.is_file()), default=0)
    for part in range(4):
        yield partial(save.limited, 1 + largest * part // 4)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing"])[-1]
