"""Comparison of arrays by one relative number, and test data that hides no error."""

import numpy as np

TORCH = 1e-10  # what PyTorch in float64 may differ by
TOLERANCE = {np.dtype("float64"): 1e-12, np.dtype("float32"): 1e-5}  # what plain loops in float64 may differ by
DTYPES = list(TOLERANCE)


def close(y, expected, tolerance):
    """AssertionError unless max |y - expected| <= tolerance * max |expected|; a NaN or another shape fails."""
    y, expected = np.asarray(y), np.asarray(expected)
    assert y.shape == expected.shape, f"shape is {y.shape}, expected {expected.shape}"
    difference, scale = np.max(np.abs(y - expected), initial=0), np.max(np.abs(expected), initial=0)
    assert difference <= tolerance * scale, f"differs by {difference} where the largest is {scale}, allowed {tolerance}"


def normal(*shape, seed=0, dtype="float64"):
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(dtype)


def separated(*shape, seed=0, dtype="float64"):
    """Numbers in [-1, 1] in random order, no two closer than 2 / size: a small step changes no maximum and no sign."""
    size = int(np.prod(shape))
    values = (2 * np.arange(size) + 1) / size - 1 + 0.5 / size
    return np.random.default_rng((seed, *shape)).permutation(values).reshape(shape).astype(dtype)


def layouts(x):
    """The same numbers laid out otherwise in memory: last axis first, one axis backwards, every second element."""
    backwards = np.flip(np.ascontiguousarray(np.flip(x, 1)), 1)
    spread = np.repeat(x, 2, axis=-1)[..., ::2]
    return [np.asfortranarray(x), backwards, spread]
