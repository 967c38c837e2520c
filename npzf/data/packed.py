"""An image set in one HDF5 file of encoded images: the embedded set, Caltech-101 (section 5.2), or all of ImageNet.

Attributes: format, version, origin, licence, classes. Datasets: bytes, the encoded images end to end (uint8, contiguous);
offsets (N + 1, int64), image i being bytes[offsets[i] : offsets[i + 1]]; labels (N, int64); names (N, UTF-8); split (N, uint8),
0 for training and 1 for validation.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from npzf.data.decode import decode
from npzf.storage.atomic import atomic_write

FORMAT, VERSION = "npzf-images", 1
SPLITS = ("train", "validation")
ATTRIBUTES = ("origin", "licence", "classes")
DATASETS = {"bytes": np.uint8, "offsets": np.int64, "labels": np.int64, "names": object, "split": np.uint8}


class PackedImages:
    """Images of a packed file; an image's bytes are read when it is asked for, everything else at opening.

    Nothing stays open between two images, so threads, forked processes and processes that get a pickled copy can share it.
    split: "train", "validation", or None for both. FileNotFoundError or ValueError if there is no such file, or if it is not a
    packed file, of another version, damaged, or without images in the split.
    """

    def __init__(self, path: str | os.PathLike, split: str | None = None):
        if split is not None and split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected 'train', 'validation' or None")
        attributes, content, self._first_byte, self._state = _read(Path(path))
        self.path = os.path.abspath(path)  # a process that gets a copy may work in another folder
        self.origin, self.licence = attributes["origin"], attributes["licence"]
        self.classes: tuple[str, ...] = attributes["classes"]
        chosen = np.arange(len(content["labels"]))
        if split is not None:
            chosen = np.flatnonzero(content["split"] == SPLITS.index(split))
        if not len(chosen):
            raise ValueError(f"{path} has no images in split {split!r}, expected at least one")
        self.targets = content["labels"][chosen]
        self._starts, self._ends = content["offsets"][:-1][chosen], content["offsets"][1:][chosen]
        self._names = content["names"][chosen]

    def __len__(self) -> int:
        """Number of images."""
        return len(self._names)

    def name(self, i: int) -> str:
        """Name that image i was stored under."""
        return self._names[i]

    def stamps(self) -> tuple[tuple[int, int], ...]:
        """Size in bytes and time of the last change in nanoseconds of the file."""
        return (self._state,)

    def image(self, i: int) -> np.ndarray:
        """Pixels of image i, uint8 (H, W, 3) in [0, 255]; DecodeError if it cannot be decoded.

        OSError or ValueError if the file was removed or written again since it was opened.
        """
        return decode(self._encoded(i), self.name(i))

    def reduced(self, i: int, side: int) -> np.ndarray:
        """Image i, perhaps at a fraction of its size that leaves both sides at least `side` pixels: quicker; errors as image."""
        return decode(self._encoded(i), self.name(i), reduced=side)

    def _encoded(self, i: int) -> bytes:
        with open(self.path, "rb") as file:
            if _state(file) != self._state:
                raise ValueError(f"{self.path} was written again while it was in use, expected the file that was opened")
            file.seek(self._first_byte + int(self._starts[i]))
            return file.read(int(self._ends[i] - self._starts[i]))


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
    different lengths, or if a target or split is out of range.
    """
    path = Path(path)
    content: dict[str, np.ndarray] = {
        "bytes": np.frombuffer(b"".join(encoded), np.uint8),
        "offsets": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        "labels": np.asarray(targets, np.int64),
        "names": np.array(names, object),
        "split": np.asarray(split, np.int64),  # checked before it is narrowed to uint8
    }
    _check(path, content, len(content["bytes"]), len(classes))
    content["split"] = content["split"].astype(np.uint8)
    with atomic_write(path) as raw, h5py.File(raw, "w") as file:
        file.attrs.update(format=FORMAT, version=VERSION, origin=origin, licence=licence)
        file.attrs["classes"] = np.array(classes, h5py.string_dtype())
        for name, values in content.items():
            dtype = h5py.string_dtype() if name == "names" else values.dtype
            file.create_dataset(name, data=values, dtype=dtype)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray], int, tuple[int, int]]:
    """Attributes, datasets but for the bytes, the place of the bytes in the file, and the file's state."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist, expected a packed image set")
    try:
        with open(path, "rb") as raw, h5py.File(raw, "r") as file:
            form, version = file.attrs.get("format"), file.attrs.get("version")
            if (form, version) != (FORMAT, VERSION):
                raise ValueError(f"format is {form!r} version {version}, expected {FORMAT!r} version {VERSION}")
            for name, kind in DATASETS.items():
                if name not in file:
                    raise ValueError(f"dataset {name} is missing")
                shape, dtype = file[name].shape, file[name].dtype
                if len(shape) != 1 or dtype != np.dtype(kind):
                    raise ValueError(f"dataset {name} is {dtype} {shape}, expected {np.dtype(kind)} (N,)")
            for name in ATTRIBUTES:
                if name not in file.attrs:
                    raise ValueError(f"attribute {name} is missing")
            attributes = {name: file.attrs[name] for name in ATTRIBUTES}
            attributes["classes"] = tuple(attributes["classes"])
            content = {name: file[name][...] for name in DATASETS if name not in ("bytes", "names")}
            content["names"] = file["names"].asstr()[...]
            count, first = len(file["bytes"]), file["bytes"].id.get_offset()  # None: none stored, or in chunks
            if count and (first is None or first + count > _state(raw)[0]):
                raise ValueError("dataset bytes does not lie in the file in one piece")
            state = _state(raw)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:  # what h5py raises for damaged files
        cause = " ".join(str(error).split())
        raise ValueError(f"{path} is not a packed image set, or damaged: {cause}") from error
    _check(path, content, count, len(attributes["classes"]))
    return attributes, content, first or 0, state


def _state(file: BinaryIO) -> tuple[int, int]:
    """Size in bytes and time of the last change: another pair is another content."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _check(path: str | os.PathLike, content: dict[str, np.ndarray], count: int, classes: int) -> None:
    """ValueError where the datasets of a packed file with `count` bytes contradict each other."""
    offsets, labels, split = content["offsets"], content["labels"], content["split"]
    lengths = (len(offsets) - 1, len(labels), len(content["names"]), len(split))
    if len(set(lengths)) > 1:
        raise ValueError(f"{path}: images, labels, names, split number {lengths}, expected equal numbers")
    if offsets[0] != 0 or offsets[-1] != count or (np.diff(offsets) < 0).any():
        raise ValueError(f"{path}: offsets run from {offsets[0]} to {offsets[-1]}, expected from 0 up to {count} without falling")
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"{path}: labels run from {labels.min()} to {labels.max()}, expected 0 to {classes - 1}")
    if not np.isin(split, (0, 1)).all():
        raise ValueError(f"{path}: split runs from {split.min()} to {split.max()}, expected 0 or 1")
