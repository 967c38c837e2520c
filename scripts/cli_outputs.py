"""What the scripts write: their own earlier outputs are replaced, and named; whatever else is there stays as it is."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from cli_options import some

from npzf.storage import hdf5
from npzf.storage.atomic import before_writing
from npzf.storage.output import check_output
from npzf.text import shortened
from npzf.training.run_folder import BEST, CHECKPOINT, EPOCHS, LOG, MARKER, PREVIOUS

OF_A_RUN = (CHECKPOINT, PREVIOUS, BEST, LOG, MARKER)  # are guarded by the run (npzf.training)
GO_ON = ("unfinished.h5", "results.json")  # are read before they are written
NAME_MAX = 255  # bytes of the name of a file or folder
NAMED = 5  # files that are named when they have been replaced


class OutFile(str):
    """The name of a file to be written."""


class OutNet(OutFile):
    """The name of a net to be written."""


class OutFolder(str):
    """The name of a folder to write to."""


def out_file(text: str) -> OutFile:
    """What the name of a file to be written is read with."""
    return OutFile(some(text))


def out_net(text: str) -> OutNet:
    """What the name of a net to be written is read with."""
    return OutNet(some(text))


def out_folder(text: str) -> OutFolder:
    """What the name of a folder to write to is read with."""
    return OutFolder(some(text))


@contextlib.contextmanager
def outputs(args: argparse.Namespace) -> Iterator[None]:
    """Checks the outputs that the options name, and within, each file that is written there; prints what was replaced.

    ValueError or OSError, in one line, before anything is replaced: for a file that is also read, and for one that npzf has not
    written.
    """
    outs = {f"--{name}": value for name, value in vars(args).items() if isinstance(value, OutFile | OutFolder)}
    for option, out in outs.items():
        check(option, out, inputs(args))
    places = [os.path.abspath(out) for out in outs.values()]
    written, replaced = set(), []

    def before(path: Path) -> None:
        where = os.path.abspath(path)
        ours = any(where in (place, f"{place}.data") or where.startswith(os.path.join(place, "")) for place in places)
        if ours and where not in written and path.name not in (*OF_A_RUN, *GO_ON) and path.parent.name != EPOCHS:
            if check_output(path):
                replaced.append(path)
            written.add(where)

    try:
        with before_writing(before):
            yield
    finally:
        if replaced:
            print(replacement(replaced))


def check(option: str, out: str, read: list[str]) -> None:
    """The error of `outputs`, unless the output can be written."""
    check_place(option, out)
    if isinstance(out, OutFolder):
        if os.path.lexists(out) and not os.path.isdir(out):
            raise NotADirectoryError(f"{option} is {out}, a file, expected a folder to write to")
        return
    for path in read:
        if os.path.exists(out) and os.path.exists(path) and os.path.samefile(out, path):
            raise ValueError(f"{option} is {out}, which is also read: expected another file")
    if check_output(out, option) and isinstance(out, OutNet):
        check_net(option, Path(out))


def check_net(option: str, out: Path) -> None:
    """ValueError if the net would replace a run's, a checkpoint, or another thing than a net."""
    if out.name in OF_A_RUN or out.parent.name == EPOCHS:
        raise ValueError(f"{option} is {out}, which may be of a run: expected another name")
    if out.suffix == ".h5":
        with hdf5.read(out, remedy="name another output") as file:
            if "training" in file:
                raise ValueError(f"{option} is {out}, a checkpoint: expected another name")


def check_place(option: str, out: str) -> None:
    """OSError if nothing can be written there: in a file, in a folder that is not to be written to, under a name too long."""
    parts, above = Path(out).parts, Path(out).absolute().parent
    if longest := [part for part in parts if len(os.fsencode(part)) > NAME_MAX]:
        raise OSError(f"{option} is {shortened(longest[0])}, expected names of at most {NAME_MAX} bytes")
    while not os.path.lexists(above) and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise NotADirectoryError(f"{option} is {out}, but {above} is no folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise PermissionError(f"{option} is {out}, but {above} cannot be written to")


def claim(folder: str | Path, *names: str) -> None:
    """NotOurs, before the work is done, if one of these files of a folder is there and was not written by npzf."""
    for name in names:
        check_output(Path(folder) / name)


def inputs(args: argparse.Namespace) -> list[str]:
    """The names on the command line of what may be read."""
    values = [value if isinstance(value, list) else [value] for value in vars(args).values()]
    return [one for value in values for one in value if isinstance(one, str) and not isinstance(one, OutFile | OutFolder)]


def replacement(paths: list[Path]) -> str:
    """One line for all files that have been replaced."""
    if len(paths) == 1:
        return f"replaced {paths[0]}, an earlier output"
    names = ", ".join(path.name for path in paths[:NAMED]) + (", ..." if len(paths) > NAMED else "")
    return f"replaced {len(paths)} earlier outputs in {os.path.commonpath([path.parent for path in paths]) or '.'}: {names}"
