"""The images that section 5.2 leaves out of a target set, as a CSV file that other commands read."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np

from npzf.data import ImageSet
from npzf.storage.atomic import atomic_write_csv
from npzf.storage.regular import read_regular
from npzf.transfer.overlap import Pair

MOST_HEAD, LONGEST_ROW = 2**16, 2**14  # bytes: an image has no more rows than one, and may have two long paths in it
COLUMNS = ("target", "pretraining", "similarity", "mirrored")


def write_overlap(path: str | Path, pairs: Sequence[Pair], target_images: ImageSet, pretraining_images: ImageSet) -> Path:
    """Writes pairs as rows of COLUMNS, in their order, whole or not at all; returns the path. OSError if it cannot be written.

    Images are called by their names below the folder that all images of their set share, so that a set may lie elsewhere when
    the file is read.
    """
    names, others = short_names(target_images), short_names(pretraining_images)
    rows = [
        (names[pair.target_index], others[pair.pretraining_index], f"{pair.similarity:.4f}", "yes" if pair.mirrored else "no")
        for pair in pairs
    ]
    return atomic_write_csv(path, [COLUMNS, *rows])


def read_overlap(path: str | Path, images: ImageSet) -> np.ndarray:
    """Indices in a set of the target images that a file of write_overlap names, to be left out: int64, sorted.

    FileNotFoundError or ValueError, in one line, if there is no such file, if it has no column "target", or if it names an image
    that the set does not have, or has twice.
    """
    most = MOST_HEAD + LONGEST_ROW * len(images)
    text = read_regular(path, most, "a .csv file that npzf overlap has written").decode(errors="surrogateescape")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        if "target" not in (rows.fieldnames or ()):
            raise ValueError("no column target")
        named = {row["target"] for row in rows}
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{path} is not a file that npzf overlap has written, expected columns {','.join(COLUMNS)}") from error
    counts = Counter(short_names(images))
    wrong = sorted(str(name) for name in named if counts[name] != 1)
    if wrong:
        found = f"{path} names {len(wrong)} images that the set of {len(images)} has not or has twice, such as {wrong[0][:200]!r}"
        raise ValueError(f"{found}, expected images of the set that npzf overlap was given")
    return np.array([i for i, name in enumerate(short_names(images)) if name in named], np.int64)


def short_names(images: ImageSet) -> list[str]:
    """The names of a set's images without the folder that all of them share, / between folders."""
    names = [PurePath(images.name(i)) for i in range(len(images))]
    folders = {str(name.parent) for name in names}
    try:
        shared = os.path.commonpath(folders)
    except ValueError:  # none, or from both the root and elsewhere
        return [name.as_posix() for name in names]
    return [name.relative_to(shared).as_posix() for name in names]
