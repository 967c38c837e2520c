"""The file of features of section 5.2: what a net makes of every image of a set, as HDF5 that any program reads.

Attributes: format "npzf feature file", version; net, images, choice: digests of what the features depend on. Datasets:
description, the same in words, as JSON: layers, crops, average, dtype, how pixels became input; features/NAME, (N, crops, ...),
one for each layer, and datasets, as JSON: layer -> NAME; names (N, text in UTF-8), what the images are called; decoded (N,
uint8), 0 for an image that cannot be decoded, whose features are NaN; targets, (N,) or (N, classes); classes, names as JSON.

    with h5py.File("features.h5") as file:
        pool5 = file["features/pool5"][:, 0]     # (N, 6, 6, 256) of AlexNet, the first crop
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from npzf.storage import hdf5
from npzf.text import shortened

KIND = "feature file"
TYPES = ("<f4", "<f2")


class FeatureFile:
    """The features in a file, read when they are asked for: layers; names, targets, decoded (N,); classes; crops of an image.

    FileNotFoundError or ValueError, in one line, for a file that is no whole file of features.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        with hdf5.read(path, KIND) as file:
            self.identity = {key: file.text_attribute(key) for key in ("net", "images", "choice")}
            self.description = _names(json.loads(file.text("description")), path, "description", None)
            self.decoded = file.array("decoded", [np.uint8], (None,)).astype(bool)
            count = len(self.decoded)
            self.names = tuple(name.decode(errors="surrogateescape") for name in file.texts("names", count).tolist())
            self.targets = file.array("targets")
            classes = json.loads(file.text("classes"))
            if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
                raise ValueError(f"classes of {path} are no list of names, expected one")
            self.classes: tuple[str, ...] = tuple(classes)
            stored = _names(json.loads(file.text("datasets")), path, "datasets", str)
            self._arrays = {layer: file.mapped(f"features/{name}", TYPES) for layer, name in stored.items()}
            self._check(count)
        self.layers = tuple(self.description["layers"])
        self.crops = next(iter(self._arrays.values())).shape[1]

    def __len__(self) -> int:
        """Number of images N, those included that cannot be decoded."""
        return len(self.names)

    def array(self, layer: str) -> np.ndarray:
        """The features of a layer (N, crops, ...), read-only, of which only the rows that are used are read from the disk.

        ValueError for a layer that the file does not have.
        """
        if layer not in self._arrays:
            raise ValueError(f"layer is {layer!r}, expected one of {', '.join(self.layers)}, the layers of {self.path}")
        return self._arrays[layer]

    def rows(self, layers: Sequence[str], indices: np.ndarray) -> np.ndarray:
        """The layers of these images (n,) flattened, side by side: float32 (n, crops, F)."""
        parts = [self.array(layer)[indices] for layer in layers]
        return np.concatenate([part.reshape(len(indices), self.crops, -1).astype(np.float32) for part in parts], axis=2)

    def _check(self, count: int) -> None:
        """ValueError where the parts of the file contradict each other."""
        layers, shapes = self.description.get("layers"), {array.shape[:2] for array in self._arrays.values()}
        if list(self._arrays) != layers or len(shapes) != 1 or {shape[0] for shape in shapes} != {count}:
            raise ValueError(f"features of {self.path} are {sorted(self._arrays)} {sorted(shapes)}, expected {layers} of {count}")
        if self.targets.shape not in ((count,), (count, len(self.classes))):
            raise ValueError(f"targets of {self.path} have shape {self.targets.shape}, expected ({count},) or a label a class")
        labels = self.targets if self.targets.ndim == 1 else np.zeros(0, np.int64)
        if labels.size and not 0 <= labels.min() <= labels.max() < len(self.classes):
            raise ValueError(f"targets of {self.path} run from {labels.min()} to {labels.max()}, expected classes")


def _names(found: Any, path: str | Path, name: str, kind: type | None) -> dict[str, Any]:
    """A dictionary, whose values are of this type; ValueError for anything else."""
    if not isinstance(found, dict) or (kind is not None and not all(isinstance(value, kind) for value in found.values())):
        raise ValueError(f"{name} of {path} is {shortened(found)}, expected names with their values")
    return found
