"""The lists in PASCAL VOC's ImageSets/Main: of images, and of an image's label for each class (section 5.2, Table 6)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from npzf.storage.regular import read_regular

MOST = 2**22  # bytes of a list, twenty times VOC's longest
LABELS = {"1": 1, "0": 0, "-1": -1}


class Lists:
    """The lists of one folder: LIST.txt with an image a line, CLASS_LIST.txt with an image and its label, 1, 0 or -1, a line.

    of_classes: (class, list) -> lines, as fields; ValueError for a file that is not text.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        files = {file.stem: _lines(file) for file in sorted(folder.glob("[!.]*.txt"))}
        # By content and not by name: train_val.txt is the class train in the list val.
        labelled = {stem for stem, lines in files.items() if lines and len(lines[0]) == 2}
        self._of_images = {stem: lines for stem, lines in files.items() if stem not in labelled}
        self.of_classes: dict[tuple[str, str], list[list[str]]] = {}
        for stem in sorted(labelled):
            # car_my_val.txt is the class car in the list my_val if there is such a list
            ends = [name for name in self._of_images if stem.endswith(f"_{name}") and len(stem) > len(name) + 1]
            if ends:
                name = max(ends, key=len)
                self.of_classes[stem.removesuffix(f"_{name}"), name] = files[stem]

    def images(self, name: str) -> tuple[str, ...]:
        """The images of a list; ValueError for a list that does not exist, is empty, or names an image twice."""
        if name not in self._of_images:
            raise ValueError(
                f"list_name is {name!r}, expected a list in {self.folder}: {', '.join(self._of_images) or 'none is there'}"
            )
        lines, file = self._of_images[name], self.folder / f"{name}.txt"
        if not lines:
            raise ValueError(f"{file} is empty, expected an image a line")
        if wrong := [line for line in lines if len(line) != 1]:
            raise ValueError(f"{file} has a line {' '.join(wrong[0])[:60]!r}, expected one image")
        return tuple(_once(file, [line[0] for line in lines]))

    def labels(self, class_name: str, name: str) -> np.ndarray:
        """The label of each image of a list for a class, int8 (N,): 1, 0 or -1; ValueError for a file that is not VOC's."""
        file, images = self.folder / f"{class_name}_{name}.txt", self.images(name)
        lines = self.of_classes[class_name, name]
        if wrong := [line for line in lines if len(line) != 2 or line[1] not in LABELS]:
            raise ValueError(f"{file} has a line {' '.join(wrong[0])[:60]!r}, expected an image and 1, 0 or -1")
        found = dict(zip(_once(file, [image for image, _ in lines]), (LABELS[label] for _, label in lines), strict=True))
        if different := sorted(found.keys() ^ images):
            raise ValueError(f"{file} and {name}.txt differ in {len(different)} images, expected the same; one is {different[0]}")
        return np.array([found[image] for image in images], np.int8)


def _lines(file: Path) -> list[list[str]]:
    """The fields of each line that has some."""
    try:
        return [
            line.split() for line in read_regular(file, MOST, "VOC's list of images").decode("utf-8").splitlines() if line.strip()
        ]
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not text ({error.reason}), expected VOC's list of images") from error


def _once(file: Path, images: list[str]) -> list[str]:
    """The images of a file; ValueError if one is named twice."""
    if len(set(images)) < len(images):
        twice = next(image for i, image in enumerate(images) if image in images[:i])
        raise ValueError(f"{file} names {twice} twice, expected each image once")
    return images
