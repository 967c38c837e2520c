"""Section 3: the course of a training run, its loss and error against the epochs."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npzf.render.figure import new_figure, save_figure, style
from npzf.storage.regular import read_regular

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("epoch", "train_loss", "train_error", "validation_loss", "validation_error", "rate")
MOST_LOG = 2**22  # bytes: some ten thousand epochs
TRAIN, VALIDATION, QUIET = "#0072b2", "#d55e00", "#6b6b6b"  # Okabe and Ito's blue and vermilion; grey


def read_log(path: str | Path) -> dict[str, np.ndarray]:
    """The log of a training run, CSV with a line of names -> {name: float64 (rows,)}; an empty cell is NaN.

    ValueError, naming the file, for missing columns (`COLUMNS`), no rows, too long a row, or a cell that is not a number.
    """
    text = read_regular(path, MOST_LOG, "the log of a training run")
    try:
        reader = csv.DictReader(io.StringIO(text.decode("utf-8"), newline=""))
        rows = list(reader)
    except (ValueError, csv.Error) as error:
        raise ValueError(
            f"{path} cannot be read as CSV ({' '.join(str(error).split())}), expected a training run's log"
        ) from None
    names = reader.fieldnames or ()
    _check_columns(names, str(path))
    if not rows:
        raise ValueError(f"{path} has no rows, expected at least one below the names")
    for number, row in enumerate(rows, 1):
        if None in row:
            raise ValueError(f"{path}: row {number} has more cells than the {len(names)} names above it, expected as many")
    log = {}
    for name in names:
        try:
            log[name] = np.array([float(row[name] or "nan") for row in rows])
        except (ValueError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"{path}: column {' '.join(name.split())[:60]} cannot be read ({reason}), expected numbers"
            ) from error
    return log


def loss_plot(log: Mapping[str, np.ndarray], path: str | Path, classes: int | None = None) -> Path:
    """Draws loss and error against epoch, training and validation, as a PNG; returns the path. Section 3.

    log: the columns of `read_log`, `COLUMNS`: epochs, losses in nats, errors in %, the learning rate. Drops of the rate to half
    or less are marked, unless it falls all the time. classes: their number C; a dotted line shows what guessing gives, ln C and
    1 - 1/C. ValueError for missing columns, OSError if the file cannot be written.
    """
    _check_columns(log, "log")
    with style():
        figure = new_figure(7.2, 2.9)
        left, right = figure.subplots(1, 2)
        guess = (None, None) if classes is None else (float(np.log(classes)), 100 * (1 - 1 / classes))
        _course(left, log, "loss", guess[0])
        _course(right, log, "error", guess[1])
        left.set_title("cross-entropy loss (nats)", loc="left")
        right.set_title("error (%)", loc="left")
        left.legend(frameon=False, loc="best", handlelength=1.4)
        return save_figure(figure, path)


def _check_columns(names: Collection[str], where: str) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}, expected the columns {', '.join(COLUMNS)}")


def _course(axes: Axes, log: Mapping[str, np.ndarray], what: str, guess: float | None) -> None:
    """One panel: the two curves of `what`, "loss" or "error", and the drops of the learning rate."""
    epoch, rate = np.asarray(log["epoch"]), np.asarray(log["rate"])
    highest = guess or 0
    for name, label, colour in (("train", "training", TRAIN), ("validation", "validation", VALIDATION)):
        values = np.asarray(log[f"{name}_{what}"])
        there = np.isfinite(values)  # epochs without validation are bridged
        marker = "o" if there.sum() < 25 else None
        axes.plot(epoch[there], values[there], color=colour, lw=1.4, marker=marker, ms=2.5, label=label)
        highest = max(highest, values[there].max(initial=0))
    if guess is not None:
        axes.axhline(guess, color=QUIET, lw=0.9, ls=":")
        axes.annotate("guessing", (1, guess), (0, 2), **_note(axes.get_yaxis_transform(), "right", "bottom"))
    above = axes.get_xaxis_transform()
    steady = (np.diff(rate) == 0).mean() >= 0.5 if len(rate) > 1 else True  # a cosine's rate falls with every epoch
    for k in np.flatnonzero(rate[1:] <= 0.5 * rate[:-1]) if steady else ():
        # An epoch's values stand at its end, so the rate fell where the epoch before ended.
        axes.axvline(epoch[k], color=QUIET, lw=0.7, ls=(0, (4, 3)), zorder=0)
        axes.annotate(f"rate {rate[k + 1]:g}", (epoch[k], 0.88), (3, 0), **_note(above, "left", "top"), rotation=90)
    axes.set_xlabel("epoch")
    axes.set_ylim(0, 1.1 * highest or 1)  # room for the words above the dotted line
    axes.locator_params(axis="x", integer=True)


def _note(coordinates: Any, across: str, up: str) -> dict[str, Any]:
    """How a small grey note is set whose position is measured in these coordinates."""
    note = {"xycoords": coordinates, "textcoords": "offset points", "ha": across, "va": up}
    return {**note, "fontsize": 7, "color": QUIET}
