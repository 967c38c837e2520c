"""Figure 4: how the strongest projection of a map changes over the epochs of training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npzf.render.pictures import grid, save_png, to_grey_robust
from npzf.render.sheets import PAPER, file_names, labelled_grid, lettering, upscale_to, write_frames

if TYPE_CHECKING:
    from npzf.studies import Evolution

LEGIBLE = 48  # pixels: smaller pictures are enlarged, by whole factors


def strip(pictures: np.ndarray, epochs: Sequence[int], maps: Sequence[int]) -> np.ndarray:
    """Pictures uint8 (maps, epochs, h, w, 1 or 3) -> uint8 (H, W, 3): a row a map, a column an epoch. Figure 4.

    Epochs are written above the columns, map numbers left of the rows; small pictures are enlarged by a whole factor. ValueError
    when `epochs` or `maps` do not match the pictures.
    """
    pictures = _large(pictures, epochs)
    if len(maps) != len(pictures):
        raise ValueError(f"maps are {len(maps)}, expected {len(pictures)}, one for each row of pictures")
    return labelled_grid(pictures, [str(epoch) for epoch in epochs], [f"map {number}" for number in maps], corner="epoch")


def animation(pictures: np.ndarray, epochs: Sequence[int], path: str | Path, seconds: float = 0.8) -> Path:
    """Writes pictures uint8 (maps, epochs, h, w, 1 or 3) as an animation: a grid of maps, a frame an epoch. Figure 4.

    The end of `path` chooses lossless .webp or .gif (256 colours). A frame stays for `seconds`, the last one three times as long.
    Returns the path; ValueError for other endings or lists that do not match, OSError if the file cannot be written.
    """
    frames = _frames(_large(pictures, epochs), epochs)
    return write_frames(frames, path, [round(1000 * seconds)] * (len(frames) - 1) + [round(3000 * seconds)])


def save_evolution(evolution: Evolution, layer: str, folder: str | Path, kind: str = "webp") -> tuple[Path, Path]:
    """Writes figure 4 for one layer, as a strip (PNG) and as an animation, "webp" or "gif"; returns both paths.

    Every projection has its own scale. ValueError and OSError as for strip and animation.
    """
    grey = np.stack([[to_grey_robust(picture)[0] for picture in row] for row in evolution.strip(layer)])
    name = f"evolution_{file_names(list(evolution.maps))[layer]}"
    still = strip(grey, evolution.epochs, evolution.maps[layer].tolist())
    paths = Path(folder) / f"{name}.png", Path(folder) / f"{name}.{kind}"
    return save_png(still, paths[0], layer=layer), animation(grey, evolution.epochs, paths[1])


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


def _large(pictures: np.ndarray, epochs: Sequence[int]) -> np.ndarray:
    """The pictures in three channels, enlarged if small; ValueError unless there is an epoch for each column."""
    pictures = upscale_to(pictures, "maps, epochs", LEGIBLE)
    if len(epochs) != pictures.shape[1]:
        raise ValueError(f"epochs are {len(epochs)}, expected {pictures.shape[1]}, one for each column of pictures")
    return pictures
