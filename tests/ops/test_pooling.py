"""Max pooling and its switches compared exactly: ties, NaN, windows of -inf, borders; unpooling by both rules."""

import gradcheck
import naive
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from assertions import DTYPES, TOLERANCE, TORCH, close, layouts, normal, separated
from hypothesis import given, settings
from hypothesis import strategies as st

CASES = {  # x (N, H, W, C), window, stride, pad, ceil
    "3/2": ((2, 9, 7, 3), 3, 2, 0, False),
    "3/2 ceil": ((2, 8, 10, 3), 3, 2, 0, True),
    "2/2": ((2, 6, 8, 2), 2, 2, 0, False),
    "pad": ((2, 7, 8, 2), 3, 2, 1, False),
    "pad and ceil": ((2, 8, 9, 2), 4, 3, 2, True),
    "pad, much": ((1, 4, 5, 2), 3, 1, 2, True),
    "stride 1": ((3, 5, 6, 1), 3, 1, 0, False),
    "stride beyond the window": ((2, 9, 8, 2), 2, 3, 0, False),
    "ceil beyond the window": ((2, 7, 9, 2), 2, 5, 1, True),
    "input below the window": ((2, 2, 3, 2), 3, 2, 0, True),
    "one pixel": ((1, 4, 3, 2), 1, 1, 0, False),
    "whole image": ((2, 4, 4, 2), 4, 1, 0, False),
    "more than 255 elements": ((1, 17, 17, 1), 16, 1, 0, False),
}
NAMES = ("size", "window", "stride", "pad", "ceil")
cases = pytest.mark.parametrize(NAMES, CASES.values(), ids=CASES)
torch_cases = pytest.mark.parametrize(NAMES, [c for c in CASES.values() if 2 * c[3] <= c[1]])  # no more padding there


def values(kind, size, dtype="float64"):
    """Data that exposes errors: no two equal, many equal, all negative, NaN and infinities."""
    generator = np.random.default_rng(1)
    if kind == "separated":
        return separated(*size, dtype=dtype)
    if kind == "ties":
        return generator.integers(0, 2, size).astype(dtype)
    if kind == "negative":
        return separated(*size, dtype=dtype) - dtype.type(9)
    if kind == "minus infinity":
        return np.full(size, -np.inf, dtype)
    return generator.choice([np.nan, -np.inf, np.inf, -1, 2], size).astype(dtype)  # "special"


def pool(backend, x, *arguments):
    y, switches = backend.ops.max_pool(backend.array(x), *arguments)
    return backend.numpy(y), backend.numpy(switches.index), switches


@cases
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["separated", "ties", "negative", "minus infinity", "special"])
def test_equals_loops_exactly(backend, size, window, stride, pad, ceil, kind, dtype):
    x = values(kind, size, dtype)
    y, index, switches = pool(backend, x, window, stride, pad, ceil)
    expected, expected_index = naive.max_pool(x, window, stride, pad, ceil)
    assert (y.dtype, index.dtype, switches.size) == (dtype, np.int32, size[1:3])
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(index, expected_index)


@pytest.mark.parametrize("kind", ["separated", "ties", "minus infinity"])
@torch_cases
def test_equals_torch_exactly(backend, size, window, stride, pad, ceil, kind):
    x = values(kind, size, np.dtype("float64"))
    y, index, _ = pool(backend, x, window, stride, pad, ceil)
    tx = torch.tensor(x).permute(0, 3, 1, 2).contiguous()
    ty, tindex = F.max_pool2d(tx, window, stride, pad, ceil_mode=ceil, return_indices=True)
    np.testing.assert_array_equal(y, ty.permute(0, 2, 3, 1))
    np.testing.assert_array_equal(index, tindex.permute(0, 2, 3, 1))


@given(
    sides=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    window=st.integers(1, 5),
    stride=st.integers(1, 6),
    ceil=st.booleans(),
    data=st.data(),
)
@settings(deadline=None, derandomize=True, max_examples=80)
def test_a_switch_holds_its_value_in_any_shape(backend, sides, window, stride, ceil, data):
    pad = data.draw(st.integers(0, window - 1))
    if min(sides) + 2 * pad < window:
        return
    x = np.random.default_rng(sides).choice([np.nan, -np.inf, 0, 1, 2], (2, *sides, 2))
    y, index, _ = pool(backend, x, window, stride, pad, ceil)
    expected, expected_index = naive.max_pool(x, window, stride, pad, ceil)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(index, expected_index)
    flat = np.take_along_axis(x.reshape(2, -1, 2), index.reshape(2, -1, 2).astype(int), 1)
    np.testing.assert_array_equal(flat.reshape(y.shape), y)


def test_without_record_there_are_values_and_no_switches(backend):
    x = separated(2, 7, 6, 3)
    y, switches = backend.ops.max_pool(backend.array(x), 3, 2, record=False)
    assert switches is None
    np.testing.assert_array_equal(backend.numpy(y), naive.max_pool(x, 3, 2)[0])


@pytest.mark.parametrize("kind", range(3), ids=["last axis first", "backwards", "every second"])
def test_any_memory_layout(backend, kind):
    x = separated(2, 7, 6, 3)
    y, index, switches = pool(backend, layouts(x)[kind], 3, 2, 1)
    expected, expected_index = naive.max_pool(x, 3, 2, 1)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(index, expected_index)
    gy = normal(*y.shape)
    np.testing.assert_array_equal(
        backend.numpy(backend.ops.unpool(backend.array(layouts(gy)[kind]), switches)),
        backend.numpy(backend.ops.unpool(backend.array(gy), switches)),
    )


@pytest.mark.parametrize("number", [1, 2, 5])
def test_any_number_of_threads(backend, set_threads, number):
    set_threads(number)
    x = separated(3, 7, 6, 3)
    y, index, switches = pool(backend, x, 3, 2)
    np.testing.assert_array_equal(index, naive.max_pool(x, 3, 2)[1])
    unpooled = backend.run("unpool", y, switches)
    np.testing.assert_array_equal(unpooled, naive.unpool(y, index, (7, 6)))


@cases
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("overwrite", [False, True], ids=["add", "overwrite"])
def test_unpool_equals_loops(backend, size, window, stride, pad, ceil, dtype, overwrite):
    """Many ties, hence many shared switches. Whole numbers add up exactly, in whatever order."""
    _, index, switches = pool(backend, values("ties", size, dtype), window, stride, pad, ceil)
    y = np.random.default_rng(0).integers(-50, 50, index.shape).astype(dtype)
    x = backend.run("unpool", y, switches, overwrite)
    assert x.dtype == dtype
    np.testing.assert_array_equal(x, naive.unpool(y, index, size[1:3], overwrite))


def test_unpool_adds_any_numbers(backend):
    for dtype in DTYPES:
        _, index, switches = pool(backend, values("ties", (2, 9, 8, 3), dtype), 3, 1)
        y = normal(*index.shape, dtype=dtype)
        close(backend.run("unpool", y, switches), naive.unpool(y, index, (9, 8)), TOLERANCE[dtype])


def test_overwriting_the_last_window_in_raster_order_wins(backend):
    x = np.zeros((1, 3, 5, 1))
    x[0, 1, 2] = 1  # the maximum of both windows
    _, _, switches = pool(backend, x, 3, 2)
    y = np.array([3.0, 4.0]).reshape(1, 1, 2, 1)
    assert backend.run("unpool", y, switches)[0, 1, 2, 0] == 7
    assert backend.run("unpool", y, switches, True)[0, 1, 2, 0] == 4


@cases
def test_unpool_is_the_gradient(backend, size, window, stride, pad, ceil):
    x = separated(*size)
    _, _, switches = pool(backend, x, window, stride, pad, ceil)
    gradcheck.gradient(
        lambda x: pool(backend, x, window, stride, pad, ceil)[0],
        lambda gy: backend.run("unpool", gy, switches),
        x,
        step=1e-5 / x.size,
        tolerance=1e-6,
    )


@torch_cases
def test_unpool_equals_torch_gradient(backend, size, window, stride, pad, ceil):
    x = separated(*size)
    y, _, switches = pool(backend, x, window, stride, pad, ceil)
    tx = torch.tensor(x, requires_grad=True)
    ty = F.max_pool2d(tx.permute(0, 3, 1, 2), window, stride, pad, ceil_mode=ceil).permute(0, 2, 3, 1)
    gy = normal(*y.shape)
    ty.backward(torch.tensor(gy))
    close(backend.run("unpool", gy, switches), tx.grad, TORCH)


@cases
def test_unpool_is_the_adjoint_of_reading_the_switches(backend, size, window, stride, pad, ceil):
    _, index, switches = pool(backend, values("ties", size, np.dtype("float64")), window, stride, pad, ceil)
    n, c = size[0], size[3]

    def read(x):
        flat = np.take_along_axis(x.reshape(n, -1, c), index.reshape(n, -1, c).astype(int), 1)
        return flat.reshape(index.shape)

    gradcheck.adjoint(read, lambda y: backend.run("unpool", y, switches), normal(*size), normal(*index.shape))


def test_unpool_refuses_switches_of_another_size(backend):
    _, _, switches = pool(backend, separated(1, 6, 6, 2), 2, 2)
    with pytest.raises(ValueError, match=r"y has shape \(1, 3, 4, 2\), expected that of the switches, \(1, 3, 3, 2\)"):
        backend.ops.unpool(backend.array(np.zeros((1, 3, 4, 2))), switches)
