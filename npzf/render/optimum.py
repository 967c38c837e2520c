"""Optimal inputs and flat directions, which section 1.1 compares with: sheets for print, animations along great circles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npzf.render.pictures import grid
from npzf.render.sheets import PAPER, labelled_grid, lettering, text_width, upscale_to, write_frames

LEGIBLE = 110  # pixels: smaller pictures are enlarged, by whole factors
MOVING, RESTING = 80, 640  # milliseconds for which a frame of a great circle stays, and the optimum


@dataclass(frozen=True)
class GreatCircles:
    """One unit along some great circles through its optimal input.

    title: which unit, and its value.
    pictures uint8 (directions, angles, h, w, 1 or 3): the inputs.
    shares (directions, angles): the unit's values there, as shares of that of the optimum.
    angles (angles,): in degrees, ascending; 0 is the optimum.
    """

    title: str
    pictures: np.ndarray
    shares: np.ndarray
    angles: Sequence[float] | np.ndarray


def optimum_sheet(units: Sequence[GreatCircles], columns: int = 2) -> np.ndarray:
    """A block for each unit, uint8 (H, W, 3): a row a direction, a column an angle, below each picture its share of the value.

    Small pictures are enlarged by a whole factor. ValueError for no units, and where pictures, shares and angles do not match.
    """
    if not len(units):
        raise ValueError("units are none, expected at least one")
    return grid([_block(unit) for unit in units], min(columns, len(units)), gap=12, background=PAPER)


def optimum_film(unit: GreatCircles, path: str | Path) -> Path:
    """Writes one unit as an animation that swings through the angles and back, its directions side by side; returns the path.

    The end of `path` chooses lossless .webp or .gif. Errors as for `optimum_sheet` and `write_frames`.
    """
    pictures, shares = _large(unit)
    names = [f"direction {k}" for k in range(1, len(pictures) + 1)]
    titles = [f"{unit.title}, at {angle:.0f}°" for angle in unit.angles]
    longest = max(titles, key=len)  # sets the size of the letters in all frames
    frames = []
    for k, title in enumerate(titles):
        notes = [[f"{100 * share:.0f} %" for share in shares[:, k]]]
        body = labelled_grid(pictures[:, k][None], names, [""], "", notes)
        frames.append(_with_title(title, body, longest))
    times = [RESTING if angle == 0 else MOVING for angle in unit.angles]
    return write_frames(frames + frames[-2:0:-1], path, times + times[-2:0:-1])


def _block(unit: GreatCircles) -> np.ndarray:
    pictures, shares = _large(unit)
    heads = [f"{angle:.0f}°" for angle in unit.angles]
    notes = [[f"{100 * share:.0f} %" for share in row] for row in shares]
    numbers = [f"{k}" for k in range(1, len(pictures) + 1)]
    return _with_title(unit.title, labelled_grid(pictures, heads, numbers, "", notes))


def _with_title(title: str, body: np.ndarray, longest: str = "") -> np.ndarray:
    """The title above the body, on a line of its own, in letters in which it fits, and the longest of its kind."""
    widest, room = max(title, longest, key=len), body.shape[1] - 24
    size = max(size for size in range(8, 21) if size == 8 or text_width(widest, size) <= room)
    head = lettering(title, size, 32, body.shape[1] - 12)
    return np.concatenate([np.pad(head, [(0, 0), (12, 0), (0, 0)], constant_values=PAPER), body])


def _large(unit: GreatCircles) -> tuple[np.ndarray, np.ndarray]:
    """Pictures in three channels, large enough, and the shares; ValueError where they do not match."""
    pictures, shares = upscale_to(unit.pictures, "directions, angles", LEGIBLE), np.asarray(unit.shares)
    if shares.shape != pictures.shape[:2] or len(unit.angles) != pictures.shape[1]:
        found, expected = f"{shares.shape} and {len(unit.angles)}", f"{pictures.shape[:2]} and {pictures.shape[1]}"
        raise ValueError(f"shares and angles are {found}, expected {expected}, as the pictures are")
    return pictures, shares
