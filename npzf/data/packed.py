"""An image set in one HDF5 file of encoded images: the embedded set, Caltech-101 (section 5.2), or all of ImageNet.

Attributes: format "npzf image set", version, origin, licence. Datasets: bytes, the encoded images end to end (uint8); offsets
(N + 1, int64), image i being bytes[offsets[i] : offsets[i + 1]]; sha256 (N, 32, uint8), the digest of each image; labels (N,
int64); names (N, text in UTF-8); split (N, uint8), 0 for training and 1 for validation; classes, their names as JSON.

The seal of the file covers everything but the images, which are verified one by one as they are read: opening the file takes no
longer for large ones.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from npzf.data.decode import DecodeError, check_encoded, decode
from npzf.storage import hdf5
from npzf.storage.reader import MOST_NAME
from npzf.storage.regular import open_regular
from npzf.storage.writer import NewFile, fixed_text, fixed_texts

KIND = "image set"
SPLITS = ("train", "validation")


class PackedImages:
    """Images of a packed file; an image's bytes are read when it is asked for, everything else at opening.

    Nothing stays open between two images, so threads, forked processes and processes that get a pickled copy can share it.
    split: "train", "validation", or None for both. digest: of all that the file holds, as hex. FileNotFoundError or ValueError if
    there is no such file, or if it is not a packed file, of another version, damaged, or without images in the split.
    """

    def __init__(self, path: str | os.PathLike, split: str | None = None):
        if split is not None and split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected 'train', 'validation' or None")
        with hdf5.read(path, KIND, "bytes", "pack the images again") as file:
            self._state, self.digest = _state(file.raw), file.seal.sha256
            self.origin, self.licence = file.text_attribute("origin"), file.text_attribute("licence")
            classes = json.loads(file.text("classes"))
            labels = file.array("labels", [np.int64], (None,))
            count = len(labels)
            offsets = file.array("offsets", [np.int64], (count + 1,))
            splits = file.array("split", [np.uint8], (count,))
            names = file.texts("names", count)
            digests = file.array("sha256", [np.uint8], (count, 32))
            encoded = file.place("bytes", [np.uint8], (None,))
        _check(path, labels, offsets, splits, encoded.nbytes, classes)
        self.path = os.path.abspath(path)  # a process that gets a copy may work in another folder
        self.classes: tuple[str, ...] = tuple(classes)
        chosen = np.arange(count) if split is None else np.flatnonzero(splits == SPLITS.index(split))
        if not len(chosen):
            raise ValueError(f"{path} has no images in split {split!r}, expected at least one")
        self.targets = labels[chosen]
        self._starts, self._ends = encoded.first + offsets[:-1][chosen], encoded.first + offsets[1:][chosen]
        self._names, self._digests = names[chosen], digests[chosen]

    def __len__(self) -> int:
        """Number of images."""
        return len(self._names)

    def name(self, i: int) -> str:
        """Name that image i was stored under."""
        return self._names[i].decode(errors="surrogateescape")

    def stamps(self) -> tuple[tuple[int, int], ...]:
        """Size in bytes and time of the last change in nanoseconds of the file."""
        return (self._state,)

    def image(self, i: int) -> np.ndarray:
        """Pixels of image i, uint8 (H, W, 3) in [0, 255]; DecodeError if it is damaged or cannot be decoded.

        OSError or ValueError if the file was removed or written again since it was opened.
        """
        return decode(self._encoded(i), self._called(i))

    def reduced(self, i: int, side: int) -> np.ndarray:
        """Image i, perhaps at a fraction of its size that leaves both sides at least `side` pixels: quicker; errors as image."""
        return decode(self._encoded(i), self._called(i), reduced=side)

    def _called(self, i: int) -> str:
        return f"{self.name(i)} in {self.path}"

    def _encoded(self, i: int) -> bytes:
        length = int(self._ends[i] - self._starts[i])
        try:
            check_encoded(length)
        except ValueError as error:
            raise DecodeError(f"{self._called(i)}: {error}") from None
        with open_regular(self.path, "the packed image set that was opened") as file:
            if _state(file) != self._state:
                raise ValueError(f"{self.path} was written again while it was in use, expected the file that was opened")
            file.seek(int(self._starts[i]))
            encoded = file.read(length)
        if hashlib.sha256(encoded).digest() != self._digests[i].tobytes():
            raise DecodeError(f"{self._called(i)} is damaged: its SHA-256 is not the one that was stored with it")
        return encoded


def write_packed(
    path: str | os.PathLike,
    encoded: Sequence[bytes],
    *,
    targets: Sequence[int] | np.ndarray,
    names: Sequence[str],
    split: Sequence[int] | np.ndarray,
    classes: Sequence[str],
    origin: str,
    licence: str,
) -> None:
    """Writes encoded images (JPEG or any format that decode reads) to one file, whole or not at all.

    targets, names, split: of each image its class, its name, and 0 for training or 1 for validation. ValueError if the lists have
    different lengths, if a target or split is out of range, or a name too long.
    """
    lengths = (len(encoded), len(targets), len(names), len(split))
    if len(set(lengths)) > 1:
        raise ValueError(f"{path}: images, targets, names, split number {lengths}, expected equal numbers")
    named = fixed_texts(list(names))
    if named.dtype.itemsize > MOST_NAME:
        raise ValueError(f"{path}: a name has {named.dtype.itemsize} bytes, expected at most {MOST_NAME}")
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    labels, splits = np.asarray(targets, np.int64), np.asarray(split, np.int64)
    _check(path, labels, offsets, splits, int(offsets[-1]), list(classes))
    digests = b"".join(hashlib.sha256(one).digest() for one in encoded)

    def write_contents(file: NewFile) -> None:
        file.attrs["origin"], file.attrs["licence"] = fixed_text(origin), fixed_text(licence)
        file["classes"] = fixed_text(json.dumps(list(classes)))
        file["labels"], file["offsets"], file["split"] = labels, offsets, splits.astype(np.uint8)
        file["names"], file["sha256"] = named, np.frombuffer(digests, np.uint8).reshape(-1, 32)
        file.put("bytes", np.frombuffer(b"".join(encoded), np.uint8))

    hdf5.write(path, write_contents, KIND, apart="bytes")


def _state(file: BinaryIO) -> tuple[int, int]:
    """Size in bytes and time of the last change: another pair is another content."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _check(
    path: str | os.PathLike, labels: np.ndarray, offsets: np.ndarray, splits: np.ndarray, count: int, classes: object
) -> None:
    """ValueError where the datasets of a packed file with `count` bytes of images contradict each other."""
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ValueError(f"{path}: classes are no list of names, expected one")
    if offsets[0] != 0 or offsets[-1] != count or (np.diff(offsets) < 0).any():
        raise ValueError(f"{path}: offsets run from {offsets[0]} to {offsets[-1]}, expected from 0 up to {count} without falling")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise ValueError(f"{path}: labels run from {labels.min()} to {labels.max()}, expected 0 to {len(classes) - 1}")
    if not np.isin(splits, (0, 1)).all():
        raise ValueError(f"{path}: split runs from {splits.min()} to {splits.max()}, expected 0 or 1")
