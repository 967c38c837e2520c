"""Figure 4, and the optimal inputs of section 1.1: rows and columns of pictures with their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from npzf.render.pictures import enlarge
from npzf.render.sheets.lettering import PALE_INK, PAPER, lettering, text_width


def labelled_grid(
    pictures: np.ndarray,
    heads: Sequence[str],
    names: Sequence[str],
    corner: str = "",
    notes: Sequence[Sequence[str]] | None = None,
) -> np.ndarray:
    """Pictures uint8 (rows, columns, h, w, 3) -> uint8 (H, W, 3), in letters a sixth as high as w.

    heads stand above the columns, names left of the rows, corner above the names, and notes, a row of them for each row, below
    the pictures. ValueError for another number of names, heads or notes.
    """
    rows, columns, height, width = pictures.shape[:4]
    found, expected = [len(names), len(heads)], [rows, columns]
    if notes is not None:
        found, expected = [*found, *map(len, notes)], [*expected, *[columns] * rows]
    if found != expected:
        raise ValueError(f"names, heads and notes are {found}, expected {expected}, as the rows and columns of pictures")
    gap, size = max(2, width // 24), max(12, width // 6)
    margin = size // 2 + max(text_width(text, size) for text in (corner, *names))
    tops = [lettering(head, size, 2 * size, width, align="middle") for head in heads]
    lines = [_join([lettering(corner, size, 2 * size, margin), *tops], gap, axis=1)]
    for k, (name, row) in enumerate(zip(names, pictures, strict=True)):
        line = _join([lettering(name, size, height, margin), *row], gap, axis=1)
        if notes is not None:
            below = [lettering(note, size, 2 * size, width, align="middle", ink=PALE_INK) for note in notes[k]]
            under = _join([np.full((2 * size, margin, 3), PAPER, np.uint8), *below], gap, axis=1)
            line = np.concatenate([line, under])
        lines.append(line)
    return np.pad(_join(lines, gap, axis=0), [(0, size), (size, size), (0, 0)], constant_values=PAPER)


def upscale_to(pictures: np.ndarray, what: str, side: int) -> np.ndarray:
    """Pictures uint8 (rows, columns, h, w, 1 or 3) in three channels, enlarged by a whole factor if smaller than `side`.

    what: the names of the rows and columns, for the ValueError that another kind of array gets.
    """
    pictures = np.asarray(pictures)
    if pictures.dtype != np.uint8 or pictures.ndim != 5 or pictures.shape[4] not in (1, 3) or not pictures.size:
        raise ValueError(f"pictures are {pictures.dtype} {pictures.shape}, expected uint8 ({what}, h, w, 1 or 3), not empty")
    pictures = np.broadcast_to(pictures, (*pictures.shape[:4], 3))
    return enlarge(pictures, math.ceil(side / max(pictures.shape[2:4])))


def _join(parts: Sequence[np.ndarray], gap: int, axis: int) -> np.ndarray:
    """Pictures one after the other along `axis`, `gap` pixels of paper between them."""
    after = [(0, 0), (0, 0), (0, 0)]
    after[axis] = (0, gap)
    padded = [np.pad(part, after, constant_values=PAPER) for part in parts[:-1]]
    return np.concatenate([*padded, parts[-1]], axis=axis)
