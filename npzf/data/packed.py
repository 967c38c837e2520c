"""An image set in one HDF5 file of encoded images, for small sets like Caltech-101 (section 5.2).

Attributes: format, version, origin, licence, classes. Datasets: bytes, the encoded images end to end (uint8);
offsets (N + 1, int64), image i being bytes[offsets[i] : offsets[i + 1]]; labels (N, int64); names (N, UTF-8);
split (N, uint8), 0 training and 1 validation.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from npzf.data.decode import decode
from npzf.storage.atomic import atomic_write

FORMAT, VERSION = "npzf-images", 1
SPLITS = ("train", "validation")
ATTRIBUTES = ("origin", "licence", "classes")
DATASETS = {"bytes": np.uint8, "offsets": np.int64, "labels": np.int64, "names": object, "split": np.uint8}


class PackedImages:
    """Images of a packed file, all read into memory at opening, so that threads can share them.

    `split`: "train", "validation", or None for both. FileNotFoundError, ValueError: no such file, not a
    packed file, another version, damaged, or no images in the split.
    """

    def __init__(self, path: str | os.PathLike, split: str | None = None):
        if split is not None and split not in SPLITS:
            raise ValueError(f'split is {split!r}; expected "train", "validation" or None')
        attributes, content = _read(Path(path))
        self.origin, self.licence = attributes["origin"], attributes["licence"]
        self.classes = attributes["classes"]
        _check(path, content, len(self.classes))
        chosen = np.arange(len(content["labels"]))
        if split is not None:
            chosen = np.flatnonzero(content["split"] == SPLITS.index(split))
        if not len(chosen):
            raise ValueError(f"{path}: no images in split {split!r}; expected at least one")
        self.labels = content["labels"][chosen]
        self._bytes = content["bytes"]
        self._starts, self._ends = content["offsets"][:-1][chosen], content["offsets"][1:][chosen]
        self._names = content["names"][chosen]

    def __len__(self) -> int:
        """Number of images."""
        return len(self._names)

    def name(self, i: int) -> str:
        """Name image i was stored under."""
        return self._names[i]

    def image(self, i: int) -> np.ndarray:
        """Pixels of image i, uint8 (H, W, 3) in [0, 255]; DecodeError: it cannot be decoded."""
        return decode(self._bytes[self._starts[i] : self._ends[i]].tobytes(), self.name(i))


def write_packed(
    path: str | os.PathLike,
    encoded: Sequence[bytes],
    *,
    labels: Sequence[int],
    names: Sequence[str],
    split: Sequence[int],
    classes: Sequence[str],
    origin: str,
    licence: str,
) -> None:
    """Write encoded images (JPEG or any format that decodes) to one file, whole or not at all.

    Of each image: its label, name and split (0 training, 1 validation). ValueError: lists of different
    lengths, or a label or split out of range.
    """
    path = Path(path)
    content = {
        "bytes": np.frombuffer(b"".join(encoded), np.uint8),
        "offsets": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        "labels": np.asarray(labels, np.int64),
        "names": np.array(names, object),
        "split": np.asarray(split, np.int64),  # checked before it is narrowed to uint8
    }
    _check(path, content, len(classes))
    content["split"] = content["split"].astype(np.uint8)
    with atomic_write(path) as raw, h5py.File(raw, "w") as file:
        file.attrs.update(format=FORMAT, version=VERSION, origin=origin, licence=licence)
        file.attrs["classes"] = np.array(classes, h5py.string_dtype())
        for name, values in content.items():
            dtype = h5py.string_dtype() if name == "names" else values.dtype
            file.create_dataset(name, data=values, dtype=dtype)


def _read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Attributes and datasets of a packed file, each of its dtype, not yet checked against each other."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; expected a packed image set")
    try:
        with h5py.File(path, "r") as file:
            form, version = file.attrs.get("format"), file.attrs.get("version")
            if (form, version) != (FORMAT, VERSION):
                raise ValueError(f"format {form!r} version {version}; expected {FORMAT!r} version {VERSION}")
            missing = [n for n in ATTRIBUTES if n not in file.attrs] + [n for n in DATASETS if n not in file]
            if missing:
                raise ValueError(f"lacks {', '.join(missing)}")
            attributes = {name: file.attrs[name] for name in ATTRIBUTES}
            attributes["classes"] = tuple(attributes["classes"])
            content = {name: file[name][...] for name in DATASETS if name != "names"}
            content["names"] = file["names"].asstr()[...]
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:  # damaged, says h5py
        cause = " ".join(str(error).split())
        raise ValueError(f"{path}: not a packed image set, or damaged: {cause}") from error
    for name, values in content.items():
        expected = np.dtype(DATASETS[name])
        if values.ndim != 1 or values.dtype != expected:
            raise ValueError(f"{path}: {name} is {values.dtype} {values.shape}; expected {expected} (N,)")
    return attributes, content


def _check(path: str | os.PathLike, content: dict[str, np.ndarray], classes: int) -> None:
    """ValueError where the datasets of a packed file contradict each other."""
    offsets, labels, split = content["offsets"], content["labels"], content["split"]
    lengths = (len(offsets) - 1, len(labels), len(content["names"]), len(split))
    if len(set(lengths)) > 1:
        raise ValueError(f"{path}: images, labels, names, split number {lengths}; expected equal numbers")
    if offsets[0] != 0 or offsets[-1] != len(content["bytes"]) or (np.diff(offsets) < 0).any():
        raise ValueError(f"{path}: offsets do not divide its {len(content['bytes'])} bytes into images")
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        low, high = labels.min(), labels.max()
        raise ValueError(f"{path}: labels run from {low} to {high}; expected 0 to {classes - 1}")
    if not np.isin(split, (0, 1)).all():
        raise ValueError(f"{path}: split runs from {split.min()} to {split.max()}; expected 0 or 1")
