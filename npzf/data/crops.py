"""Squares and crops of section 3: shorter side resized, centre taken; random, centre and ten crops.

N images, H W rows and columns. The size of a crop is a number of pixels for a square, or (rows, columns).
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from npzf.geometry import pair

CHANNELS = (1, 3)  # grey, or red, green and blue
MOST_BETWEEN = 2**26  # pixels of a picture whose rows alone are resized
Size = int | tuple[int, int]  # of a crop, in pixels


def square(image: np.ndarray, side: int) -> np.ndarray:
    """Centre square, resized to `side` pixels: uint8 (H, W, 3) -> (side, side, 3).

    Section 3, with side 256; antialiased bilinear. ValueError for anything but a uint8 RGB image, and for side below 1.
    """
    _check_image(image, side)
    height, width = image.shape[:2]
    shorter = min(height, width)
    left, top = (width - shorter) / 2, (height - shorter) / 2
    # Only the square is resized: a strip of 10 x 10,000 pixels would otherwise become 256 x 256,000.
    box = (left, top, left + shorter, top + shorter)
    return np.array(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR, box=box))


def squashed(image: np.ndarray, side: int) -> np.ndarray:
    """The whole image, its sides made alike: uint8 (H, W, 3) -> (side, side, 3).

    Nothing at the border is lost, at the price of other proportions; antialiased bilinear. ValueError as square.
    """
    _check_image(image, side)
    height, width = image.shape[:2]
    whole = Image.fromarray(image)
    if side * height > MOST_BETWEEN:  # Pillow resizes rows first, and a strip of 1 x 100,000,000 pixels would become 256 as wide
        whole = whole.resize((width, side), Image.Resampling.BILINEAR)
    return np.array(whole.resize((side, side), Image.Resampling.BILINEAR))


def _check_image(image: np.ndarray, side: int) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image is {image.dtype} {image.shape}, expected uint8 (H, W, 3)")
    if side < 1:
        raise ValueError(f"side is {side}, expected at least 1 pixel")


def with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """RGB images uint8 (..., 3) as a net of so many channels takes them: as they are, or grey (..., 1).

    Grey is the luma of ITU-R 601, rounded as Pillow does. ValueError for other channels.
    """
    check_channels(channels)
    if channels == 3:
        return images
    weights = np.array([19595, 38470, 7471], np.uint32)  # of 65536: 0.299, 0.587, 0.114
    return ((images @ weights + 0x8000) >> 16).astype(np.uint8)[..., None]


def check_channels(channels: int) -> None:
    """ValueError for a number of channels that photographs cannot have."""
    if channels not in CHANNELS:
        raise ValueError(f"channels is {channels}, expected 3 for images, red, green and blue, or 1, grey")


def centre_crop(images: np.ndarray, size: Size) -> np.ndarray:
    """Centre of each image, a view: (N, H, W, C) -> (N, rows, columns, C); ValueError if the images are too small."""
    (rows, columns), (down, across) = _margins(images, size)
    top, left = down // 2, across // 2
    return images[:, top : top + rows, left : left + columns]


def random_crops(images: np.ndarray, size: Size, generator: np.random.Generator) -> np.ndarray:
    """A crop at a random place of each image, mirrored half of the time: (N, H, W, C) -> (N, rows, columns, C).

    The training input of section 3. ValueError if the images are too small.
    """
    (rows, columns), (down, across) = _margins(images, size)
    count = len(images)
    tops = generator.integers(0, down, count, endpoint=True)
    lefts = generator.integers(0, across, count, endpoint=True)
    mirrored = generator.integers(0, 2, count)
    crops = np.empty((count, rows, columns, images.shape[3]), images.dtype)
    for n, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        crop = images[n, top : top + rows, left : left + columns]
        crops[n] = crop[:, ::-1] if mirrored[n] else crop
    return crops


def ten_crops(images: np.ndarray, size: Size) -> np.ndarray:
    """Corners, centre, and their mirror images (section 3): (N, H, W, C) -> (N, 10, rows, columns, C).

    Order: top left, top right, bottom left, bottom right, centre, then the same five mirrored left to right. ValueError if the
    images are too small.
    """
    (rows, columns), (down, across) = _margins(images, size)
    corners = [(0, 0), (0, across), (down, 0), (down, across), (down // 2, across // 2)]
    five = np.stack([images[:, top : top + rows, left : left + columns] for top, left in corners], axis=1)
    return np.concatenate([five, five[:, :, :, ::-1]], axis=1)


def _margins(images: np.ndarray, size: Size) -> tuple[tuple[int, int], tuple[int, int]]:
    """The crop's rows and columns, and those by which it can move inside images (N, H, W, C)."""
    if images.ndim != 4:
        raise ValueError(f"images have shape {images.shape}, expected (N, H, W, C)")
    (rows, columns), (height, width) = pair(size), images.shape[1:3]
    if not (1 <= rows <= height and 1 <= columns <= width):
        raise ValueError(f"crop is {rows} x {columns} pixels, expected 1 x 1 to {height} x {width}, the size of the images")
    return (rows, columns), (height - rows, width - columns)
