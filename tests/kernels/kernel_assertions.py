"""The NumPy ops, and how far two arrays are apart."""

from functools import wraps
from types import ModuleType

import numpy as np

from npzf import backend

TOLERANCE = {"float32": 1e-5, "float64": 1e-12, "tf32": 2e-3}


def distance(found, expected) -> float:
    """The largest difference, relative to the largest expected number; infinite where shapes or types differ, NaN stays NaN."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return np.inf
    scale = np.abs(expected.astype(np.float64)).max(initial=0)
    return float(np.abs(found.astype(np.float64) - expected).max(initial=0) / (scale or 1))


def close(found, expected, kind=None) -> bool:
    return distance(found, expected) < TOLERANCE[kind or expected.dtype.name]


def plain(module: ModuleType):
    """The module's functions as they are without a GPU, whatever machine is on."""

    class Plain:
        def __getattr__(self, name):
            function = getattr(module, name)

            @wraps(function)
            def without(*arguments, **options):
                with backend.use_device(None):
                    return function(*arguments, **options)

            return without if callable(function) and not isinstance(function, type) else function

    return Plain()
