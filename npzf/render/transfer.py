"""Tables 4 to 7 and figure 9 as plots, and what a classifier takes for what (section 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npzf.render.figure import legend_label, new_figure, save_figure, style
from npzf.text import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito's
QUIET = "#6b6b6b"
MARKERS = "os^Dvp"
COLUMNS = 4  # of the sheet of mistakes
LETTERS = 70  # of heads side by side in a figure; more are turned
CLOSEST = 0.03  # of the axis, between two numbers below it
MOST_NAMES = 40  # classes whose names are written beside the confusion matrix

Row = tuple[str, Sequence[tuple[float, float | None] | None]]  # label, (mean, deviation) for each head


def result_figure(
    title: str,
    what: str,
    heads: Sequence[str],
    rows: Sequence[Row],
    path: str | Path,
    *,
    unit: str = "accuracy (%), mean over classes",
    ordered: bool = True,
) -> Path:
    """Draws rows of percentages against the heads, with deviations, as figure 9; those whose label begins with "paper" in grey.

    what: the heads' name; heads that are all numbers lie to scale. ordered: lines lead from head to head. Returns the path.
    OSError if the file cannot be written.
    """
    numbers = all(head.isdecimal() for head in heads)
    places = np.array([int(head) for head in heads]) if numbers else np.arange(len(heads))
    turned = not numbers and sum(len(head) + 2 for head in heads) > LETTERS
    width = 5.6 if numbers else min(10.0, max(5.6, 0.9 + 0.75 * len(heads)))
    with style():
        figure = new_figure(width, 3.2 + 0.2 * len(rows))
        axes = figure.subplots()
        ours = paper = 0
        line = {} if ordered else {"ls": "none"}
        for label, cells in rows:
            there = [k for k, cell in enumerate(cells) if cell is not None]
            means = [cells[k][0] for k in there]  # type: ignore[index]
            deviations = [cells[k][1] or 0.0 for k in there]  # type: ignore[index]
            if label.startswith("paper"):
                look: dict[str, Any] = {"color": QUIET, "ls": (0, (4, 2)), "marker": MARKERS[paper % 6], "mfc": "white"}
                paper += 1
            else:
                look = {"color": COLOURS[ours % 6], "marker": MARKERS[ours % 6]}
                ours += 1
            axes.errorbar(places[there], means, deviations, label=legend_label(label), capsize=2.5, ms=4, lw=1.4, **look | line)
        axes.set_title(title, loc="left", parse_math=False)
        axes.set(xlabel=what, ylabel=unit)
        words = _apart(places, heads) if numbers else heads
        axes.set_xticks(places, words, rotation=40 if turned else 0, ha="right" if turned else "center", parse_math=False)
        axes.grid(axis="y", color="#e5e5e5", lw=0.7)
        axes.set_axisbelow(True)
        _plain(figure.legend(frameon=False, loc="outside lower left", handlelength=2).get_texts())
        return save_figure(figure, path)


def _apart(places: np.ndarray, heads: Sequence[str]) -> list[str]:
    """The heads without those that would touch the one before."""
    words, last, least = [], -np.inf, CLOSEST * (places[-1] - places[0])
    for place, head in zip(places, heads, strict=True):
        words.append(head if place - last > least else "")
        last = place if place - last > least else last
    return words


def confusion_figure(table: np.ndarray, classes: Sequence[str], path: str | Path) -> Path:
    """Draws a confusion matrix (classes, classes): of the row's class, the percent that was taken for the column's; the path."""
    counts = table.sum(1, keepdims=True)
    percent = 100 * table / np.maximum(counts, 1)
    count, names = len(classes), [short(name) for name in classes]
    side = min(9.0, 2.2 + 0.32 * count)
    with style():
        figure = new_figure(side + 1, side)
        axes = figure.subplots()
        image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100, interpolation="nearest")
        axes.set(xlabel="taken for", ylabel="class")
        if count <= MOST_NAMES:
            axes.set_xticks(range(count), names, rotation=90, parse_math=False)
            axes.set_yticks(range(count), names, parse_math=False)
        if count <= 15:
            for row, column in zip(*np.nonzero(table), strict=True):
                colour = "white" if percent[row, column] > 55 else "#333333"
                axes.text(column, row, str(table[row, column]), ha="center", va="center", fontsize=7, color=colour)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.6, label="% of the class")
        bar.outline.set_visible(False)
        return save_figure(figure, path)


def mistakes_figure(pictures: Sequence[np.ndarray], captions: Sequence[str], path: str | Path) -> Path:
    """Draws pictures uint8 (H, W, C) with a caption above each, four in a row; returns the path. ValueError if there are none."""
    if not pictures:
        raise ValueError("pictures are none, expected at least one")
    rows = -(-len(pictures) // COLUMNS)
    with style():
        figure = new_figure(8.0, 2.35 * rows)
        panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for axes in panels:
            axes.axis("off")
        for axes, picture, caption in zip(panels, pictures, captions, strict=False):
            _show(axes, picture, caption)
        return save_figure(figure, path)


def _show(axes: Axes, picture: np.ndarray, caption: str) -> None:
    axes.imshow(picture if picture.shape[2] == 3 else picture[:, :, 0], cmap="gray", vmin=0, vmax=255)
    axes.set_title(caption, loc="left", fontsize=7, parse_math=False)


def _plain(texts: Sequence[Any]) -> None:
    """A class or a file may be called $x$: no text is taken for a formula."""
    for text in texts:
        text.set_parse_math(False)
