"""Figure 2: the nine strongest activations of each map as projections, beside the image patches."""

import math
from collections.abc import Sequence

import numpy as np

from npzf.render.lettering import PALE_INK, PAPER, lettering, text_width
from npzf.render.pictures import MID_GREY, enlarge, grid, pad_to

EMPTY = 236  # an empty cell is lighter than zero, so that "nothing found" differs from "projected to nothing"
LEGIBLE = 36  # pixels: tiles smaller than this are enlarged, by whole factors


def top_sheet(
    projections: Sequence[Sequence[np.ndarray]],
    patches: Sequence[Sequence[np.ndarray]],
    maps: Sequence[int],
    values: Sequence[Sequence[float]],
    columns: int = 4,
) -> np.ndarray:
    """One layer's sheet -> uint8 (H, W, 3): for each map 3 x 3 projections beside 3 x 3 patches.

    `projections[m]` and `patches[m]` hold up to nine uint8 tiles (h, w, 1 or 3), strongest first, in raster
    order; `values[m]` their activations, of which the label gives the largest and the smallest. Tiles that
    the border of the image clipped are pad_to on mid-grey; missing ones leave a light cell. Small tiles are
    enlarged by a whole factor, the same for all. Raises ValueError when the lists do not match. Source:
    figure 2.
    """
    _check(projections, patches, maps, values)
    tiles = [tile for block in (*projections, *patches) for tile in block]
    side = max((max(tile.shape[:2]) for tile in tiles), default=LEGIBLE)
    zoom = math.ceil(LEGIBLE / side)
    cell = zoom * side
    exhibits = [_exhibit(projections[m], patches[m], f"map {maps[m]}", values[m], zoom, cell) for m in range(len(maps))]
    sheet = grid(exhibits, min(columns, len(maps)), gap=cell // 2, background=PAPER)
    return np.pad(sheet, [(cell // 4, cell // 2), (cell // 2, cell // 2), (0, 0)], constant_values=PAPER)


def _exhibit(projections, patches, name, values, zoom, cell) -> np.ndarray:
    """One map: the label, and under it both blocks."""
    gap = max(1, cell // 36)
    blocks = [_block(projections, zoom, cell, gap), _block(patches, zoom, cell, gap)]
    body = grid(blocks, 2, gap=8 * gap)
    size = max(12, cell // 6)
    width, height = body.shape[1], 2 * size
    strength = f"{values[0]:.3g} to {values[-1]:.3g}" if len(values) else "never active"
    label = lettering(name, size, height, width)
    numbers = lettering(strength, size, height, width, align="right", ink=PALE_INK)
    if text_width(name + "  " + strength, size) <= width:
        label = np.minimum(label, numbers)
    return np.concatenate([label, body])


def _block(tiles: Sequence[np.ndarray], zoom: int, cell: int, gap: int) -> np.ndarray:
    cells = [pad_to(enlarge(tile, zoom), cell, cell, MID_GREY) for tile in tiles]
    cells += [np.full((cell, cell, 3), EMPTY, np.uint8)] * (9 - len(cells))
    return grid(cells, 3, gap)


def _check(projections, patches, maps, values) -> None:
    if not len(maps) == len(projections) == len(patches) == len(values) or len(maps) == 0:
        counts = f"{len(maps)}, {len(projections)}, {len(patches)}, {len(values)}"
        raise ValueError(f"maps, projections, patches and values must be as many, at least one; got {counts}")
    for number, *lists in zip(maps, projections, patches, values, strict=True):
        if len({len(one) for one in lists}) > 1 or len(lists[0]) > 9:
            counts = ", ".join(str(len(one)) for one in lists)
            raise ValueError(f"map {number} must have as many projections, patches and values, at most 9; got {counts}")
