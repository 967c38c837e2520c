"""Section 5.2: the features of a trained net for every image of another set, in one pass that resumes after interruption."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from npzf.backend import to_numpy
from npzf.data import EvaluationBatches, ImageSet, MirroredBatches, SquareImages, TenCropBatches, fit_to_net
from npzf.network import Network
from npzf.render import file_names
from npzf.storage import hdf5
from npzf.storage.writer import NewFile, fixed_text, fixed_texts
from npzf.sweep import State, net_identity, sweep
from npzf.transfer.feature_file import KIND, FeatureFile
from npzf.transfer.parts import KIND as PART
from npzf.transfer.parts import Parts

BATCHES = {1: EvaluationBatches, 2: MirroredBatches, 10: TenCropBatches}  # by crops of an image
TYPES = ("float32", "float16")
BLOCK = 2**25  # bytes that are copied at once

log = logging.getLogger("npzf")


def extract_features(
    net: Network,
    images: ImageSet | SquareImages,
    layers: Collection[str],
    path: str | Path,
    *,
    crops: int = 1,
    average: bool = False,
    dtype: str = "float32",
    batch: int = 32,
) -> FeatureFile:
    """The features of these layers for all images, in a file at path, which serves again while net, images and choice are alike.

    images: resized as by fit_to_net. crops: 1, the centre; 2, it and its mirror image; 10, corners and centre, mirrored (section
    3). average: the mean of an image's crops instead of each. dtype: of the file, "float32" or "float16"; batch: crops in one
    pass. A file of something else at path is made again, and what differs is said. What an interrupted pass has done lies beside
    it in PATH.parts, and the next call goes on there with the same bits. ValueError, before any work, for an unknown layer or
    another choice; in the pass, naming the image, for activations that are NaN, infinite, or too large for float16.
    """
    path, layers = Path(path), tuple(layers)
    _check(net, layers, crops, dtype, batch)
    squares = fit_to_net(net, images)
    rows, columns, _ = net.input_shape
    batches = BATCHES[crops](squares, (rows, columns), max(1, batch // crops), net.preprocessing)
    collected = _Collected(net, layers, crops, average, np.dtype(dtype), squares)
    images_identity = EvaluationBatches(squares, (rows, columns)).identity()  # whatever the crops
    identity = {
        "net": net_identity(net),
        "images": _digest(images_identity, squares.source.targets.tobytes(), squares.source.classes),
        "choice": _digest(layers, crops, average, dtype),
    }
    parts = Parts(path.with_name(f"{path.name}.parts"), collected, _digest(*identity.values(), batches.batch), len(squares))
    if path.exists() and (found := _reusable(path, identity)):
        if parts.of_this_pass():  # left by a process that was killed once the file was written
            parts.remove()
        return found
    sweep(batches, collected, parts, batches.batch)
    description = {
        "layers": layers,
        "crops": crops,
        "average": average,
        "dtype": dtype,
        "input": "whole image, squashed" if squares.squash else "centre square",
        "side": squares.side,
        "size": [rows, columns],
    }
    _assemble(path, parts, collected, identity, description)
    parts.remove()
    return FeatureFile(path)


class _Collected:
    """The features of the images that are not yet in a part; an accumulator of the sweep."""

    def __init__(self, net: Network, layers: tuple[str, ...], crops: int, average: bool, dtype: np.dtype, squares: SquareImages):
        self.net, self.layers, self.crops, self.average, self.dtype = net, layers, crops, average, dtype
        self.squares = squares
        self.choice = (layers, crops, average, dtype.name)
        self.kept = 1 if average else crops  # of each image
        self.clear()

    def add(self, x: np.ndarray, targets: np.ndarray, indices: np.ndarray) -> None:
        """Takes one batch in: x (n * crops, H, W, C), indices (n,)."""
        tape = self.net.record(x, self.layers)
        self._indices.append(indices)
        for layer in self.layers:
            y = to_numpy(tape[layer])
            y = y.reshape(len(indices), self.crops, *y.shape[1:])
            y = y.mean(1, keepdims=True) if self.average else y
            with np.errstate(over="ignore"):  # what float16 cannot hold becomes infinite, and is named
                stored = y.astype(self.dtype)
            finite = np.isfinite(stored.reshape(len(y), -1)).all(1)
            if not finite.all():
                self._refuse(layer, y[~finite][0], int(indices[~finite][0]))
            self._arrays[layer].append(stored)
            self.bytes += stored.nbytes

    def state(self) -> State:
        """What has come since the last part: indices (n,), and an array for each layer, by its number."""
        arrays = {str(k): np.concatenate(self._arrays[layer]) for k, layer in enumerate(self.layers) if self._arrays[layer]}
        return {"indices": np.concatenate([np.empty(0, np.int64), *self._indices])} | arrays

    def restore(self, state: State, done: int) -> None:
        """Nothing: what is in a part is not needed in memory."""

    def clear(self) -> None:
        """Forgets what is in a part now."""
        self._indices: list[np.ndarray] = []
        self._arrays: dict[str, list[np.ndarray]] = {layer: [] for layer in self.layers}
        self.bytes = 0

    def _refuse(self, layer: str, y: np.ndarray, image: int) -> None:
        name, largest = self.squares.source.name(image), np.abs(y).max()
        if np.isfinite(y).all():
            raise ValueError(f"dtype is {self.dtype}, expected float32: {layer!r} reaches {largest:g} for {name}")
        raise ValueError(f"features of {name} at {layer!r} are NaN or infinite, expected finite ones: check the net's parameters")


def _check(net: Network, layers: tuple[str, ...], crops: int, dtype: str, batch: int) -> None:
    if not layers:
        raise ValueError("layers are none, expected at least one name")
    for name in layers:
        if name not in net.layers:
            raise ValueError(f"layer is {name!r}, expected one of {', '.join(net.layers)}")
    if len(set(layers)) != len(layers):
        raise ValueError(f"layers are {', '.join(layers)}, expected each once")
    if crops not in BATCHES:
        raise ValueError(f"crops is {crops}, expected 1 (centre), 2 (mirrored too) or 10 (corners and centre, mirrored)")
    if dtype not in TYPES:
        raise ValueError(f"dtype is {dtype!r}, expected one of {', '.join(TYPES)}")
    if batch < 1:
        raise ValueError(f"batch is {batch}, expected at least 1 image")


def _reusable(path: Path, identity: dict[str, str]) -> FeatureFile | None:
    """The file at path if it is of this net, these images and this choice; else why it is made again is said."""
    try:
        found = FeatureFile(path)
    except ValueError as error:
        log.warning("%s; the features are computed again", error)
        return None
    words = {"net": "another net", "images": "other or changed images", "choice": "other layers or crops"}
    other = [words[key] for key in identity if found.identity[key] != identity[key]]
    if other:
        log.warning("%s is of %s: the features are computed again", path, " and ".join(other))
        return None
    log.info("features are read from %s", path)
    return found


def _assemble(path: Path, parts: Parts, collected: _Collected, identity: dict[str, str], description: dict[str, Any]) -> None:
    """Writes the parts as one file, block by block."""
    images, net = collected.squares.source, collected.net

    def write_contents(file: NewFile) -> None:
        for key, value in identity.items():
            file.attrs[key] = fixed_text(value)
        file["description"] = fixed_text(json.dumps(description))
        names = file_names(collected.layers)
        arrays = {}
        for layer in collected.layers:
            shape = (len(images), collected.kept, *net.shapes[layer])
            arrays[layer] = file.create_dataset(f"features/{names[layer]}", shape, collected.dtype)
        file["datasets"] = fixed_text(json.dumps({layer: names[layer] for layer in collected.layers}))
        decoded = np.zeros(len(images), np.uint8)
        for part in parts.files():
            with hdf5.read(part, PART) as stored:
                indices = parts.indices(stored)
                shapes = [(len(indices), *arrays[layer].shape[1:]) for layer in collected.layers]
                if not len(indices):  # none of its images can be decoded
                    continue
                sources = [stored.mapped(str(k), [collected.dtype], shape) for k, shape in enumerate(shapes)]
            decoded[indices] = 1
            for source, layer in zip(sources, collected.layers, strict=True):
                _copy(source, arrays[layer], indices)
        for missing in np.flatnonzero(decoded == 0):
            for array in arrays.values():
                array[missing] = np.nan
        file["decoded"], file["targets"] = decoded, images.targets
        file["names"] = fixed_texts([images.name(i) for i in range(len(images))])
        file["classes"] = fixed_text(json.dumps(images.classes))

    hdf5.write(path, write_contents, KIND)


def _copy(source: np.ndarray, target: h5py.Dataset, indices: np.ndarray) -> None:
    """source[k] -> target[indices[k]], runs of consecutive indices at once, some megabytes at a time."""
    most = max(1, BLOCK // max(1, source.dtype.itemsize * int(np.prod(source.shape[1:]))))
    runs = np.split(np.arange(len(indices)), np.flatnonzero(np.diff(indices) != 1) + 1)
    for run in runs:
        for start in range(0, len(run), most):
            block = run[start : start + most]
            target[indices[block[0]] : indices[block[-1]] + 1] = source[block[0] : block[-1] + 1]


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
