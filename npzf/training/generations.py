"""Two generations of the checkpoint: before one of an epoch's end is replaced, it becomes previous.h5; no part of the paper."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npzf.network import Network
from npzf.storage.atomic import atomic_write
from npzf.training import checkpoint
from npzf.training.run_folder import CHECKPOINT, PREVIOUS


@dataclass(frozen=True)
class Stored:
    """A checkpoint that was read: where it lies, its net, and the state of training."""

    path: Path
    net: Network
    state: dict[str, Any]


def stored(path: str | Path) -> Stored:
    """What a checkpoint holds; FileNotFoundError or ValueError, in one line that names a whole one beside it, if there is one."""
    path = Path(path)
    try:
        return Stored(path, *checkpoint.read(path))
    except (FileNotFoundError, ValueError) as error:
        hint = _whole_one_beside(path)
        raise type(error)(f"{error}; {hint}" if hint else str(error)) from error


def keep_previous(path: Path) -> None:
    """The file at path becomes previous.h5 beside it, and stays at path too: the same file under two names, or a copy."""
    previous = path.with_name(PREVIOUS)
    linked = path.with_name(f".{PREVIOUS}.{uuid.uuid4().hex[:8]}.partial")
    try:
        os.link(path, linked)
        os.replace(linked, previous)
    except OSError:  # a file system without links
        with open(path, "rb") as source, atomic_write(previous) as copy:
            shutil.copyfileobj(source, copy)
    finally:
        with contextlib.suppress(OSError):  # os.replace does nothing where both names are of one file already
            linked.unlink(missing_ok=True)


def _whole_one_beside(path: Path) -> str | None:
    """Words that name the other generation in the folder, if it can be read."""
    for name in (CHECKPOINT, PREVIOUS):
        other = path.with_name(name)
        if other == path or not other.exists():
            continue
        with contextlib.suppress(ValueError, OSError, KeyError, TypeError):
            _, state = checkpoint.read(other)
            return f"{other} beside it is whole, {place(state['epoch'], state['batch'])}"
    return None


def place(epoch: int, batch: int) -> str:
    """Where a state of training is, in words: epochs that are done, batches of the next."""
    if batch:
        return f"in epoch {epoch + 1} after batch {batch}"
    return f"after epoch {epoch}" if epoch else "before the first batch"
