"""A flat folder of photographs as an image set without labels: enough for figures 2 and 7, which ask for none."""

import os
from pathlib import Path

import numpy as np

from npzf.data.class_folders import SUFFIXES
from npzf.data.decode import decode

LAYOUT = "expected a folder with images directly in it"


class ImageFolder:
    """Images that lie directly in one folder, sorted by name, all of one class whose name is empty.

    Hidden files, other files and folders are passed over. FileNotFoundError, NotADirectoryError, ValueError: no such folder, or
    no images in it.
    """

    classes = ("",)

    def __init__(self, path: str | os.PathLike):
        root = Path(path)
        if not root.exists():
            raise FileNotFoundError(f"{root}: no such folder; {LAYOUT}")
        if not root.is_dir():
            raise NotADirectoryError(f"{root}: not a folder; {LAYOUT}")
        visible = (file for file in root.iterdir() if not file.name.startswith("."))
        self._files = sorted(file for file in visible if file.suffix.lower() in SUFFIXES and file.is_file())
        if not self._files:
            raise ValueError(f"{root}: no images ({' '.join(SUFFIXES)}) directly in it; {LAYOUT}")
        self.labels = np.zeros(len(self._files), np.int64)

    def __len__(self) -> int:
        """Number of images."""
        return len(self._files)

    def name(self, i: int) -> str:
        """Path of image i."""
        return str(self._files[i])

    def image(self, i: int) -> np.ndarray:
        """Pixels of image i, uint8 (H, W, 3) in [0, 255]; DecodeError: it cannot be decoded."""
        return decode(self._files[i])
