"""Whole commands that are killed at random moments and started again until they are done; no part of the paper."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
from faults.injector import KILLED, Ended, Nursery, leftovers
from faults.saves import digest
from PIL import Image

import npzf

EPOCHS = (1, 2, 3)
MOST_STARTS = 12  # until a command is done; none is killed more than three times
PICTURES = {"images/train": 15, "images/validation": 6}
OUT = "out"
COMMANDS = {
    "train": [
        *("images/train", "images/validation", "--size", "40", "--maps", "4", "4", "4", "4", "4", "--fc-units", "5"),
        *("--epochs", "3", "--batch", "4", "--save-every", "2", "--keep", *map(str, EPOCHS)),
    ],
    "visualize": ["net.h5", "images/train", "--batch", "3", "--maps", "2", "--count", "2", "--layers", "conv1", "conv3"],
    "atlas": ["net.h5", "images/train", "--batch", "3", "--count", "2", "--layers", "conv1"],
    "transfer": ["net.h5", "images/train", "--batch", "3", "--layers", "fc6", "--folds", "2"],
}


def make_workspace() -> None:
    """Images of three classes, and a net, in the folder that is the present one."""
    random = np.random.default_rng(0)
    for where, count in PICTURES.items():
        for i in range(count):
            pixels = random.integers(0, 150, (32, 32, 3), np.uint8)
            pixels[..., i % 3] += 100
            path = Path(where) / f"class{i % 3}" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    npzf.small_zfnet(3, 40, maps=(4,) * 5, fc_units=5, weight_init="he").save("net.h5")


def run_command(arguments: list[str]) -> None:
    """npzf with these arguments; states and parts are stored after every batch."""
    from npzf.__main__ import main
    from npzf.sweep import resumable
    from npzf.transfer import parts

    resumable.SAVE_INTERVAL, parts.PART_BYTES = 0.0, 1
    sys.argv = ["npzf", *arguments]
    main()


def everything() -> dict[str, str]:
    """File -> digest of each file that a command has left in OUT, but for the time it took and what is hidden."""
    return {str(path.relative_to(OUT)): _digest(path) for path in sorted(Path(OUT).rglob("[!.]*")) if path.is_file()}


def _digest(path: Path) -> str:
    if path.suffix == ".h5":
        return digest(_contents(path))
    if path.suffix == ".csv":
        return digest(_untimed_table(path))
    if path.name == "results.json":
        return digest(_untimed(json.loads(path.read_text())))
    return digest(path.read_bytes())


def _contents(path: Path) -> dict[str, Any]:
    """Every array and every attribute of an HDF5 file."""
    found: dict[str, Any] = {}

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        found.update({f"{name}@{key}": _readable(value) for key, value in item.attrs.items()})
        if isinstance(item, h5py.Dataset):
            found[name] = _readable(item[()])

    with h5py.File(path, "r") as file:
        visit("", file)
        file.visititems(visit)
    return found


def _readable(value: Any) -> Any:
    """JSON as what it says, without times."""
    try:
        return _untimed(json.loads(value))
    except (TypeError, ValueError):
        return value


def _untimed_table(path: Path) -> list[list[str]]:
    """The rows of a table without the columns of times and speeds."""
    with open(path, newline="") as file:
        head, *rows = csv.reader(file)
    kept = [place for place, name in enumerate(head) if "second" not in name]
    return [[row[place] for place in kept] for row in (head, *rows)]


def _untimed(value: Any) -> Any:
    """Without what the clock says, and without digests, which depend on it."""
    if isinstance(value, dict):
        return {key: _untimed(item) for key, item in value.items() if key not in ("seconds", "images_per_second", "sha256")}
    return [_untimed(item) for item in value] if isinstance(value, list) else value


@dataclass
class Tally:
    """What was tried and what went wrong."""

    kills: int = 0
    starts: int = 0
    wrong: list[str] = field(default_factory=list)


class Command:
    """One of COMMANDS: first run without interruption, then killed."""

    def __init__(self, nursery: Nursery, name: str, folder: Path):
        self.nursery, self.name, self.folder = nursery, name, folder
        self.arguments = [name, *COMMANDS[name], "--threads", "1", "--out", OUT]
        self.start = folder / "start"
        self.start.mkdir(parents=True)
        made = nursery.run("faults.commands:make_workspace", self.start)
        if made.status:
            raise AssertionError(made.err)
        whole = self._copy("whole")
        self.uninterrupted = nursery.run("faults.commands:run_command", whole, at=0, arguments=self.arguments)
        if self.uninterrupted.status or leftovers(whole):
            raise AssertionError(f"{name} without any fault: {self.uninterrupted.err} {leftovers(whole)}")
        self.expected = self._everything(whole)

    def trial(self, random: Random, tally: Tally, kills: int) -> None:
        """Kills the command so many times, starts it until it is done, and compares."""
        folder = self._copy(f"trial-{tally.starts}")
        arguments, history = self.arguments, []
        for start in range(MOST_STARTS):
            last = start >= kills
            ended = self._start(folder, arguments, None if last else random, history)
            tally.starts += 1
            tally.kills += ended.status == KILLED
            if advice := re.search(r"--resume ([^\s,;]+)", ended.err):
                arguments = self._resuming(advice[1])
            elif ended.status == 0:
                break
            elif ended.status != KILLED:
                tally.wrong.append(f"{self._where(history)}: {ended.err.strip().splitlines()[-1:]}")
                break
        else:
            tally.wrong.append(f"{self._where(history)}: not done after {MOST_STARTS} starts")
        if ended.status == 0:
            tally.wrong += [f"{self._where(history)}: {line}" for line in self._differences(folder, ended)]
        shutil.rmtree(folder)

    def _start(self, folder: Path, arguments: list[str], random: Random | None, history: list[str]) -> Ended:
        function = "faults.commands:run_command"
        if random is None:
            return self.nursery.run(function, folder, arguments=arguments)
        if random.random() < 0.5:
            at, mode = random.randint(1, len(self.uninterrupted.operations)), random.choice(["before", "torn", "after"])
            history.append(f"{mode} operation {at}")
            return self.nursery.run(function, folder, at, mode, arguments=arguments)
        seconds = random.uniform(0, self.uninterrupted.seconds)
        history.append(f"after {seconds:.3f} s")
        return self.nursery.run(function, folder, kill_after_s=seconds, arguments=arguments)

    def _resuming(self, checkpoint: str) -> list[str]:
        """What goes on with a run, as its message says."""
        images = COMMANDS[self.name][:2]
        return [self.name, *images, "--resume", checkpoint, "--keep", *map(str, EPOCHS), "--threads", "1"]

    def _differences(self, folder: Path, ended: Ended) -> list[str]:
        found = self._everything(folder)
        different = [file for file in sorted(found.keys() | self.expected) if found.get(file) != self.expected.get(file)]
        wrong = [f"{file} is {'missing' if file not in found else 'another'}" for file in different]
        if _last_line(ended.out) != _last_line(self.uninterrupted.out):
            wrong.append(f"its last words are {_last_line(ended.out)!r}")
        return wrong + [f"{left} is left over" for left in leftovers(folder)]

    def _everything(self, folder: Path) -> dict[str, str]:
        ended = self.nursery.run("faults.commands:everything", folder)
        if ended.status:
            raise AssertionError(f"{self.name}: {ended.err}")
        return ended.value

    def _copy(self, name: str) -> Path:
        shutil.copytree(self.start, self.folder / name)
        return self.folder / name

    def _where(self, history: list[str]) -> str:
        return f"{self.name}, killed {' and '.join(history)}"


def _last_line(text: str) -> str:
    """The last line but for what it says of outputs that it replaced, which an interrupted command has left."""
    lines = [line for line in text.strip().splitlines() if not line.startswith("replaced ")]
    return (lines or ["nothing"])[-1]
