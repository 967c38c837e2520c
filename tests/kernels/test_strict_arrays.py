"""Arrays that stand for CuPy's are as strict: they refuse what CuPy refuses, and allow what it allows."""

import copy

import cupy_on_cpu
import numpy as np
import pytest
from cuda_on_cpu.device import CupyDevice

from npzf import backend
from npzf.backend.arrays import array_module

X = np.arange(6.0).reshape(2, 3)


@pytest.fixture
def x():
    return cupy_on_cpu.asarray(X)


@pytest.mark.parametrize(
    "refused",
    [
        np.asarray,
        np.array,
        lambda x: x + X,
        lambda x: X + x,
        lambda x: X @ x.T,
        lambda x: x.__setitem__(0, X[0]),
        lambda x: X.__setitem__(0, x[0]),
        lambda x: x.__imul__(X),
        lambda x: np.maximum(X, x),
        lambda x: np.concatenate([X, x]),
        lambda x: cupy_on_cpu.stack([X, X]),
        lambda x: np.add.at(x, 0, 1),
    ],
)
def test_numpy_arrays_are_refused(x, refused):
    with pytest.raises(TypeError):
        refused(x)


@pytest.mark.parametrize(
    "allowed, expected",
    [
        (lambda x: x + x * 2 - np.float64(1), 3 * X - 1),
        (lambda x: 2 / (x + 1), 2 / (X + 1)),
        (lambda x: x[np.array([1, 0])], X[::-1]),
        (lambda x: x[:, x[0].astype(int)], X),
        (lambda x: x.reshape(3, 2).T, X.reshape(3, 2).T),
        (lambda x: x.max(1), X.max(1)),
        (lambda x: np.maximum(x, 2), np.maximum(X, 2)),
        (lambda x: np.concatenate([x, x]), np.concatenate([X, X])),
        (lambda x: array_module(x).zeros_like(x), 0 * X),
        (lambda x: array_module(x).stack(list(x)), X),
        (lambda x: x > 2, X > 2),
    ],
)
def test_the_rest_is_numpys(x, allowed, expected):
    found = allowed(x)
    assert type(found) is cupy_on_cpu.Array
    np.testing.assert_array_equal(found.get(), expected)


def test_writing(x):
    y = copy.deepcopy(x)
    y[0] = x[1]
    y[1, :2] = 7
    y += x
    np.testing.assert_array_equal(y.get(), np.array([[3, 4, 5], [7, 7, 5]]) + X)
    np.testing.assert_array_equal(x.get(), X)


def test_numbers(x):
    assert (float(x[1, 2]), int(x[1, 2]), bool(x[0, 0]), len(x), x.shape, x.tolist()) == (5.0, 5, False, 2, (2, 3), X.tolist())


def test_what_cupy_lacks_is_lacking(x):
    if cupy_on_cpu.cupy is None:
        pytest.skip("CuPy is not installed: whether it has a function is not checked")
    with pytest.raises(AttributeError, match="CuPy's arrays have no resize"):
        x.resize(3)
    with pytest.raises(AttributeError, match="CuPy has no busday_count"):
        array_module(x).busday_count(x)


def test_backend_tells_them_apart(x):
    with backend.use_device(CupyDevice()):
        there = backend.to_device(X)
        assert backend.is_device_array(there) and not backend.is_device_array(X)
        assert backend.to_same_device(X, X) is X and type(backend.to_same_device(X, there)) is cupy_on_cpu.Array
        assert type(backend.to_numpy(there)) is np.ndarray
    assert not backend.is_device_array(there)
