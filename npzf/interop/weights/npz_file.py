"""NumPy's .npz, read without NumPy's own reader, which takes memory for whatever shape is said; no part of the paper."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from npzf.interop.weights.archive import fill, open_archive

KINDS = "biufcU"  # of types: numbers, and text, in which a file says its layout
MOST_HEADER = 2**10  # characters
MOST_ITEM = 2**10  # bytes of one number or text


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Name -> array, numbers or text; ValueError and others, without the file's name, for what is damaged or of objects."""
    arrays: dict[str, np.ndarray] = {}
    with open_archive(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"it has two arrays {name[:100]!r}")
            arrays[name] = _array(archive, member)
    return arrays


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One member; its size is compared with its shape before memory is taken."""
    with archive.open(member) as file:
        shape, fortran, dtype = _header(file)  # type: ignore[arg-type]
        what = f"{member.filename[:100]!r}"
        if dtype.hasobject or dtype.kind not in KINDS or dtype.itemsize > MOST_ITEM or dtype.subdtype is not None:
            raise ValueError(f"its array {what} is of type {dtype}, expected numbers")
        if len(shape) > 32 or not all(type(side) is int and side >= 0 for side in shape):
            raise ValueError(f"its array {what} has no shape")
        rest = member.file_size - file.tell()
        if math.prod(shape) * dtype.itemsize != rest:
            raise ValueError(f"its array {what} has {rest:,} bytes, expected {math.prod(shape) * dtype.itemsize:,} for its shape")
        array = np.empty(shape[::-1] if fortran else shape, dtype)
        fill(file, array)
        if file.read(1):  # the end, where the checksum is verified
            raise ValueError(f"its array {what} has more bytes than its shape says")
    return array.T if fortran else array


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"it has an array in version {version} of NumPy's format, expected 1 or 2")
    return readers[version](file, max_header_size=MOST_HEADER)
