"""Training and test images of section 5.2: so many of each class to train on, at most 50 of the others to test on."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npzf.numbers import check_seed, check_whole
from npzf.storage.atomic import atomic_write_bytes
from npzf.storage.regular import MOST_TEXT, read_regular

MOST_HEAD, LONGEST_LINE = 2**16, 2**12  # bytes of a file of names, and of each image of the set
MOST_TEST = 50  # images a class, section 5.2
PARTS = ("train", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of the training images (n,) and of the test images (m,), each sorted."""

    train: np.ndarray
    test: np.ndarray


def random_split(
    targets: np.ndarray, classes: Sequence[str], per_class: int, *, most_test: int | None = MOST_TEST, seed: int = 0
) -> Split:
    """per_class images of each class to train on, up to most_test of the others to test on (None: all of them).

    targets (N,). The images of a class are shuffled by the seed and its number alone, so that a split with more training images
    contains those of one with fewer. ValueError, naming the class, if one has not more than per_class images.
    """
    check_whole(per_class=per_class, most_test=MOST_TEST if most_test is None else most_test)
    check_seed(seed)
    if per_class < 1:
        raise ValueError(f"per_class is {per_class}, expected at least 1 training image")
    if most_test is not None and most_test < 1:
        raise ValueError(f"most_test is {most_test}, expected at least 1 test image, or None for all")
    counts = np.bincount(targets, minlength=len(classes))
    if counts.min() <= per_class:
        least = int(counts.argmin())
        raise ValueError(
            f"class {classes[least]!r} has {counts[least]} images, expected at least {per_class + 1}: "
            f"{per_class} to train on and one to test on"
        )
    train, test = [], []
    for label in range(len(classes)):
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(label,)))
        shuffled = generator.permutation(np.flatnonzero(targets == label))
        train.append(shuffled[:per_class])
        test.append(shuffled[per_class:][:most_test])
    return Split(np.sort(np.concatenate(train)), np.sort(np.concatenate(test)))


def cross_validation(targets: np.ndarray, folds: int, seed: int = 0) -> list[Split]:
    """Each image is a test image once; the images of each class are spread over the folds as evenly as possible.

    ValueError for fewer than two folds, or if no class has as many images as there are folds.
    """
    check_whole(folds=folds)
    check_seed(seed)
    most = np.bincount(targets).max(initial=0)
    if not 2 <= folds <= most:
        raise ValueError(f"folds is {folds}, expected 2 to {most}, the images of the largest class")
    fold, offset = np.empty(len(targets), np.int64), 0
    for label in np.unique(targets):
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(label), 1)))
        members = generator.permutation(np.flatnonzero(targets == label))
        fold[members] = (np.arange(len(members)) + offset) % folds
        offset += len(members)  # the remainders of the classes do not all fall to the first folds
    return [Split(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]


def write_split(path: str | Path, split: Split, names: Sequence[str], root: str | Path = "") -> Path:
    """Writes a split as text, one image a line: train or test, a tab, its path below root, as JSON if a line cannot hold it."""
    lines = [f"{part}\t{_as_written(_below(names[i], root))}" for part in PARTS for i in getattr(split, part)]
    return atomic_write_bytes(path, "\n".join([*lines, ""]).encode(errors="surrogateescape"))


def read_split(path: str | Path, names: Sequence[str], test_path: str | Path | None = None) -> Split:
    """A split that write_split wrote, or one that others have published; names (N,): those of the image set.

    Published forms: two lists of images, path the training list and test_path the other, a line "accordion/image_0001.jpg" or
    with a label behind it; or JSON with lists "train" and "test" of paths or of [path, label, name]. Paths are compared from
    their end. ValueError, naming the file and the line, for an image that the set does not have, a name that could be several
    images, an image that is named twice, and a part without images.
    """
    most = MOST_HEAD + LONGEST_LINE * len(names)
    if test_path is None:
        named = _from_json(Path(path), most) if Path(path).suffix == ".json" else _from_lines(Path(path), most)
    else:
        named = {"train": _list(Path(path), most), "test": _list(Path(test_path), most)}
    found, seen = {}, dict[int, str]()
    lookup = _Names(names)
    for part in PARTS:
        indices = []
        for where, name in named[part]:
            i = lookup.index(where, name)
            if i in seen:
                raise ValueError(f"{where} names {name[:200]!r}, which {seen[i]} has named already, expected each image once")
            seen[i] = where
            indices.append(i)
        if not indices:
            raise ValueError(f"{path} names no {part} images, expected at least one")
        found[part] = np.sort(np.array(indices, np.int64))
    return Split(**found)


Named = list[tuple[str, str]]  # where it is named, the name


class _Names:
    """Finds images by the last parts of their paths."""

    def __init__(self, names: Sequence[str]):
        self.parts = [_parts(name) for name in names]
        self.by_last: dict[str, list[int]] = {}
        for i, parts in enumerate(self.parts):
            self.by_last.setdefault(parts[-1], []).append(i)

    def index(self, where: str, name: str) -> int:
        """The image of this name; ValueError unless it is one."""
        parts = _parts(name)
        same_last = self.by_last.get(parts[-1], []) if parts else []
        depth = next((k for k in range(len(parts), 0, -1) if self._ending(same_last, parts[-k:])), 0)
        matching = self._ending(same_last, parts[-depth:]) if depth else []
        if not matching or (depth == 1 and len(parts) > 1):  # the name alone is not enough where a folder is given
            raise ValueError(
                f"{where} names {name[:200]!r}, expected an image of the set, such as {'/'.join(self.parts[0][-2:])!r}"
            )
        if len(matching) > 1:
            raise ValueError(
                f"{where} names {name[:200]!r}, which could be {len(matching)} images, expected its folder before it"
            )
        return matching[0]

    def _ending(self, candidates: list[int], parts: tuple[str, ...]) -> list[int]:
        return [i for i in candidates if self.parts[i][-len(parts) :] == parts]


def _from_lines(path: Path, most: int) -> dict[str, Named]:
    named: dict[str, Named] = {part: [] for part in PARTS}
    for number, line in enumerate(_text(path, most).splitlines(), 1):
        part, _, name = line.partition("\t")
        if not line.strip():
            continue
        if part not in PARTS or not name:
            raise ValueError(f"line {number} of {path} is {line[:60]!r}, expected train or test, a tab, and an image's path")
        named[part].append((f"line {number} of {path}", _as_named(name)))
    return named


def _as_written(name: str) -> str:
    """The name, or if it has line breaks or begins as JSON does, the name as JSON."""
    return json.dumps(name) if len(f"{name}.".splitlines()) > 1 or name.startswith('"') else name


def _as_named(written: str) -> str:
    """The name of which _as_written made this; other programs' names stay as they are."""
    try:
        name = json.loads(written) if written.startswith('"') else written
    except ValueError:
        return written
    return name if isinstance(name, str) else written


def _list(path: Path, most: int) -> Named:
    """One path a line, with or without a label behind it."""
    named = []
    for number, line in enumerate(_text(path, most).splitlines(), 1):
        name, *label = line.strip().rsplit(None, 1) or [""]
        if name:
            named.append((f"line {number} of {path}", name if label and label[0].lstrip("-").isdecimal() else line.strip()))
    return named


def _from_json(path: Path, most: int) -> dict[str, Named]:
    try:
        content = json.loads(_text(path, most))
        lists = {part: [one[0] if isinstance(one, list) else one for one in content[part]] for part in PARTS}
        return {part: [(f"{part} of {path}", str(name)) for name in names] for part, names in lists.items()}
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ValueError(
            f"{path} cannot be read as a split ({' '.join(repr(error)[:200].split())}), expected JSON with lists train and test"
        ) from None


def _text(path: Path, most: int) -> str:
    """The text of a file; one that write_split wrote may name files by any bytes. ValueError if it is no text."""
    stored = read_regular(path, min(most, MOST_TEXT), "a list of images")
    ours = stored.startswith(tuple(f"{part}\t".encode() for part in PARTS))
    try:
        return stored.decode("utf-8-sig", errors="surrogateescape" if ours else "strict")  # Windows puts a mark before it
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text, expected lists of images in UTF-8") from None


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def _below(name: str, root: str | Path) -> str:
    return Path(os.path.relpath(name, root)).as_posix() if root else name
