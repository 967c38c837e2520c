"""Image files with targets as an image set, decoded one by one (sections 3 and 5.2)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from npzf.data.decode import decode
from npzf.data.protocols import ImageSet

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".gif", ".bmp", ".tif", ".tiff"),
    *(".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".avif"),
)


class ImageFiles:
    """An image set of files in the order given: files (N,), targets as in ImageSet, names of the classes."""

    def __init__(self, files: Sequence[str | os.PathLike], targets: np.ndarray, classes: Sequence[str]):
        self.files = [os.fspath(file) for file in files]
        self.targets, self.classes = targets, tuple(classes)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.files)

    def name(self, i: int) -> str:
        """Path of image i."""
        return self.files[i]

    def image(self, i: int) -> np.ndarray:
        """Pixels of image i, uint8 (H, W, 3) in [0, 255]; DecodeError if it cannot be decoded."""
        return decode(self.files[i])

    def reduced(self, i: int, side: int) -> np.ndarray:
        """Image i, perhaps at a fraction of its size that leaves both sides at least `side` pixels: quicker; DecodeError."""
        return decode(self.files[i], reduced=side)

    def stamps(self) -> tuple[tuple[int, int], ...]:
        """Size in bytes and time of the last change in nanoseconds of each file, -1 for one that is gone."""
        return tuple(_stamp(file) for file in self.files)


def file_stamps(images: ImageSet) -> tuple:
    """Sizes and times of the files of an image set, where it has some: what tells changed images."""
    stamps = getattr(images, "stamps", None)
    return stamps() if stamps else ()


def _stamp(file: str) -> tuple[int, int]:
    try:
        found = os.stat(file)
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def is_image_name(name: str) -> bool:
    """Whether this is the name of a visible file with the suffix of an image, in either case."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")


def is_image(path: Path) -> bool:
    """Whether this is an image by its name, and no folder; a dangling link or a FIFO is one, which cannot be decoded."""
    return is_image_name(path.name) and not path.is_dir()


def existing_folder(path: str | os.PathLike, layout: str) -> Path:
    """The path, if it is a folder; FileNotFoundError or NotADirectoryError, saying which layout was expected."""
    root = Path(path)
    if not root.exists():
        raise FileNotFoundError(f"{root} does not exist, expected {layout}")
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is not a folder, expected {layout}")
    return root
