"""SquareImages and crops of section 3: shorter side resized, centre taken; random, centre and ten crops.

N images, H W rows and columns; every crop is size x size pixels.
"""

import numpy as np
from PIL import Image


def square(image: np.ndarray, side: int) -> np.ndarray:
    """Centre square, its side resized to `side` pixels: uint8 (H, W, 3) -> (side, side, 3).

    Section 3, with side 256; antialiased bilinear. ValueError: not a uint8 RGB image, or side below 1.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image is {image.dtype} {image.shape}; expected uint8 (H, W, 3)")
    if side < 1:
        raise ValueError(f"side is {side}; expected at least 1 pixel")
    height, width = image.shape[:2]
    shorter = min(height, width)
    left, top = (width - shorter) / 2, (height - shorter) / 2
    # Resizing the square alone: a strip of 10 x 10,000 pixels would otherwise become 256 x 256,000.
    box = (left, top, left + shorter, top + shorter)
    return np.array(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR, box=box))


def centre_crop(squares: np.ndarray, size: int) -> np.ndarray:
    """Centre of each image, a view: (N, H, W, C) -> (N, size, size, C); ValueError: image too small."""
    height, width = _room(squares, size)
    top, left = height // 2, width // 2
    return squares[:, top : top + size, left : left + size]


def random_crops(squares: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """A crop at a random place of each image, mirrored half of the time: (N, H, W, C) -> (N, size, size, C).

    Section 3's training input. ValueError: image too small.
    """
    height, width = _room(squares, size)
    count = len(squares)
    tops = generator.integers(0, height, count, endpoint=True)
    lefts = generator.integers(0, width, count, endpoint=True)
    mirrored = generator.integers(0, 2, count)
    crops = np.empty((count, size, size, squares.shape[3]), squares.dtype)
    for n, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        crop = squares[n, top : top + size, left : left + size]
        crops[n] = crop[:, ::-1] if mirrored[n] else crop
    return crops


def ten_crops(squares: np.ndarray, size: int) -> np.ndarray:
    """Corners, centre, and their mirror images (section 3): (N, H, W, C) -> (N, 10, size, size, C).

    Order: top left, top right, bottom left, bottom right, centre, then the same five mirrored left to right.
    ValueError: image too small.
    """
    height, width = _room(squares, size)
    corners = [(0, 0), (0, width), (height, 0), (height, width), (height // 2, width // 2)]
    five = np.stack([squares[:, top : top + size, left : left + size] for top, left in corners], axis=1)
    return np.concatenate([five, five[:, :, :, ::-1]], axis=1)


def _room(squares: np.ndarray, size: int) -> tuple[int, int]:
    """Rows and columns by which a crop can move inside images (N, H, W, C)."""
    if squares.ndim != 4:
        raise ValueError(f"squares have shape {squares.shape}; expected (N, H, W, C)")
    height, width = squares.shape[1:3]
    if not 1 <= size <= min(height, width):
        raise ValueError(f"crop of {size} x {size} pixels does not fit in an image of {height} x {width}")
    return height - size, width - size
