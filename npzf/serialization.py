"""A net as HDF5 and back: architecture, parameters, and how pixels become its input; no part of the paper.

Layout: attributes architecture (JSON: input shape, type, and for each layer its name, kind, configuration and sources), seed and
passes (what dropout draws from); parameters/NAME arrays; std and optionally mean (preprocessing.py); optionally classes (names).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py

from npzf import layers
from npzf.backend import to_numpy
from npzf.layers import Layer
from npzf.network import Network
from npzf.preprocessing import Preprocessing
from npzf.storage import hdf5


def save(net: Network, path: str | Path) -> None:
    """Writes the net in the place of path; an older file survives if that fails. OSError if it does."""
    hdf5.write(path, lambda file: to_file(net, file))


def load(path: str | Path) -> Network:
    """The network that save, or training, wrote to path; ValueError, in one line, for anything else."""
    with hdf5.read(path) as file:
        return from_file(file)


def architecture(net: Network) -> str:
    """Everything but the numbers, as JSON: input shape, type, and each layer's name, kind, configuration and sources."""
    rows = [
        {"name": name, "layer": {"kind": type(layer).__name__, **layer.configuration()}, "sources": net.sources[name]}
        for name, layer in net.layers.items()
    ]
    form = {"input": net.input_shape, "dtype": str(net.dtype), "layers": rows}
    return json.dumps(form, default=lambda number: number.item())  # NumPy's


def to_file(net: Network, file: h5py.File) -> None:
    """Writes architecture, parameters, class names and preprocessing into an open file."""
    file.attrs["architecture"] = architecture(net)
    file.attrs["seed"], file.attrs["passes"] = net.seed, net.passes
    for name, value in net.parameters.items():
        file[f"parameters/{name}"] = to_numpy(value)
    if net.classes is not None:
        file["classes"] = json.dumps(net.classes)
    if net.preprocessing.mean is not None:
        file["mean"] = net.preprocessing.mean
    file["std"] = net.preprocessing.std


def from_file(file: h5py.File) -> Network:
    """The network in an open file; ValueError if its layers are unknown or its parameters do not fit them."""
    try:
        form = json.loads(file.attrs["architecture"])
        table = [(row["name"], _layer(**row["layer"]), tuple(row["sources"])) for row in form["layers"]]
        net = Network(form["input"], table, seed=int(file.attrs["seed"]), dtype=form["dtype"], weight_init=0.0)
        net.passes = int(file.attrs["passes"])
    except (KeyError, TypeError, ValueError, MemoryError) as error:
        raise ValueError(f"{file.filename}: its architecture cannot be built ({error})") from error
    for name, value in net.parameters.items():
        hdf5.read_dataset_into(value, file, f"parameters/{name}")
    try:
        net.classes = tuple(json.loads(file["classes"][()])) if "classes" in file else None
        net.preprocessing = Preprocessing(file["mean"][()] if "mean" in file else None, file["std"][()])
        net.preprocessing.check(net.input_shape)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file.filename}: its classes or its preprocessing cannot be read ({error})") from error
    return net


def _layer(kind: str, **configuration: Any) -> Layer:
    known = getattr(layers, kind) if kind in layers.__all__ else None
    if not (isinstance(known, type) and issubclass(known, Layer)):
        raise ValueError(f"layer kind is {kind!r}, expected one of npzf.layers")
    return known(**{key: tuple(value) if isinstance(value, list) else value for key, value in configuration.items()})
