"""Numbers that functions are given: whole or finite, and of a size that can be; no part of the paper."""

from __future__ import annotations

import math

import numpy as np

MOST = 2**31 - 1  # of what is counted: pixels, images, maps, steps
LARGEST_SEED = 2**63 - 1

Whole = int | np.integer
Real = int | float | np.integer | np.floating


def is_whole(value: object) -> bool:
    """Whether this is a whole number, Python's or NumPy's; True and False are none."""
    return isinstance(value, Whole) and not isinstance(value, bool)


def is_finite(value: object) -> bool:
    """Whether this is a finite number that a float can hold, Python's or NumPy's; True and False are none."""
    if isinstance(value, float | np.floating):
        return math.isfinite(value)
    return is_whole(value) and abs(int(value)) < 2**1000  # type: ignore[call-overload]


def check_whole(**values: object) -> None:
    """ValueError for the first value that is no whole number, or none that anything has as many of."""
    for name, value in values.items():
        if not is_whole(value):
            raise ValueError(f"{name} is {_brief(value)}, expected a whole number")
        if abs(int(value)) > MOST:  # type: ignore[call-overload]
            raise ValueError(f"{name} is {_brief(value)}, expected a whole number of at most {MOST}")


def check_finite(**values: object) -> None:
    """ValueError for the first value that is no finite number."""
    for name, value in values.items():
        if not isinstance(value, Real) or isinstance(value, bool):
            raise ValueError(f"{name} is {_brief(value)}, expected a number")
        if not is_finite(value):
            raise ValueError(f"{name} is {_brief(value)}, expected a finite number")


def check_seed(seed: object, name: str = "seed") -> None:
    """ValueError unless this can be the seed of random numbers: a whole number from 0 to LARGEST_SEED."""
    if not is_whole(seed) or not 0 <= seed <= LARGEST_SEED:  # type: ignore[operator]
        raise ValueError(f"{name} is {_brief(seed)}, expected a whole number from 0 to {LARGEST_SEED}")


def _brief(value: object) -> str:
    """The value as Python writes it, or how long it is: more than 4,300 digits, Python does not write."""
    if isinstance(value, int) and not -(10**40) < value < 10**40:
        return f"a number of about {value.bit_length() * 0.30103:.0f} digits"
    return repr(value.item() if isinstance(value, np.generic) else value)
