"""A flat folder of photographs as an image set without classes: enough for figures 2 and 7, which ask for none."""

from __future__ import annotations

import os

import numpy as np

from npzf.data.image_files import SUFFIXES, ImageFiles, existing_folder, is_image

LAYOUT = "a folder with images directly in it"


class ImageFolder(ImageFiles):
    """Images that lie directly in one folder, sorted by name, all of one class whose name is empty.

    Hidden files, other files and folders are left out. FileNotFoundError, NotADirectoryError or ValueError if there is no such
    folder, or no image in it.
    """

    def __init__(self, path: str | os.PathLike):
        root = existing_folder(path, LAYOUT)
        files = sorted(file for file in root.iterdir() if is_image(file))
        if not files:
            raise ValueError(f"{root} has no images ({' '.join(SUFFIXES)}) directly in it, expected {LAYOUT}")
        super().__init__(files, np.zeros(len(files), np.int64), ("",))
