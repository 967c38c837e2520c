"""Figure 2's pictures on few files: a group of maps shares one sheet of projections, one of patches and one of thumbnails."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from npzf.render.pictures import MID_GREY, downscale, enlarge, grid, pad_to, to_grey_robust
from npzf.storage.atomic import atomic_write_bytes
from npzf.storage.output import EXIF

GROUP = 16  # maps that share their sheets
THUMBNAILS = 4  # of them in a row of the sheet of thumbnails
SIDE = 96  # pixels, at most, of a tile
MARGIN = 2  # pixels around each tile, its edge repeated: what a browser mixes in when it scales a tile is the tile itself
EXACT = 32  # pixels: patches up to this size are stored without loss
KINDS = ("projections", "patches", "thumbnails")


def tile_side(field: int) -> int:
    """Pixels of a tile on a sheet, for patches of `field` pixels: small ones enlarged by a whole factor, large ones reduced."""
    return SIDE // field * field if field <= SIDE else SIDE


def tile(picture: np.ndarray, field: int) -> np.ndarray:
    """Picture of at most SIDE pixels, uint8 (h, w, C), C 1 or 3 -> (side, side, 3): enlarged if small, centred on mid-grey."""
    largest = min(field, SIDE)
    return enlarge(pad_to(picture, largest, largest, MID_GREY), SIDE // largest)


def sheet(rows: Sequence[Sequence[np.ndarray]], columns: int, side: int) -> np.ndarray:
    """Tiles uint8 (side, side, 3), a list for each row -> one picture, in cells of side + 2 MARGIN; missing ones are mid-grey."""
    blank = np.full((side, side, 3), MID_GREY, np.uint8)
    tiles = [tile for row in rows for tile in [*row, *[blank] * (columns - len(row))]]
    return grid([np.pad(tile, [(MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)], mode="edge") for tile in tiles], columns, gap=0)


def write_group(
    folder: str | Path,
    stem: str,
    projections: Sequence[Sequence[np.ndarray]],
    patches: Sequence[Sequence[np.ndarray]],
    count: int,
    field: int,
) -> list[list[float]]:
    """Writes folder/STEM-projections.webp, -patches and -thumbnails of up to GROUP maps; returns the projections' scales.

    projections: for each map up to `count` signed pictures (h, w, C), strongest first, each drawn on the scale of
    `to_grey_robust`, in their units; patches: uint8 beside them; field: pixels of the largest patch. A row of a sheet is a map,
    whose strongest projection is the thumbnail. ValueError as for to_grey; OSError if a file cannot be written.
    """
    side = tile_side(field)
    # The scale is chosen after downscaling, which averages fine strokes away: chosen before, it would leave them faint.
    grey = [[to_grey_robust(downscale(picture, SIDE / field)) for picture in block] for block in projections]
    projected = [[tile(picture, field) for picture, _ in block] for block in grey]
    beside = [[tile(downscale(picture, SIDE / field), field) for picture in block] for block in patches]
    first = [block[0] if block else np.full((side, side, 3), MID_GREY, np.uint8) for block in projected]
    thumbnails = [first[k : k + THUMBNAILS] for k in range(0, len(first), THUMBNAILS)]
    for kind, rows, columns in zip(KINDS, (projected, beside, thumbnails), (count, count, THUMBNAILS), strict=True):
        file = io.BytesIO()
        Image.fromarray(sheet(rows, columns, side)).save(file, "WEBP", lossless=field <= EXACT, quality=80, method=2, exif=EXIF)
        atomic_write_bytes(Path(folder) / f"{stem}-{kind}.webp", file.getvalue())
    return [[scale for _, scale in block] for block in grey]
