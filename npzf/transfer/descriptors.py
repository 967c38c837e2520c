"""Every image of a set as a small grey thumbnail: what section 5.2's search for overlapping images compares."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tqdm import tqdm

from npzf.backend import threads
from npzf.data import DecodeError, ImageFiles, ImageSet, PackedImages

SIDE = 28  # pixels of a thumbnail: two of them are 1,568 bytes an image
DECODED = 3 * SIDE  # a JPEG may be decoded at a fraction of its size as long as both sides keep so many pixels
TOGETHER = 1024  # images handed to the threads at once

log = logging.getLogger("npzf")


@dataclass(frozen=True)
class ImageDescriptors:
    """Grey thumbnails of N images, whole and of their centre squares, uint8 (N, SIDE, SIDE) each.

    Whole images are squeezed into a square. failures: index -> why an image could not be decoded; its thumbnails are black.
    """

    whole: np.ndarray
    squares: np.ndarray
    failures: dict[int, str]

    def __len__(self) -> int:
        """Number of images, those included that cannot be decoded."""
        return len(self.whole)


def describe_images(images: ImageSet, progress: bool = False) -> ImageDescriptors:
    """The thumbnails of a set: each image is decoded once, in threads, made grey, and averaged to SIDE x SIDE pixels.

    Images that cannot be decoded are logged and left out: they are like nothing. progress: whether to show a bar.
    """
    thumbnails = np.zeros((2, len(images), SIDE, SIDE), np.uint8)
    failures: dict[int, str] = {}

    def describe(i: int) -> None:
        try:
            thumbnails[:, i] = _thumbnails(_pixels(images, i))
        except DecodeError as error:
            failures[i] = str(error)

    with (
        ThreadPoolExecutor(threads.count(), thread_name_prefix="npzf-describe") as pool,
        tqdm(total=len(images), desc="describing", unit="image", leave=False, disable=None if progress else True) as bar,
    ):
        for start in range(0, len(images), TOGETHER):  # a million tasks at once would themselves need memory
            for _ in pool.map(describe, range(start, min(start + TOGETHER, len(images)))):
                bar.update()
    failures = dict(sorted(failures.items()))
    for message in failures.values():
        log.warning("left out: %s", message)
    return ImageDescriptors(thumbnails[0], thumbnails[1], failures)


def _pixels(images: ImageSet, i: int) -> np.ndarray:
    """Image i, smaller than it is where that is cheaper to decode."""
    if isinstance(images, ImageFiles | PackedImages):
        return images.reduced(i, DECODED)
    return images.image(i)


def _thumbnails(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 (H, W, 3) -> grey uint8 (SIDE, SIDE), of the whole image and of its centre square."""
    grey, (height, width) = Image.fromarray(image).convert("L"), image.shape[:2]
    left, top = max(0, (width - height) / 2), max(0, (height - width) / 2)
    boxes = (0, 0, width, height), (left, top, width - left, height - top)
    whole, square = (np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX, box=box)) for box in boxes)
    return whole, square
