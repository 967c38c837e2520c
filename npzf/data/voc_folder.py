"""A folder in the layout of PASCAL VOC as an image set: objects of several classes in one image (section 5.2, Table 6)."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

from npzf.data.image_files import ImageFiles, existing_folder
from npzf.data.voc_annotation import annotated_objects
from npzf.data.voc_lists import Lists

LAYOUT = "VOC's folders JPEGImages, ImageSets/Main and Annotations"
POSITIVE, IGNORED, NEGATIVE = 1, 0, -1  # an image's label for a class, as VOC writes it

log = logging.getLogger("npzf")


class VOCFolder(ImageFiles):
    """The images that ImageSets/Main/LIST.txt names, in its order, with the classes that each of them has objects of.

    An image is positive for a class if one of its objects of that class is not marked as difficult, ignored if all of them are,
    negative if it has none. What counts is VOC's own list of a class, ImageSets/Main/CLASS_LIST.txt, where there is one, and
    Annotations/IMAGE.xml elsewhere; where a list of images has neither, as VOC's secret test sets, all of them are ignored.
    Classes are all those of the folder, sorted by name.

    targets: bool (N, classes), the positive ones; difficult: bool (N, classes), the ignored ones; ids: the images' names without
    folder and suffix. FileNotFoundError, NotADirectoryError or ValueError if there is no such folder or list, an image or some of
    the annotations are missing, an image has no object, or a file is not VOC's.
    """

    def __init__(self, root: str | os.PathLike, list_name: str = "train"):
        root = existing_folder(root, LAYOUT)
        if not is_voc_folder(root):
            raise ValueError(f"{root} has no JPEGImages or no ImageSets/Main, expected {LAYOUT}")
        lists, annotated = Lists(root / "ImageSets" / "Main"), _annotated_labels(root / "Annotations")
        self.ids = lists.images(list_name)
        present = set(os.listdir(root / "JPEGImages"))
        if missing := [i for i in self.ids if f"{i}.jpg" not in present]:
            raise ValueError(f"{root / 'JPEGImages'} lacks {len(missing)} images of {list_name}.txt; one is {missing[0]}.jpg")
        classes = sorted({name for name, _ in lists.of_classes}.union(*annotated.values()))
        if not classes:
            raise ValueError(f"{root} has no lists of classes and no annotated objects, expected {LAYOUT}")
        listed = [name for name in classes if (name, list_name) in lists.of_classes]
        _check_annotations(root / "Annotations", annotated, self.ids, f"{list_name}.txt", needed=len(listed) < len(classes))
        nothing = dict.fromkeys(classes, IGNORED)  # known of an image without annotation
        by_image = (annotated.get(i, nothing) for i in self.ids)
        labels = np.array([[image.get(name, NEGATIVE) for name in classes] for image in by_image], np.int8)
        for name in listed:
            column, found = labels[:, classes.index(name)], lists.labels(name, list_name)
            _warn_if_different(column, found, [i in annotated for i in self.ids], f"{root}: {name}_{list_name}.txt")
            column[...] = found
        self.difficult = labels == IGNORED
        files = [root / "JPEGImages" / f"{i}.jpg" for i in self.ids]
        super().__init__(files, labels == POSITIVE, classes)


def is_voc_folder(path: str | os.PathLike) -> bool:
    """Whether a folder has VOC's JPEGImages and ImageSets/Main."""
    return Path(path, "JPEGImages").is_dir() and Path(path, "ImageSets", "Main").is_dir()


def _annotated_labels(folder: Path) -> dict[str, dict[str, int]]:
    """Image -> class -> POSITIVE or IGNORED, of all annotations in a folder; hidden files are left out."""
    labels: dict[str, dict[str, int]] = {}
    for file in sorted(folder.glob("[!.]*.xml")):
        image = labels.setdefault(file.stem, {})
        for name, difficult in annotated_objects(file):
            image[name] = max(image.get(name, IGNORED), IGNORED if difficult else POSITIVE)
    return labels


def _check_annotations(folder: Path, annotated: dict[str, dict], ids: tuple[str, ...], list_file: str, needed: bool) -> None:
    """ValueError for images without objects and, where annotations are needed, if some are missing; a warning if all are."""
    if empty := [i for i in ids if i in annotated and not annotated[i]]:
        raise ValueError(f"{folder / empty[0]}.xml has no object, expected at least one")
    missing = [i for i in ids if i not in annotated]
    if needed and len(missing) == len(ids):
        log.warning("%s has no annotations of %s: its images are ignored in classes without a list", folder, list_file)
    elif needed and missing:
        raise ValueError(f"{folder} lacks {len(missing)} annotations of {list_file}; one is {missing[0]}.xml")


def _warn_if_different(annotated: np.ndarray, listed: np.ndarray, known: list[bool], list_file: str) -> None:
    """Logs how many of the labels (N,) in VOC's list of a class are not those of the annotations, of the images that have one."""
    if count := np.count_nonzero((annotated != listed) & known):
        log.warning("%s differs from the annotations for %d images; the list counts", list_file, count)
