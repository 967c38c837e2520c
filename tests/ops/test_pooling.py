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
    "rectangle": ((2, 9, 7, 2), (2, 3), (3, 1), 0, False),
    "pads of rows and columns": ((1, 7, 8, 2), (3, 4), (2, 3), (1, 3), True),
    "four pads": ((2, 6, 9, 2), (4, 3), (1, 2), (3, 0, 1, 2), False),
    "four pads and ceil": ((1, 7, 6, 3), (3, 2), 2, (0, 2, 1, 0), True),
}
NAMES = ("size", "window", "stride", "pad", "ceil")
cases = pytest.mark.parametrize(NAMES, CASES.values(), ids=CASES)


def torch_pads(window, pad):
    """Whether PyTorch can pad so: the same before and after, and no more than half of the window."""
    pads = naive.borders(pad)
    return all(before == after and 2 * before <= k for k, (before, after) in zip(naive.pair(window), pads, strict=True))


torch_cases = pytest.mark.parametrize(NAMES, [c for c in CASES.values() if torch_pads(c[1], c[3])])


def torch_pad(pad):
    return tuple(before for before, _ in naive.borders(pad))


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
    ty, tindex = F.max_pool2d(tx, window, stride, torch_pad(pad), ceil_mode=ceil, return_indices=True)
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
    ty = F.max_pool2d(tx.permute(0, 3, 1, 2), window, stride, torch_pad(pad), ceil_mode=ceil).permute(0, 2, 3, 1)
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


@cases
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_unpooling_of_regions_equals_loops(backend, size, window, stride, pad, ceil, dtype):
    """Rectangles anywhere, over each border too. Whole numbers add up exactly; windows that do not exist have no say."""
    _, index, switches = pool(backend, values("ties", size, dtype), window, stride, pad, ceil)
    rng = np.random.default_rng(0)
    h, w = min(2, index.shape[1]), min(3, index.shape[2])
    rows, columns = rng.integers(1 - h, index.shape[1], 6), rng.integers(1 - w, index.shape[2], 6)
    images, y = rng.integers(0, size[0], 6), rng.integers(-50, 50, (6, h, w, size[3])).astype(dtype)
    found = backend.numpy(backend.ops.unpool_region(backend.array(y), images, rows, columns, switches))
    expected = naive.unpool_region(y, images, rows, columns, index, size[1:3], window, stride, pad)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


def test_all_of_the_windows_as_a_region_are_unpooling(backend):
    x = separated(2, 9, 8, 3)
    y, index, switches = pool(backend, x, 3, 2, 1)
    images, nowhere = np.arange(2), np.zeros(2, int)
    found = backend.numpy(backend.ops.unpool_region(backend.array(y), images, nowhere, nowhere, switches))
    np.testing.assert_array_equal(found[:, 1:10, 1:9], naive.unpool(y, index, (9, 8)))


@cases
@pytest.mark.parametrize("count_padding", [True, False])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_averages_and_their_transpose_equal_loops(backend, size, window, stride, pad, ceil, count_padding, dtype):
    x = normal(*size, dtype=dtype)
    expected = naive.average_pool(x, window, stride, pad, ceil, count_padding)
    y = backend.run("average_pool", x, window, stride, pad, ceil, count_padding)
    gy = normal(*y.shape, dtype=dtype)
    gx = backend.run("average_pool_transpose", gy, size[1:3], window, stride, pad, count_padding)
    assert y.dtype == gx.dtype == dtype
    close(y, expected, TOLERANCE[dtype])
    close(gx, naive.average_pool_transpose(gy, size[1:3], window, stride, pad, ceil, count_padding), TOLERANCE[dtype])


@torch_cases
@pytest.mark.parametrize("count_padding", [True, False])
def test_averages_equal_torch(backend, size, window, stride, pad, ceil, count_padding):
    x = normal(*size)
    tx = torch.tensor(x, requires_grad=True)
    ty = F.avg_pool2d(tx.permute(0, 3, 1, 2), window, stride, torch_pad(pad), ceil, count_padding).permute(0, 2, 3, 1)
    close(backend.run("average_pool", x, window, stride, pad, ceil, count_padding), ty.detach(), TORCH)
    gy = normal(*ty.shape)
    ty.backward(torch.tensor(gy))
    close(backend.run("average_pool_transpose", gy, size[1:3], window, stride, pad, count_padding), tx.grad, TORCH)


@cases
def test_averages_and_their_transpose_are_adjoint(backend, size, window, stride, pad, ceil):
    x = normal(*size)
    y = backend.run("average_pool", x, window, stride, pad, ceil)
    gradcheck.adjoint(
        lambda x: backend.run("average_pool", x, window, stride, pad, ceil),
        lambda y: backend.run("average_pool_transpose", y, size[1:3], window, stride, pad),
        x,
        normal(*y.shape, seed=1),
    )
