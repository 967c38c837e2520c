"""Figure 4: how the strongest projection of a map changes over the epochs of training."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from npzf.files import write_whole
from npzf.render.lettering import PAPER, lettering, text_width
from npzf.render.pictures import enlarge, grid

LEGIBLE = 48  # pixels: smaller pictures are enlarged, by whole factors


def strip(pictures: np.ndarray, epochs: Sequence[int], maps: Sequence[int]) -> np.ndarray:
    """Pictures uint8 (maps, epochs, h, w, 1 or 3) -> uint8 (H, W, 3): a row a map, a column an epoch.

    Epochs are written above the columns, map numbers left of the rows; small pictures are enlarged by a whole
    factor. Raises ValueError when `epochs` or `maps` do not match the pictures. Source: figure 4.
    """
    pictures = _legible(pictures, epochs)
    if len(maps) != len(pictures):
        raise ValueError(f"maps must name each of the {len(pictures)} rows of pictures, got {len(maps)} numbers")
    height, width = pictures.shape[2:4]
    gap, size = max(2, width // 24), max(12, width // 6)
    names = [f"map {number}" for number in maps]
    margin = size // 2 + max(text_width(text, size) for text in ("epoch", *names))
    heads = [lettering(str(epoch), size, 2 * size, width, align="middle") for epoch in epochs]
    rows = [_joined([lettering("epoch", size, 2 * size, margin), *heads], gap, axis=1)]
    for name, row in zip(names, pictures, strict=True):
        rows.append(_joined([lettering(name, size, height, margin), *row], gap, axis=1))
    return np.pad(_joined(rows, gap, axis=0), [(0, size), (size, size), (0, 0)], constant_values=PAPER)


def animation(pictures: np.ndarray, epochs: Sequence[int], path: str | Path, seconds: float = 0.8) -> Path:
    """Write pictures uint8 (maps, epochs, h, w, 1 or 3) as an animation: a grid of maps, a frame an epoch.

    The end of `path` chooses lossless .webp or .gif (256 colours). A frame stays for `seconds`, the last one
    three times as long. Returns the path; raises ValueError for other endings or lists that do not match,
    OSError if the file cannot be written. Source: figure 4.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in ("webp", "gif"):
        raise ValueError(f"path must end in .webp or .gif, got {path}")
    frames = [Image.fromarray(frame) for frame in _frames(_legible(pictures, epochs), epochs)]
    times = [round(1000 * seconds)] * (len(frames) - 1) + [round(3000 * seconds)]  # milliseconds
    options = {"lossless": True, "method": 2} if kind == "webp" else {"optimize": False}
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=times, loop=0, **options)
    return write_whole(path, file.getvalue())


def _frames(pictures: np.ndarray, epochs: Sequence[int]) -> list[np.ndarray]:
    width = pictures.shape[3]
    gap, size = max(2, width // 24), max(14, width // 6)
    columns = math.ceil(math.sqrt(len(pictures)))
    frames = []
    for k, epoch in enumerate(epochs):
        body = grid(pictures[:, k], columns, gap)
        head = lettering(f"epoch {epoch}", size, 2 * size, body.shape[1])
        frame = np.concatenate([head, body])
        frames.append(np.pad(frame, [(0, size), (size, size), (0, 0)], constant_values=PAPER))
    return frames


def _legible(pictures: np.ndarray, epochs: Sequence[int]) -> np.ndarray:
    """The pictures checked, in three channels, enlarged if small."""
    pictures = np.asarray(pictures)
    if pictures.dtype != np.uint8 or pictures.ndim != 5 or pictures.shape[4] not in (1, 3) or not pictures.size:
        expected = "uint8 (maps, epochs, h, w, 1 or 3), not empty"
        raise ValueError(f"pictures must be {expected}, got {pictures.dtype} {pictures.shape}")
    if len(epochs) != pictures.shape[1]:
        raise ValueError(f"epochs must name each of the {pictures.shape[1]} columns, got {len(epochs)} numbers")
    pictures = np.broadcast_to(pictures, (*pictures.shape[:4], 3))
    return enlarge(pictures, math.ceil(LEGIBLE / max(pictures.shape[2:4])))


def _joined(parts: Sequence[np.ndarray], gap: int, axis: int) -> np.ndarray:
    """Pictures one after the other along `axis`, `gap` pixels of paper between them."""
    after = [(0, 0), (0, 0), (0, 0)]
    after[axis] = (0, gap)
    spaced = [np.pad(part, after, constant_values=PAPER) for part in parts[:-1]]
    return np.concatenate([*spaced, parts[-1]], axis=axis)
