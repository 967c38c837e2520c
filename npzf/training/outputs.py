"""best.h5 and log.csv, beside the checkpoint of section 3's training: made good again where a run ended between two of them."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from npzf.storage.atomic import atomic_write, atomic_write_csv
from npzf.training import checkpoint
from npzf.training.run_folder import BEST, LOG, PREVIOUS

log = logging.getLogger("npzf")


def write_log(folder: Path, rows: Sequence[dict[str, float]]) -> None:
    """Writes log.csv, a row an epoch; removes it if there is none."""
    if rows:
        atomic_write_csv(folder / LOG, [list(rows[0]), *(list(row.values()) for row in rows)])
    else:
        (folder / LOG).unlink(missing_ok=True)


def best_epoch(rows: Sequence[dict[str, float]]) -> int:
    """The epoch, counted from 1, whose validation error is the lowest, the first of them; 0 without rows."""
    errors = [row["validation_error"] for row in rows]
    return errors.index(min(errors)) + 1 if errors else 0


def make_best_good(
    folder: Path, rows: Sequence[dict[str, float]], epoch: int, save: Callable[[Path], None] | None, changed: bool
) -> None:
    """Makes best.h5 the net of the best of these epochs, where that is still known, and says so where it is not.

    epoch: how many the state of training has done. save: writes that state, None if it is not one of an epoch's end. changed:
    the epochs to come are not those that may have been trained already.
    """
    best, wanted = folder / BEST, best_epoch(rows)
    found = _epoch_of(best)
    if found == wanted or not wanted:
        return
    if save and wanted == epoch:
        save(best)
    elif _epoch_of(folder / PREVIOUS) == wanted:
        with open(folder / PREVIOUS, "rb") as source, atomic_write(best) as copy:
            shutil.copyfileobj(source, copy)
    elif found is None:
        words = "damaged" if best.exists() else "missing"
        log.warning("%s, the net of epoch %d, is %s: the next epoch of a lower error writes it again", best, wanted, words)
    elif found <= epoch or changed:  # else the epoch after this is trained again, to the same bits
        log.warning("%s is of epoch %d of other training; the next epoch of a lower error writes it again", best, found)


def _epoch_of(path: Path) -> int | None:
    """After how many epochs this checkpoint of an epoch's end was written, None if it cannot be read or is none."""
    with contextlib.suppress(ValueError, OSError, KeyError, TypeError):
        _, state = checkpoint.read(path)
        return None if state["batch"] else int(state["epoch"])
    return None
