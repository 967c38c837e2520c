"""Figures 2 and 4: projections and patches as pictures; zero of a signed one is mid-grey."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from npzf.storage.atomic import atomic_write_bytes
from npzf.storage.output import NAME
from npzf.text import printable

MID_GREY = 128  # zero; +-scale then reaches 255 and 1, so both signs have 127 steps
CLIPPED, BEYOND = 0.003, 2.5  # this share of a picture's numbers may be clipped, none larger than 2.5 times the scale


def to_grey(signed: np.ndarray, scale: float | None = None) -> tuple[np.ndarray, float]:
    """Signed values (..., H, W, C), C 1 or 3 -> (picture uint8, same shape; scale). Figure 2.

    Symmetric about zero: 0 is exactly 128, +scale is 255 and -scale is 1; what lies outside is clipped. The scale is in the
    units of `signed`, by default its largest |value|, and is returned so that it can be recorded with the picture. ValueError
    for another C, for NaN or infinity, and for a scale that is not positive.
    """
    signed = _checked(signed)
    largest = float(np.abs(signed).max(initial=0))
    scale = largest if scale is None else float(scale)
    if not math.isfinite(scale) or scale < 0 or (scale == 0 and largest > 0):
        raise ValueError(f"scale is {scale}, expected a positive finite number")
    return _about_mid_grey(signed, scale), scale


def to_grey_each(signed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signed pictures (N, H, W, C) -> (uint8 (N, H, W, C), scales (N,)), each on a scale of its own, as `to_grey`."""
    signed = _checked(signed)
    if signed.ndim != 4:
        raise ValueError(f"signed has shape {signed.shape}, expected (N, H, W, C)")
    scales = np.abs(signed).max(axis=(1, 2, 3), initial=0)
    return _about_mid_grey(signed, scales[:, None, None, None]), scales


def to_grey_robust(signed: np.ndarray) -> tuple[np.ndarray, float]:
    """As `to_grey`, on the scale that shows most of a projection: that of `robust_scale`, which is returned with the picture."""
    return to_grey(signed, robust_scale(signed))


def robust_scale(signed: np.ndarray) -> float:
    """The |value| to be drawn as black or white: a high quantile instead of the maximum, so that outliers do not dim the rest."""
    size = np.abs(signed)
    return max(float(np.quantile(size, 1 - CLIPPED)), float(size.max()) / BEYOND)


def enlarge(picture: np.ndarray, factor: int) -> np.ndarray:
    """Picture (..., H, W, C) -> (..., factor * H, factor * W, C): each pixel becomes a square."""
    if factor < 1 or factor != int(factor):
        raise ValueError(f"factor is {factor}, expected a whole number of at least 1")
    return np.asarray(picture).repeat(int(factor), axis=-3).repeat(int(factor), axis=-2)


def downscale(picture: np.ndarray, share: float) -> np.ndarray:
    """Picture (h, w, C), float or uint8 -> the same with sides of `share` times as many pixels, averaged; if share < 1."""
    if share >= 1:
        return picture
    height, width = (max(1, round(side * share)) for side in picture.shape[:2])
    planes = [Image.fromarray(np.ascontiguousarray(plane, np.float32)) for plane in np.moveaxis(picture, -1, 0)]
    small = np.stack([np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS)) for plane in planes], -1)
    return small if picture.dtype.kind == "f" else np.rint(small.clip(0, 255)).astype(np.uint8)


def pad_to(tile: np.ndarray, height: int, width: int, background: int) -> np.ndarray:
    """Tile uint8 (h, w, C), C 1 or 3 -> (height, width, 3), in the middle of a cell of grey `background`."""
    tile = np.asarray(tile)
    if tile.dtype != np.uint8 or tile.ndim != 3 or tile.shape[2] not in (1, 3):
        raise ValueError(f"tile is {tile.dtype} {tile.shape}, expected uint8 (h, w, 1 or 3)")
    h, w, _ = tile.shape
    if h > height or w > width:
        raise ValueError(f"tile is {h} x {w} pixels, expected at most {height} x {width}, the size of its cell")
    cell = np.full((height, width, 3), background, np.uint8)
    top, left = (height - h) // 2, (width - w) // 2
    cell[top : top + h, left : left + w] = tile
    return cell


def grid(tiles: np.ndarray | Sequence[np.ndarray], columns: int, gap: int = 2, background: int = 255) -> np.ndarray:
    """Tiles uint8 (N, h, w, C), or a list of differing sizes, set in rows -> one picture uint8 (H, W, 3).

    All cells have the size of the largest tile; smaller tiles are centred. Cells lie `gap` pixels apart on grey level
    `background`, without an outer border, and cells left over in the last row are background. ValueError for no tiles, for tiles
    that are not uint8 (h, w, 1 or 3), and for columns below 1.
    """
    if len(tiles) == 0 or columns < 1 or gap < 0:
        found = f"{len(tiles)}, {columns}, {gap}"
        raise ValueError(f"tiles, columns and gap are {found}, expected at least 1, 1 and 0")
    height, width = (max(np.shape(tile)[axis] for tile in tiles) for axis in (0, 1))
    rows = -(-len(tiles) // columns)
    canvas_size = rows * (height + gap) - gap, columns * (width + gap) - gap, 3
    canvas = np.full(canvas_size, background, np.uint8)
    for k, tile in enumerate(tiles):
        top, left = k // columns * (height + gap), k % columns * (width + gap)
        canvas[top : top + height, left : left + width] = pad_to(tile, height, width, background)
    return canvas


def save_png(picture: np.ndarray, path: str | Path, **text: object) -> Path:
    """Writes a picture, uint8 (H, W, 1 or 3), as PNG in one step, creating its folder; returns the path.

    Each keyword becomes a text entry of the file, such as scale=2.5 or layer="conv3": `PIL.Image.open(path).text` gives them back
    as strings, and Software, npzf; what is not printable is escaped. ValueError for another kind of array, OSError if the file
    cannot be written.
    """
    height, width = np.shape(picture)[:2] if np.ndim(picture) == 3 else (0, 0)
    entries = PngImagePlugin.PngInfo()
    entries.add_text("Software", NAME)
    for key, value in text.items():
        entries.add_text(key, printable(str(value), keep="\n\t"))
    file = io.BytesIO()
    Image.fromarray(pad_to(picture, height, width, MID_GREY)).save(file, "PNG", pnginfo=entries, optimize=True)
    return atomic_write_bytes(path, file.getvalue())


def _checked(signed: np.ndarray) -> np.ndarray:
    signed = np.asarray(signed, np.float64)
    if signed.ndim < 3 or signed.shape[-1] not in (1, 3):
        raise ValueError(f"signed has shape {signed.shape}, expected (..., H, W, 1 or 3): show other maps one by one")
    if not np.isfinite(signed).all():
        raise ValueError("signed has NaN or infinity, expected finite values")
    return signed


def _about_mid_grey(signed: np.ndarray, scale: float | np.ndarray) -> np.ndarray:
    share = signed / np.where(np.equal(scale, 0), 1, scale)  # a scale of 0 means that every value is 0
    return np.rint(MID_GREY + 127 * share.clip(-1, 1)).astype(np.uint8)
