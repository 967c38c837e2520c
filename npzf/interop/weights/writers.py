"""Weights as files for other programs; no part of the paper."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

from npzf.interop.packages import required
from npzf.storage.atomic import atomic_write, atomic_write_bytes
from npzf.storage.output import NAME

Arrays = dict[str, np.ndarray]


def _dotted(arrays: Arrays) -> Arrays:
    """Names as PyTorch writes them."""
    return {name.replace("/", "."): value for name, value in arrays.items()}


def _mark(file: BinaryIO) -> None:
    """Makes "npzf" the comment of a ZIP file."""
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = NAME.encode()


def _safetensors(path: Path, arrays: Arrays, layout: str) -> None:
    save = required("safetensors.numpy", "safetensors").save
    atomic_write_bytes(path, save(_dotted(arrays), metadata={"layout": layout, "writer": NAME}))


def _torch(path: Path, arrays: Arrays, layout: str) -> None:
    torch = required("torch", "torch")
    with atomic_write(path) as file:
        torch.save({name: torch.from_numpy(np.array(value)) for name, value in _dotted(arrays).items()}, file)
        _mark(file)


def _npz(path: Path, arrays: Arrays, layout: str) -> None:
    with atomic_write(path) as file:
        np.savez(file, allow_pickle=False, **arrays, layout=np.array(layout))
        _mark(file)


def _hdf5(path: Path, arrays: Arrays, layout: str) -> None:
    with atomic_write(path) as raw, h5py.File(raw, "w") as file:
        file.attrs["layout"] = layout
        for name, value in arrays.items():
            file[name] = value


WRITERS: dict[str, tuple[Callable[[Path, Arrays, str], None], str]] = {  # suffix -> what writes it, and its usual layout
    ".safetensors": (_safetensors, "pytorch"),
    ".pth": (_torch, "pytorch"),
    ".pt": (_torch, "pytorch"),
    ".npz": (_npz, "npzf"),
    ".h5": (_hdf5, "npzf"),
}
