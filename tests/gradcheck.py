"""Gradients and adjoints checked by two inner products; a NaN fails both checks."""

import numpy as np


def gradient(function, backward, x, seed=0, step=1e-5, tolerance=1e-7):
    """<gy, (f(x + h u) - f(x - h u)) / 2h> = <backward(gy), u> for a random gy upstream and a random direction u.

    function: x -> y, backward: gy -> gx, both on float64 NumPy arrays. AssertionError where the two sides differ.
    """
    assert x.dtype == np.float64, f"gradients are checked in float64, not {x.dtype}"
    generator = np.random.default_rng(seed)
    gy, direction = generator.standard_normal(np.shape(function(x))), generator.standard_normal(x.shape)
    rise = (function(x + step * direction) - function(x - step * direction)) / (2 * step)
    gx = backward(gy)
    assert gx.shape == x.shape, f"the gradient has shape {gx.shape}, expected {x.shape}"
    _same(np.vdot(gy, rise), np.vdot(gx, direction), tolerance)


def adjoint(forward, transpose, x, y, tolerance=1e-12):
    """<A x, y> = <x, A^T y>: forward is A, transpose A^T; AssertionError where the two sides differ."""
    ax, aty = forward(x), transpose(y)
    assert ax.shape == y.shape, f"A x has shape {ax.shape}, expected {y.shape}"
    assert aty.shape == x.shape, f"A^T y has shape {aty.shape}, expected {x.shape}"
    _same(np.vdot(ax, y), np.vdot(x, aty), tolerance)


def _same(one, other, tolerance):
    close = abs(one - other) <= tolerance * max(abs(one), abs(other))  # false for NaN
    assert close, f"inner products are {one!r} and {other!r}, relative tolerance {tolerance}"
