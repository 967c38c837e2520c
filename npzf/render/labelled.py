"""Figure 4, and the optimal inputs of section 1.1: rows of pictures with their names, and frames as an animation."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from npzf.render.lettering import PALE_INK, PAPER, lettering, text_width
from npzf.render.pictures import enlarge
from npzf.storage.atomic import atomic_write_bytes


def labelled(
    pictures: np.ndarray,
    heads: Sequence[str],
    names: Sequence[str],
    corner: str = "",
    notes: Sequence[Sequence[str]] | None = None,
) -> np.ndarray:
    """Pictures uint8 (rows, columns, h, w, 3) -> uint8 (H, W, 3), with the size of letters a sixth of w.

    heads stand above the columns, names left of the rows, corner above the names, and notes, if there are any, a row of them for
    each row, below the pictures. ValueError when they are not as many as the rows and columns.
    """
    rows, columns, height, width = pictures.shape[:4]
    counts = [len(names), len(heads), *(len(row) for row in notes or ())]
    if counts != [rows, columns] + [columns] * (0 if notes is None else rows):
        raise ValueError(f"names, heads and notes must be as many as {rows} rows and {columns} columns, got {counts}")
    gap, size = max(2, width // 24), max(12, width // 6)
    margin = size // 2 + max(text_width(text, size) for text in (corner, *names))
    tops = [lettering(head, size, 2 * size, width, align="middle") for head in heads]
    lines = [_joined([lettering(corner, size, 2 * size, margin), *tops], gap, axis=1)]
    for k, (name, row) in enumerate(zip(names, pictures, strict=True)):
        line = _joined([lettering(name, size, height, margin), *row], gap, axis=1)
        if notes is not None:
            below = [lettering(note, size, 2 * size, width, align="middle", ink=PALE_INK) for note in notes[k]]
            under = _joined([np.full((2 * size, margin, 3), PAPER, np.uint8), *below], gap, axis=1)
            line = np.concatenate([line, under])
        lines.append(line)
    return np.pad(_joined(lines, gap, axis=0), [(0, size), (size, size), (0, 0)], constant_values=PAPER)


def write_frames(frames: Sequence[np.ndarray], path: str | Path, times: Sequence[int]) -> Path:
    """Write frames uint8 (H, W, 3) as an endless animation, each for its time in milliseconds; returns the path.

    The end of `path` chooses lossless .webp or .gif (256 colours). ValueError for other endings or another number of times,
    OSError if the file cannot be written.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in ("webp", "gif"):
        raise ValueError(f"path must end in .webp or .gif, got {path}")
    if len(times) != len(frames) or not len(frames):
        raise ValueError(f"times must be as many as the frames, at least one; got {len(times)} and {len(frames)}")
    first, *others = [Image.fromarray(frame) for frame in frames]
    options = {"lossless": True, "method": 2} if kind == "webp" else {"optimize": False}
    file = io.BytesIO()
    first.save(file, kind, save_all=True, append_images=others, duration=list(times), loop=0, **options)
    return atomic_write_bytes(path, file.getvalue())


def upscale_to(pictures: np.ndarray, what: str, side: int) -> np.ndarray:
    """Pictures uint8 (rows, columns, h, w, 1 or 3) in three channels, enlarged by a whole factor if smaller than `side`.

    ValueError for another kind of array; what: the names of its rows and columns there.
    """
    pictures = np.asarray(pictures)
    if pictures.dtype != np.uint8 or pictures.ndim != 5 or pictures.shape[4] not in (1, 3) or not pictures.size:
        raise ValueError(f"pictures must be uint8 ({what}, h, w, 1 or 3), not empty, got {pictures.dtype} {pictures.shape}")
    pictures = np.broadcast_to(pictures, (*pictures.shape[:4], 3))
    return enlarge(pictures, math.ceil(side / max(pictures.shape[2:4])))


def _joined(parts: Sequence[np.ndarray], gap: int, axis: int) -> np.ndarray:
    """Pictures one after the other along `axis`, `gap` pixels of paper between them."""
    after = [(0, 0), (0, 0), (0, 0)]
    after[axis] = (0, gap)
    spaced = [np.pad(part, after, constant_values=PAPER) for part in parts[:-1]]
    return np.concatenate([*spaced, parts[-1]], axis=axis)
