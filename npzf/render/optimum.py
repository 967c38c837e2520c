"""Optimal inputs and invariances, which section 1.1 compares with: sheets for print, and animations along great circles."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npzf.render.labelled import labelled, upscale_to, write_frames
from npzf.render.lettering import PAPER, lettering, text_width
from npzf.render.pictures import grid

LEGIBLE = 110  # pixels: smaller pictures are enlarged, by whole factors
MOVING, RESTING = 80, 640  # milliseconds that a frame of a great_circle stays, and the optimum


@dataclass(frozen=True)
class Exhibit:
    """One unit along some great circles through its optimal input.

    title: which unit, and its value; pictures uint8 (directions, angles, h, w, 1 or 3); kept (directions, angles): the values,
    as shares of that of the optimum; angles (angles,), in degrees, ascending, 0 being the optimum.
    """

    title: str
    pictures: np.ndarray
    kept: np.ndarray
    angles: Sequence[float]


def optimum_sheet(exhibits: Sequence[Exhibit], columns: int = 2) -> np.ndarray:
    """A block for each unit, uint8 (H, W, 3): a row a direction, a column an angle, below each picture what is kept.

    Small pictures are enlarged by a whole factor. ValueError for no exhibits, and where pictures, kept and angles do not match.
    """
    if not len(exhibits):
        raise ValueError("exhibits are none, expected at least one")
    return grid([_block(one) for one in exhibits], min(columns, len(exhibits)), gap=12, background=PAPER)


def optimum_film(exhibit: Exhibit, path: str | Path) -> Path:
    """Write one unit as an animation that swings through the angles and back, its directions side by side; returns the path.

    The end of `path` chooses lossless .webp or .gif. Errors as for `optimum_sheet` and `write_frames`.
    """
    pictures, kept = _checked(exhibit)
    names = [f"direction {k}" for k in range(1, len(pictures) + 1)]
    titles = [f"{exhibit.title}, at {angle:.0f}°" for angle in exhibit.angles]
    longest = max(titles, key=len)  # sets the size of the letters in all frames
    frames = []
    for k, title in enumerate(titles):
        notes = [[f"{100 * share:.0f} %" for share in kept[:, k]]]
        frames.append(_titled(title, labelled(pictures[:, k][None], names, [""], "", notes), longest))
    times = [RESTING if angle == 0 else MOVING for angle in exhibit.angles]
    return write_frames(frames + frames[-2:0:-1], path, times + times[-2:0:-1])


def _block(exhibit: Exhibit) -> np.ndarray:
    pictures, kept = _checked(exhibit)
    heads = [f"{angle:.0f}°" for angle in exhibit.angles]
    notes = [[f"{100 * share:.0f} %" for share in row] for row in kept]
    return _titled(exhibit.title, labelled(pictures, heads, [f"{k}" for k in range(1, len(pictures) + 1)], "", notes))


def _titled(title: str, body: np.ndarray, longest: str = "") -> np.ndarray:
    """The title above, on a line of its own, in letters in which it fits, and the longest of its kind."""
    widest, room = max(title, longest, key=len), body.shape[1] - 24
    size = max(size for size in range(8, 21) if size == 8 or text_width(widest, size) <= room)
    head = lettering(title, size, 32, body.shape[1] - 12)
    return np.concatenate([np.pad(head, [(0, 0), (12, 0), (0, 0)], constant_values=PAPER), body])


def _checked(exhibit: Exhibit) -> tuple[np.ndarray, np.ndarray]:
    """Pictures in three channels, large enough, and what is kept."""
    pictures, kept = upscale_to(exhibit.pictures, "directions, angles", LEGIBLE), np.asarray(exhibit.kept)
    if kept.shape != pictures.shape[:2] or len(exhibit.angles) != pictures.shape[1]:
        found = f"{kept.shape} and {len(exhibit.angles)}"
        raise ValueError(
            f"kept and angles must be {pictures.shape[:2]} and {pictures.shape[1]}, as the pictures are; got {found}"
        )
    return pictures, kept
