"""The file of features of section 5.2: what a net makes of every image of a set, as HDF5 that any program reads.

Attributes: format "npzf features", version; net, images, choice: digests of what the features depend on; description: the same in
words, as JSON: layers, crops, average, dtype, how pixels became input. Datasets: features/NAME, (N, crops, ...), one for each
layer, whose attribute layer is the layer's name; names (N, UTF-8), what the images are called; decoded (N, uint8), 0 for an image
that cannot be decoded, whose features are NaN; targets, (N,) or (N, classes); classes, their names as JSON.

    with h5py.File("features.h5") as file:
        pool5 = file["features/pool5"][:, 0]     # (N, 6, 6, 256) of AlexNet, the first crop
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from npzf.storage import hdf5

KIND = "features"


class FeatureFile:
    """The features in a file, read when they are asked for: layers; names, targets, decoded (N,); classes; crops of an image.

    FileNotFoundError or ValueError, in one line, for a file that is no whole file of features.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        with hdf5.read(path, KIND) as file:
            self.identity = {key: str(file.attrs[key]) for key in ("net", "images", "choice")}
            self.description: dict[str, Any] = json.loads(file.attrs["description"])
            self.names = tuple(name.decode(errors="surrogateescape") for name in file["names"][()])
            self.targets: np.ndarray = file["targets"][()]
            self.decoded: np.ndarray = file["decoded"][()].astype(bool)
            self.classes: tuple[str, ...] = tuple(json.loads(file["classes"][()]))
            stored = {str(item.attrs["layer"]): item for item in file["features"].values()}
            self._arrays = {layer: self._mapped(item) for layer, item in stored.items()}
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

    def _mapped(self, item: h5py.Dataset) -> np.ndarray:
        first = item.id.get_offset()  # of a contiguous dataset, as all of these are
        if first is None:
            raise ValueError(f"{item.name} of {self.path} is in chunks, expected the contiguous array that npzf writes")
        return np.memmap(self.path, item.dtype, "r", first, item.shape)
