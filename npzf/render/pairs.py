"""Pairs of photographs side by side, such as the near duplicates that section 5.2 leaves out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from npzf.render.pictures import grid, pad_to
from npzf.render.sheets import PAPER, lettering

SIDE, LETTERS, COLUMNS = 128, 12, 4  # pixels of a photograph's cell and of a letter; pairs in a row


def draw_pairs(pairs: Sequence[tuple[np.ndarray, np.ndarray]], captions: Sequence[str]) -> np.ndarray:
    """Photographs uint8 (H, W, 3) in twos, the two of a pair touching, its caption below: one picture uint8 (H, W, 3).

    Each photograph is scaled to fit a cell of SIDE x SIDE pixels. ValueError for no pairs, or another number of captions.
    """
    if not len(pairs) or len(captions) != len(pairs):
        raise ValueError(f"pairs and captions are {len(pairs)} and {len(captions)}, expected as many of both, at least one")
    tiles = []
    for pair, caption in zip(pairs, captions, strict=True):
        both = np.concatenate([pad_to(_fitted(image), SIDE, SIDE, PAPER) for image in pair], axis=1)
        tiles.append(np.concatenate([both, lettering(caption, LETTERS, 2 * LETTERS, 2 * SIDE, align="middle")]))
    rows = grid(tiles, min(COLUMNS, len(tiles)), gap=LETTERS)
    return np.pad(rows, [(LETTERS, LETTERS), (LETTERS, LETTERS), (0, 0)], constant_values=PAPER)


def _fitted(image: np.ndarray) -> np.ndarray:
    """A photograph with its longer side of SIDE pixels."""
    share = SIDE / max(image.shape[:2])
    height, width = (max(1, round(side * share)) for side in image.shape[:2])
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
