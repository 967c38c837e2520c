"""Files that somebody has made with intent, each with the right digest, and what becomes of them; no part of the paper.

Each is made in one child and read in another, which is watched: beside its folder lies another one, with a file that links may
lead to, a FIFO that nobody feeds, and a program called gs. None of them may be opened, nothing run, nothing left behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from faults import crafted_contents, crafted_hdf5, crafted_lists, crafted_models, crafted_pictures, crafted_weights
from faults.damage import Verdicts, limits, verdict
from faults.injector import Nursery
from faults.kinds import KINDS, attempt, outcome, seal

LONG_AGO = 10**9  # seconds: when the files were last read
Case = tuple[str, Callable[..., None], bool]
CASES: dict[str, Case] = {
    **crafted_hdf5.cases(),
    **crafted_contents.cases(),
    **crafted_lists.cases(),
    **crafted_pictures.cases(),
    **crafted_weights.cases(),
    **crafted_models.cases(),
}


@dataclass(frozen=True)
class Elsewhere:
    """The folder that no file may reach."""

    folder: Path

    def make(self) -> None:
        (self.folder / "bin").mkdir(parents=True)
        with h5py.File(self.folder / "canary.h5", "w") as file:
            file["data"] = np.ones(4)
        (self.folder / "canary.bin").write_bytes(bytes(65536))
        os.mkfifo(self.folder / "fifo")
        program = self.folder / "bin" / "gs"
        program.write_text(f"#!/bin/sh\necho > {self.folder}/ran\n")
        program.chmod(0o755)
        for path in self.folder.rglob("*"):
            os.utime(path, (LONG_AGO, LONG_AGO))

    def touched(self) -> list[str]:
        """What was read, written or made there."""
        seen = {path: path.lstat() for path in self.folder.rglob("*") if path.parent == self.folder}
        made = [path.name for path in seen if path.name not in ("bin", "canary.h5", "canary.bin", "fifo")]
        used = [path.name for path, found in seen.items() if path.is_file() and int(found.st_atime) != LONG_AGO]
        return [f"made {name}" for name in made] + [f"read {name}" for name in used if name not in made]


def read_carelessly(how: str, elsewhere: Path) -> str:
    """A reader that the trials have to find out."""
    if how == "opens":
        (elsewhere / "canary.bin").read_bytes()
    elif how == "runs":
        subprocess.run(["sh", "-c", f"echo > {elsewhere}/ran"], check=True)
    elif how == "runs gs":
        subprocess.run(["gs"], check=True)
    elif how == "follows a link":
        with h5py.File("link.h5", "w") as file:
            file["a"] = h5py.ExternalLink(str(elsewhere / "canary.h5"), "data")
            return str(file["a"][()])
    return "something"


CARELESS: dict[str, Case] = {
    f"careless: {how}": ("classes", lambda path, _: None, False)
    for how in ("opens", "runs", "runs gs", "follows a link", "believes")
}


def make(kind: str) -> None:
    KINDS[kind].make()


def craft(case: str, elsewhere: str) -> None:
    """Spoils the sound file that lies in the present folder, and gives it the right digest."""
    kind, spoil, _ = (CASES | CARELESS)[case]
    path = Path(KINDS[kind].file)
    spoil(path, Path(elsewhere))
    seal(str(path))


def read(case: str, elsewhere: str) -> dict[str, str]:
    """What reading the file gives; the programs elsewhere come first."""
    os.environ["PATH"] = f"{elsewhere}/bin{os.pathsep}{os.environ['PATH']}"
    if case in CARELESS:
        return outcome(lambda: read_carelessly(case.removeprefix("careless: "), Path(elsewhere)))
    kind, *_ = CASES[case]
    return attempt(kind, KINDS[kind].file)


class Trials:
    """Reads files made with intent, in a folder; sound files of each kind are made once."""

    def __init__(self, nursery: Nursery, folder: Path):
        self.nursery, self.folder, self.verdicts = nursery, folder, Verdicts()

    def trial(self, case: str) -> None:
        """Makes one file and reads it."""
        kind, _, harmless = (CASES | CARELESS)[case]
        files, elsewhere = self.folder / "files", Elsewhere(self.folder / "elsewhere")
        shutil.copytree(self._sound(kind), files)
        elsewhere.make()
        names: dict[str, Any] = {"case": case, "elsewhere": str(elsewhere.folder)}
        made = self.nursery.run("faults.crafted:craft", files, **names)
        if made.status:
            raise AssertionError(f"{case} cannot be made: {made.err}")
        for path in elsewhere.folder.iterdir():
            os.utime(path, (LONG_AGO, LONG_AGO))
        ended = self.nursery.run("faults.crafted:read", files, 0, "watch", watched=elsewhere.folder, **names, **limits())
        word = verdict(ended, Path(KINDS[kind].file).name)
        reached = elsewhere.touched() + [f"opened {Path(path).name}" for _, path in ended.operations]
        word = f"{', '.join(reached)}" if reached else word
        allowed = {"refused", *(("other",) if harmless else ()), *(("refused with remarks",) if KINDS[kind].remarks else ())}
        reason = (ended.value or {}).get("message") or (ended.value or {}).get("value") or ended.err.strip()[-300:]
        self.verdicts.add(f"crafted {kind}", word, None if word in allowed else f"{case}: {str(reason)[:300]!r}")
        for folder in (files, elsewhere.folder):
            shutil.rmtree(folder)

    def _sound(self, kind: str) -> Path:
        """A folder with a sound file of this kind."""
        folder = self.folder / f"sound {kind}"
        if not folder.exists():
            folder.mkdir(parents=True)
            made = self.nursery.run("faults.crafted:make", folder, kind=kind)
            if made.status:
                raise AssertionError(f"{kind} cannot be made: {made.err}")
        return folder
