"""HDF5 files of npzf's own kinds, networks above all, that are either whole or absent; no part of the paper.

Attributes of every file: format, "npzf KIND", and version. What a network holds is in serialization.py, what a checkpoint adds in
training/checkpoint.py. Version 2 names the kinds of layers as ReLU, LocalResponseNorm, ...; version 1 had other names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

from npzf.storage.atomic import atomic_write

VERSION = 2
NETWORK = "network"


def write(path: str | Path, write_contents: Callable[[h5py.File], None], kind: str = NETWORK) -> None:
    """Lets write_contents(file) fill a new HDF5 file of this kind, which then takes the place of path at once.

    OSError, in one line, if that fails: the earlier file survives.
    """
    with atomic_write(path) as raw:
        try:
            with h5py.File(raw, "w") as file:
                file.attrs["format"], file.attrs["version"] = f"npzf {kind}", VERSION
                write_contents(file)
        except RuntimeError as error:  # how h5py reports some failed writes
            raise OSError(str(error).splitlines()[0]) from error


@contextlib.contextmanager
def read(path: str | Path, kind: str = NETWORK) -> Iterator[h5py.File]:
    """Opens a file of this kind that write has written; FileNotFoundError or ValueError, in one line, for any other."""
    path, expected = Path(path), f"expected a {kind} saved by npzf"
    if not path.is_file():
        raise FileNotFoundError(f"{path} {'is not a file' if path.exists() else 'does not exist'}, {expected}")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        cause = "truncated" if "truncated" in str(error) else "not HDF5, or damaged"
        raise ValueError(f"{path} is {cause}, {expected}") from error
    with file:
        try:
            form, version = (" ".join(str(file.attrs.get(name)).split()) for name in ("format", "version"))
            if form != f"npzf {kind}":
                raise ValueError(f"format of {path} is {form!r}, expected 'npzf {kind}': a {kind} saved by npzf")
            if version != str(VERSION):
                remedy = "train or convert the net again" if kind == NETWORK else "remove the file and begin again"
                raise ValueError(f"version of {path} is {version}, expected {VERSION}: {remedy}")
            yield file
        except (KeyError, TypeError, OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"{path} is damaged ({reason}), expected a whole {kind} saved by npzf") from error


def read_dataset_into(value: np.ndarray, file: h5py.File, name: str) -> None:
    """Fills value from the dataset of that name; ValueError if it is missing or has another shape."""
    stored = file.get(name)
    if not isinstance(stored, h5py.Dataset):
        raise ValueError(f"{name} of {file.filename} is missing, expected shape {value.shape}")
    if stored.shape != value.shape:
        raise ValueError(f"{name} of {file.filename} has shape {stored.shape}, expected {value.shape}")
    stored.read_direct(value)
