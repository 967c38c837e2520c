"""Figure 2: the nine strongest activations of each map as projections, beside the image patches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from npzf.render.pictures import MID_GREY, downscale, enlarge, grid, pad_to, to_grey_robust
from npzf.render.sheets import PALE_INK, PAPER, lettering, text_width

if TYPE_CHECKING:
    from npzf.studies import TopActivations

EMPTY = 236  # an empty cell is lighter than zero, so that "nothing found" differs from "projected to nothing"
LEGIBLE = 36  # pixels: smaller tiles are enlarged, by whole factors
OVERVIEW_MAPS, OVERVIEW_TILE, OVERVIEW_WIDTH = 4, 44, 1200  # maps of a layer; pixels of a tile, at most, and of the picture

Blocks = Sequence[Sequence[np.ndarray]]  # for each map its pictures (h, w, C), strongest first


def top_sheet(
    projections: Blocks, patches: Blocks, maps: Sequence[int] | np.ndarray, values: Sequence[Sequence[float]], columns: int = 4
) -> np.ndarray:
    """One layer's sheet -> uint8 (H, W, 3): for each map 3 x 3 projections beside 3 x 3 patches. Figure 2.

    projections[m], patches[m]: up to nine uint8 tiles (h, w, 1 or 3), strongest first, in raster order; values[m]: their
    activations, of which the label gives the largest and the smallest. Tiles that the border of the image clipped are padded with
    mid-grey; missing ones leave a light cell. Small tiles are enlarged by a whole factor, the same for all. ValueError when the
    lists differ in length.
    """
    _check(projections, patches, maps, values)
    tiles = [tile for block in (*projections, *patches) for tile in block]
    side = max((max(tile.shape[:2]) for tile in tiles), default=LEGIBLE)
    zoom = math.ceil(LEGIBLE / side)
    cell = zoom * side
    blocks = [_map_block(projections[m], patches[m], f"map {maps[m]}", values[m], zoom, cell) for m in range(len(maps))]
    sheet = grid(blocks, min(columns, len(maps)), gap=cell // 2, background=PAPER)
    return np.pad(sheet, [(cell // 4, cell // 2), (cell // 2, cell // 2), (0, 0)], constant_values=PAPER)


def projection_sheet(top: TopActivations, maps: Sequence[int] | np.ndarray, projections: Blocks, patches: Blocks) -> np.ndarray:
    """The sheet of these maps of one layer from signed projections, each on its own scale, with the activations' values."""
    grey = [[to_grey_robust(picture)[0] for picture in block] for block in projections]
    values = [[v for v in top.values[m] if v > 0] for m in maps]
    return top_sheet(grey, patches, maps, values)


def most_active_maps(top: TopActivations, count: int) -> np.ndarray:
    """The `count` maps with the largest activations, in the order of their numbers; maps that are never active come last."""
    return np.sort(np.argsort(-top.values[:, 0], kind="stable")[:count])


def overview(tops: Mapping[str, TopActivations], pictures: Mapping[str, tuple[Blocks, Blocks]]) -> np.ndarray:
    """The most active maps of each layer, one layer below the other, all of one width; uint8 (H, W, 3).

    pictures: layer -> signed projections and uint8 patches of its most_active_maps(top, OVERVIEW_MAPS).
    """
    rows = []
    for layer, halves in pictures.items():
        largest = max((side for half in halves for tiles in half for tile in tiles for side in tile.shape[:2]), default=1)
        # The scale is chosen after downscaling, which averages fine strokes away: chosen before, it would leave them faint.
        small = [[[downscale(tile, OVERVIEW_TILE / largest) for tile in tiles] for tiles in half] for half in halves]
        maps = most_active_maps(tops[layer], OVERVIEW_MAPS)
        sheet = Image.fromarray(projection_sheet(tops[layer], maps, small[0], small[1]))
        size = OVERVIEW_WIDTH, round(sheet.height * OVERVIEW_WIDTH / sheet.width)
        rows.append(np.asarray(sheet.resize(size, Image.Resampling.LANCZOS)))
    return np.concatenate(rows)


def _map_block(
    projections: Sequence[np.ndarray], patches: Sequence[np.ndarray], name: str, values: Sequence[float], zoom: int, cell: int
) -> np.ndarray:
    """One map: the label, and under it both halves."""
    gap = max(1, cell // 36)
    body = grid([_nine(tiles, zoom, cell, gap) for tiles in (projections, patches)], 2, gap=8 * gap)
    size = max(12, cell // 6)
    width, height = body.shape[1], 2 * size
    strength = f"{values[0]:.3g} to {values[-1]:.3g}" if len(values) else "never active"
    label = lettering(name, size, height, width)
    numbers = lettering(strength, size, height, width, align="right", ink=PALE_INK)
    if text_width(name + "  " + strength, size) <= width:
        label = np.minimum(label, numbers)
    return np.concatenate([label, body])


def _nine(tiles: Sequence[np.ndarray], zoom: int, cell: int, gap: int) -> np.ndarray:
    cells = [pad_to(enlarge(tile, zoom), cell, cell, MID_GREY) for tile in tiles]
    cells += [np.full((cell, cell, 3), EMPTY, np.uint8)] * (9 - len(cells))
    return grid(cells, 3, gap)


def _check(projections: Blocks, patches: Blocks, maps: Sequence[int] | np.ndarray, values: Sequence[Sequence[float]]) -> None:
    counts = [len(one) for one in (maps, projections, patches, values)]
    if len(set(counts)) > 1 or counts[0] == 0:
        raise ValueError(f"maps, projections, patches and values are {counts}, expected one number, at least 1")
    for number, *lists in zip(maps, projections, patches, values, strict=True):
        counts = [len(one) for one in lists]
        if len(set(counts)) > 1 or counts[0] > 9:
            raise ValueError(f"projections, patches and values of map {number} are {counts}, expected one number, at most 9")
