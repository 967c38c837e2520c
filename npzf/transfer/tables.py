"""Tables 4 to 7 as text in the paper's form, and as CSV (section 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from npzf.storage.atomic import atomic_write_csv
from npzf.text import printable


@dataclass(frozen=True)
class Cell:
    """One number in percent, with its deviation over so many splits, where it has one; seconds: what it took."""

    mean: float
    deviation: float | None = None
    splits: int | None = None
    seconds: float | None = None

    @classmethod
    def over(cls, percents: Sequence[float], seconds: float | None = None) -> Cell:
        """Mean and deviation (of a sample) over splits; a single one has no deviation."""
        deviation = float(np.std(percents, ddof=1)) if len(percents) > 1 else None
        return cls(float(np.mean(percents)), deviation, len(percents), seconds)

    def __str__(self) -> str:
        return f"{self.mean:.1f}" if self.deviation is None else f"{self.mean:.1f} +- {self.deviation:.1f}"


@dataclass
class Table:
    """Rows of cells under heads; a row is a method, and None stands where there is no number. corner: what the heads are.

    down: the text has a line for each head instead, and a column for each method, as Table 6 has.
    """

    title: str
    corner: str
    heads: tuple[str, ...]
    rows: list[tuple[str, tuple[Cell | None, ...]]] = field(default_factory=list)
    down: bool = False

    def add(self, label: str, cells: Sequence[Cell | None]) -> None:
        """One more row; ValueError unless it has a cell for each head."""
        if len(cells) != len(self.heads):
            raise ValueError(f"cells are {len(cells)}, expected {len(self.heads)}, one for each of {', '.join(self.heads)}")
        self.rows.append((label, tuple(cells)))

    def text(self) -> str:
        """The table in columns, as the paper has it."""
        lines = [[self.corner, *self.heads], *([label, *(_text(cell) for cell in cells)] for label, cells in self.rows)]
        lines = [[printable(text) for text in line] for line in lines]
        if self.down:
            lines = [list(column) for column in zip(*lines, strict=True)]
        wide = [max(len(text) for text in column) for column in zip(*lines, strict=True)]
        formatted = [
            f"{label:<{wide[0]}}" + "".join(f"   {text:>{wide[k]}}" for k, text in enumerate(texts, 1)) for label, *texts in lines
        ]
        return "\n".join([printable(self.title), *(line.rstrip() for line in formatted)])

    def seconds(self) -> str:
        """What the numbers took, a line for each row that knows it; no text if none does."""
        lines = []
        for label, cells in self.rows:
            known = [
                (head, cell.seconds) for head, cell in zip(self.heads, cells, strict=True) if cell and cell.seconds is not None
            ]
            if known:
                lines.append(f"{label}: " + ", ".join(f"{head} in {seconds:.0f} s" for head, seconds in known))
        return "\n".join(lines)

    def write_csv(self, path: str | Path) -> Path:
        """Writes a line for each number: method, column, mean, deviation, splits, seconds; percent, empty where unknown."""
        rows: list[list[Any]] = [["method", self.corner, "mean", "deviation", "splits", "seconds"]]
        for label, cells in self.rows:
            for head, cell in zip(self.heads, cells, strict=True):
                if cell is not None:
                    numbers = (f"{cell.mean:.3f}", cell.deviation, cell.splits, cell.seconds)
                    rows.append([label, head, *(_plain(number) for number in numbers)])
        return atomic_write_csv(path, rows)


def _text(cell: Cell | None) -> str:
    return "" if cell is None else str(cell)


def _plain(number: float | int | str | None) -> str:
    return "" if number is None else f"{number:.3f}" if isinstance(number, float) else str(number)
