"""Figure 4: how the strongest projection of a map changes over the epochs of training."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from npzf.render.labelled import labelled, upscale_to, write_frames
from npzf.render.lettering import PAPER, lettering
from npzf.render.pictures import grid

LEGIBLE = 48  # pixels: smaller pictures are enlarged, by whole factors


def strip(pictures: np.ndarray, epochs: Sequence[int], maps: Sequence[int]) -> np.ndarray:
    """Pictures uint8 (maps, epochs, h, w, 1 or 3) -> uint8 (H, W, 3): a row a map, a column an epoch.

    Epochs are written above the columns, map numbers left of the rows; small pictures are enlarged by a whole
    factor. Raises ValueError when `epochs` or `maps` do not match the pictures. Source: figure 4.
    """
    pictures = _checked(pictures, epochs)
    if len(maps) != len(pictures):
        raise ValueError(f"maps must name each of the {len(pictures)} rows of pictures, got {len(maps)} numbers")
    return labelled(pictures, [str(epoch) for epoch in epochs], [f"map {number}" for number in maps], corner="epoch")


def animation(pictures: np.ndarray, epochs: Sequence[int], path: str | Path, seconds: float = 0.8) -> Path:
    """Write pictures uint8 (maps, epochs, h, w, 1 or 3) as an animation: a grid of maps, a frame an epoch.

    The end of `path` chooses lossless .webp or .gif (256 colours). A frame stays for `seconds`, the last one
    three times as long. Returns the path; raises ValueError for other endings or lists that do not match,
    OSError if the file cannot be written. Source: figure 4.
    """
    frames = _frames(_checked(pictures, epochs), epochs)
    return write_frames(frames, path, [round(1000 * seconds)] * (len(frames) - 1) + [round(3000 * seconds)])


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


def _checked(pictures: np.ndarray, epochs: Sequence[int]) -> np.ndarray:
    """The pictures in three channels, enlarged if small; ValueError unless there is an epoch for each column."""
    pictures = upscale_to(pictures, "maps, epochs", LEGIBLE)
    if len(epochs) != pictures.shape[1]:
        raise ValueError(f"epochs must name each of the {pictures.shape[1]} columns, got {len(epochs)} numbers")
    return pictures
