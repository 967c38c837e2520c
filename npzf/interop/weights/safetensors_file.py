"""Files of safetensors: JSON of names, types, shapes and places, then the numbers in a row; no part of the paper."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from npzf.interop.weights.archive import fill
from npzf.storage.regular import open_regular

MOST_HEADER = 2**22  # bytes of JSON, which takes more than ten times as much when it is read
TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], str | None]:
    """Name -> array in the order of the file, bfloat16 as float32, and the layout that the file says, if it does.

    ValueError and others, without the file's name, unless its arrays fill the file, each with a place of its own.
    """
    with open_regular(path, "weights") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8 or length > MOST_HEADER:
            raise ValueError(f"its header has {length:,} bytes, expected at most {min(MOST_HEADER, max(size - 8, 0)):,}")
        header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_once)
        if not isinstance(header, dict):
            raise ValueError("its header is no JSON object")
        about = header.pop("__metadata__", {})
        places = sorted(((*_place(name, part), name) for name, part in header.items()), key=lambda place: place[:2])
        end = 0
        for first, last, *_, name in places:
            if first != end:
                raise ValueError(f"{name[:100]!r} begins at byte {first:,}, expected {end:,}")
            end = last
        if end != size - 8 - length:
            raise ValueError(f"its arrays have {end:,} bytes, expected {size - 8 - length:,}, the rest of the file")
        arrays = {name: _array(file, kind, shape) for _, _, kind, shape, name in places}
    layout = about.get("layout") if isinstance(about, dict) else None
    return {name: arrays[name] for name in header}, layout if isinstance(layout, str) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without a name that stands twice."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice in its header")
    return found


def _place(name: str, part: Any) -> tuple[int, int, str, tuple[int, ...]]:
    """First byte and end, type and shape of an array, which have to fit."""
    kind, shape, place = part["dtype"], part["shape"], part["data_offsets"]
    if not isinstance(kind, str) or kind not in TYPES:
        raise ValueError(f"{name[:100]!r} is of type {str(kind)[:20]!r}, expected one of {', '.join(TYPES)}")
    numbers = [*shape, *place]
    if len(place) != 2 or len(shape) > 32 or not all(type(number) is int and 0 <= number < 2**62 for number in numbers):
        raise ValueError(f"{name[:100]!r} has no shape or no place")
    if place[1] - place[0] != math.prod(shape) * np.dtype(TYPES[kind]).itemsize:
        raise ValueError(f"{name[:100]!r} of shape {tuple(shape)} has {place[1] - place[0]:,} bytes")
    return place[0], place[1], kind, tuple(shape)


def _array(file: BinaryIO, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(shape, TYPES[kind])
    fill(file, array)
    return (array.astype(np.uint32) << 16).view(np.float32) if kind == "BF16" else array
