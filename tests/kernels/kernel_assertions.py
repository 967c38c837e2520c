"""How far two arrays are apart, for the tests of kernels."""

import numpy as np

TOLERANCE = {"float32": 1e-5, "float64": 1e-12, "tf32": 2e-3}


def distance(found, expected) -> float:
    """The largest difference, relative to the largest expected number; infinite where shapes or types differ, NaN stays NaN."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return np.inf
    scale = np.abs(expected.astype(np.float64)).max(initial=0)
    return float(np.abs(found.astype(np.float64) - expected).max(initial=0) / (scale or 1))


def close(found, expected, kind=None) -> bool:
    return distance(found, expected) < TOLERANCE[kind or expected.dtype.name]
