"""What the numbers that make a layer have to be; no part of the paper."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf.numbers import MOST, is_finite, is_whole


def require_positive(layer: str, **values: int | tuple[int, int]) -> None:
    """ValueError for the first value that is not a whole number of at least 1, or (rows, columns) of such."""
    for name, value in values.items():
        numbers = value if isinstance(value, tuple | list) and len(value) == 2 else (value,)
        if not all(is_whole(n) and 1 <= n <= MOST for n in numbers):
            raise ValueError(f"{layer}: {name} is {value!r}, expected a whole number of at least 1, at most {MOST}")


def require_pad(layer: str, pad: Any) -> None:
    """ValueError unless this is a whole number of at least 0, or two or four of such."""
    numbers = pad if isinstance(pad, tuple | list) and len(pad) in (2, 4) else (pad,)
    if not all(is_whole(n) and n >= 0 for n in numbers):
        raise ValueError(f"{layer}: pad is {pad!r}, expected whole numbers of at least 0, one, two or four")


def require_flags(layer: str, **values: bool) -> None:
    """ValueError for the first value that is neither True nor False."""
    for name, value in values.items():
        if not isinstance(value, bool | np.bool_):
            raise ValueError(f"{layer}: {name} is {value!r}, expected True or False")


def require_finite(layer: str, **values: float) -> None:
    """ValueError for the first value that is not a finite number."""
    for name, value in values.items():
        if not is_finite(value):
            raise ValueError(f"{layer}: {name} is {value!r}, expected a finite number")
