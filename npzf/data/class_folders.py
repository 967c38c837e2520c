"""A folder of class folders as an image set: the layout of ImageNet and Caltech-101 (sections 3 and 5.2)."""

import logging
import os
from pathlib import Path

import numpy as np

from npzf.data.decode import decode

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
LAYOUT = "expected one folder for each class, with its images inside"

log = logging.getLogger("npzf")


class ClassFolders:
    """Images of a folder with one folder for each class; classes sorted by name, then images by path.

    Images may lie in folders inside a class folder; hidden files are passed over. `without`: class folders
    left out, by default Caltech-101's background. FileNotFoundError, NotADirectoryError, ValueError: no such
    folder, or no images in this layout.
    """

    def __init__(self, path: str | os.PathLike, without: tuple[str, ...] = ("BACKGROUND_Google",)):
        root = Path(path)
        if not root.exists():
            raise FileNotFoundError(f"{root}: no such folder; {LAYOUT}")
        if not root.is_dir():
            raise NotADirectoryError(f"{root}: not a folder; {LAYOUT}")
        folders = {f.name: f for f in root.iterdir() if f.is_dir() and not f.name.startswith(".")}
        self.classes = tuple(sorted(folders.keys() - set(without)))
        strays = sum(_is_image(f.name) and f.is_file() for f in root.iterdir())
        if not self.classes:
            inside = f"{strays} images lie directly in it" if strays else "and no images"
            raise ValueError(f"{root}: no class folders, {inside}; {LAYOUT}")
        if strays:
            log.warning("%s: %d images lie outside the class folders and are left out", root, strays)
        found = [_images(folders[name]) for name in self.classes]
        for name, files in zip(self.classes, found, strict=True):
            if not files:
                raise ValueError(
                    f"{root}: class folder {name!r} holds no images ({' '.join(SUFFIXES)}); "
                    f"fill it, or leave it out with without=({name!r},)"
                )
        self._files = [file for files in found for file in files]
        self.labels = np.repeat(np.arange(len(found), dtype=np.int64), [len(files) for files in found])

    def __len__(self) -> int:
        """Number of images."""
        return len(self._files)

    def name(self, i: int) -> str:
        """Path of image i."""
        return str(self._files[i])

    def image(self, i: int) -> np.ndarray:
        """Pixels of image i, uint8 (H, W, 3) in [0, 255]; DecodeError: it cannot be decoded."""
        return decode(self._files[i])


def _is_image(name: str) -> bool:
    """True for the name of a visible file with the suffix of an image, in either case."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")


def _images(folder: Path) -> list[Path]:
    """Image files at any depth in a folder, sorted; hidden files and folders are passed over."""
    files = []
    for inside, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(inside, name) for name in names if _is_image(name)]
    return sorted(files)
