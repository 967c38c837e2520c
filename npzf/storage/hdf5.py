"""HDF5 files, networks above all, that are either whole or not there; no part of the paper.

Layout of a network, version 1: attributes format, version, architecture (JSON: input shape, type, and for each layer its name,
kind, configuration and sources); parameters/NAME arrays; std and optionally mean (preprocessing.py); optionally classes (names).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

from npzf.storage import atomic

VERSION = 1
NETWORK = "network"


def write(path: str | Path, fill: Callable[[h5py.File], None], kind: str = NETWORK) -> None:
    """Fills a new HDF5 file of this kind and puts it in the place of path at once.

    OSError as atomic.atomic_write: the earlier file survives.
    """
    with atomic.atomic_write(path) as raw:
        try:
            with h5py.File(raw, "w") as file:
                file.attrs["format"], file.attrs["version"] = f"npzf {kind}", VERSION
                fill(file)
        except RuntimeError as error:  # how h5py reports some failed writes
            raise OSError(str(error).splitlines()[0]) from error


@contextlib.contextmanager
def read(path: str | Path, kind: str = NETWORK) -> Iterator[h5py.File]:
    """Opens a file of this kind that write wrote; FileNotFoundError or ValueError, in one line, for anything else."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file, expected a {kind} saved by npzf")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        cause = "truncated" if "truncated" in str(error) else "not HDF5, or damaged"
        raise ValueError(f"{path}: {cause}, expected a {kind} saved by npzf") from error
    with file:
        try:
            form, version = (" ".join(str(file.attrs.get(name)).split()) for name in ("format", "version"))
            if form != f"npzf {kind}":
                raise ValueError(f"{path}: HDF5, but not a {kind} saved by npzf (its attribute 'format' is not 'npzf {kind}')")
            if version != str(VERSION):
                raise ValueError(f"{path}: written as version {version}, expected version {VERSION}")
            yield file
        except (KeyError, TypeError, OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"{path}: damaged, expected a whole {kind} saved by npzf ({reason})") from error


def read_dataset_into(value: np.ndarray, file: h5py.File, name: str) -> None:
    """Fills value from the dataset of that name; ValueError if it is missing or has another shape."""
    stored = file.get(name)
    if not isinstance(stored, h5py.Dataset) or stored.shape != value.shape:
        found = f"of shape {stored.shape}" if isinstance(stored, h5py.Dataset) else "missing"
        raise ValueError(f"{file.filename}: {name} is {found}, expected shape {value.shape}")
    stored.read_direct(value)
