"""One activation of a layer (section 2.1): which it is, where it lies, and a layer with all others set to zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf.backend import to_same_device
from npzf.backend.arrays import array_module

Unit = int | np.ndarray | tuple[int | np.ndarray, int | np.ndarray, int | np.ndarray] | None


def seed(y: Any, unit: Unit) -> Any:
    """y (N, H, W, C) or (N, F) with every activation but the unit's set to zero.

    unit: None for the whole layer; a map, seeded at its strongest place in each image; or (map, row, column), each a number or
    one for each image (N,). ValueError for a unit that does not exist.
    """
    if unit is None:
        return y
    index = index_of(y, unit)
    seeded = array_module(y).zeros_like(y)
    seeded[index] = y[index]
    return seeded


def index_of(y: Any, unit: Unit) -> tuple[Any, ...]:
    """The index, one entry an image, of a unit in y (N, H, W, C) or (N, F); unit as for seed, but not None."""
    index = (np.arange(len(y)), *(np.broadcast_to(part, len(y)) for part in _place(y, unit)))
    return tuple(to_same_device(np.ascontiguousarray(part), y) for part in index)


def argmax_position(y: Any, index: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns (N,) of the largest activation of a map, or of one map an image, in y (N, H, W, C); ties: the first."""
    maps = np.broadcast_to(index, len(y))
    best = [int(y[n, ..., m].reshape(-1).argmax()) for n, m in enumerate(maps.tolist())]
    rows, columns = np.unravel_index(np.array(best), y.shape[1:3])
    return rows, columns


def _place(y: Any, unit: Any) -> tuple:
    """The index of the unit behind the images: (row, column, map), or (map,) in a fully connected layer."""
    parts = unit if isinstance(unit, tuple) else (unit,)
    if y.ndim == 2 and len(parts) > 1:
        raise ValueError(f"unit is {unit!r}, expected one number below {y.shape[1]}: this layer has no rows and columns")
    if len(parts) not in (1, 3):
        raise ValueError(f"unit is {unit!r}, expected None, a map or (map, row, column)")
    sizes, names = (y.shape[-1], *y.shape[1:3]), ("map", "row", "column")
    for name, part, size in zip(names, map(np.asarray, parts), sizes, strict=False):
        if part.dtype.kind not in "iu" or part.shape not in ((), y.shape[:1]):
            raise ValueError(f"unit's {name} is {part}, expected a whole number, or one for each of {len(y)} images")
        if part.min() < 0 or part.max() >= size:
            raise ValueError(f"unit's {name} is {part}, expected 0 to {size - 1}")
    if y.ndim == 2:
        return parts
    index, row, column = parts if len(parts) == 3 else (unit, *argmax_position(y, unit))
    return row, column, index
