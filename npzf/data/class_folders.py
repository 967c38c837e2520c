"""A folder of class folders as an image set: the layout of ImageNet and Caltech-101 (sections 3 and 5.2)."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

from npzf.data.image_files import SUFFIXES, ImageFiles, existing_folder, is_image, is_image_name

LAYOUT = "one folder for each class, with its images inside"

log = logging.getLogger("npzf")


class ClassFolders(ImageFiles):
    """Images of a folder with one folder for each class; classes sorted by name, then images by path.

    Images may lie in folders inside a class folder; hidden files are left out. without: class folders that are left out, by
    default Caltech-101's background. FileNotFoundError, NotADirectoryError or ValueError if there is no such folder, or if it
    is laid out otherwise.
    """

    def __init__(self, path: str | os.PathLike, without: tuple[str, ...] = ("BACKGROUND_Google",)):
        root = existing_folder(path, LAYOUT)
        folders = {f.name: f for f in root.iterdir() if f.is_dir() and not f.name.startswith(".")}
        classes = sorted(folders.keys() - set(without))
        strays = sum(is_image(f) for f in root.iterdir())
        if not classes:
            content = f"{strays} images directly in it" if strays else "no images"
            raise ValueError(f"{root} has no class folders and {content}, expected {LAYOUT}")
        if strays:
            log.warning("%s: %d images lie outside the class folders and are left out", root, strays)
        files = {name: _image_files(folders[name]) for name in classes}
        for name in classes:
            if not files[name]:
                raise ValueError(
                    f"class folder {name!r} of {root} has no images, expected some ({' '.join(SUFFIXES)}): "
                    f"fill it, or leave it out with without=({name!r},)"
                )
        targets = np.repeat(np.arange(len(classes), dtype=np.int64), [len(files[name]) for name in classes])
        super().__init__([file for name in classes for file in files[name]], targets, classes)


def _image_files(folder: Path) -> list[Path]:
    """Image files at any depth in a folder, sorted; hidden files and folders are left out."""
    files = []
    for inside, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(inside, name) for name in names if is_image_name(name)]
    return sorted(files)
