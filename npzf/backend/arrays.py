"""Array types, checks and random generators below the mathematics: no part of the paper."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from npzf.backend import is_device_array

FLOATS = (np.dtype("float32"), np.dtype("float64"))


def float_type(dtype: Any) -> np.dtype:
    """The working type asked for: float32, or float64 for checking; ValueError for any other."""
    result: np.dtype | None
    try:
        result = np.dtype(dtype)
    except TypeError:
        result = None
    if result is None or result not in FLOATS:  # to NumPy, None equals float64
        raise ValueError(f"dtype is {dtype!r}, expected 'float32' or 'float64'")
    return result


def as_batch(x: Any, dtype: np.dtype, name: str = "x") -> np.ndarray:
    """x as a contiguous (N, H, W, C) array of the working type; ValueError for other shapes, empty or non-numeric ones."""
    x = x if is_device_array(x) else np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise ValueError(f"{name} has type {x.dtype}, expected numbers")
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"{name} has shape {x.shape}, expected (N, H, W, C), none of them 0")
    x = x.astype(dtype, copy=False)
    return x if x.flags.c_contiguous else x.copy()


def as_gradient(gy: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """gy as an array of the working type; ValueError unless it is a float array of this shape, that of a pass's result."""
    if not hasattr(gy, "dtype") or gy.dtype.kind != "f":
        found = getattr(gy, "dtype", type(gy).__name__)
        raise ValueError(f"gy is {found}, expected an array of {dtype}, as the pass's result")
    if gy.shape != shape:
        raise ValueError(f"gy has shape {gy.shape}, expected {shape}, that of the pass's result")
    return gy.astype(dtype, copy=False)


def generator(*seed: int) -> np.random.Generator:
    """A random generator that depends on these whole numbers alone: the same seed gives the same bits."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def array_module(x: Any) -> Any:
    """The module that an array comes from, NumPy or CuPy, with functions of the same names."""
    return sys.modules[type(x).__module__.partition(".")[0]]
