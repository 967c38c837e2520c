"""Convolution, its transpose and its filter gradient, in all precisions, against the NumPy ops."""

import numpy as np
import pytest
from cuda_on_cpu.module import Order
from kernel_assertions import close, distance, plain

from npzf.ops import convolution
from npzf.ops.cuda import convolution as twin

op = plain(convolution)

# (x, weight, stride, pad, groups, ceil): no side is a tile's multiple, and every loading width occurs
CASES = {
    "layer 1": ((1, 23, 21, 3), (96, 7, 7, 3), 2, 0, 1, True),
    "layer 2": ((1, 14, 13, 24), (40, 5, 5, 24), 2, 0, 1, True),
    "layers 3 to 5": ((1, 13, 13, 16), (100, 3, 3, 16), 1, 1, 1, False),
    "two images": ((2, 6, 7, 8), (132, 3, 3, 8), 1, 1, 1, False),
    "groups": ((1, 9, 9, 24), (40, 5, 5, 12), 1, 2, 2, False),
    "odd groups": ((1, 7, 9, 15), (21, 3, 3, 5), 2, 1, 3, True),
    "stride > window": ((1, 11, 10, 4), (5, 2, 2, 4), 3, 0, 1, False),
    "stride > window, pad": ((1, 11, 8, 5), (6, 2, 2, 5), 3, 1, 1, True),
    "1 x 1": ((1, 5, 5, 20), (8, 1, 1, 20), 1, 0, 1, False),
    "1 x 1, stride 2": ((1, 6, 5, 4), (8, 1, 1, 4), 2, 0, 1, False),
    "one number": ((1, 1, 1, 1), (1, 1, 1, 1), 1, 0, 1, False),
    "one filter": ((1, 5, 6, 3), (1, 3, 3, 3), 1, 1, 1, False),
    "pad": ((1, 5, 6, 4), (9, 5, 3, 4), 1, 2, 1, False),
}
PRECISIONS = [("float32", "fp32"), ("float64", "fp32"), ("float32", "tf32")]


def arrays(case, dtype, random):
    x, weight, stride, pad, groups, ceil = CASES[case]
    x, weight = random.standard_normal(x), random.standard_normal(weight)
    bias = random.standard_normal(len(weight))
    keywords = {"stride": stride, "pad": pad, "groups": groups}
    return x.astype(dtype), weight.astype(dtype), bias.astype(dtype), keywords, ceil


@pytest.fixture(params=PRECISIONS, ids=["float32", "float64", "tf32"])
def precision(request):
    return request.param


@pytest.mark.parametrize("case", CASES)
def test_convolve(machine, random, case, precision):
    dtype, precision = precision
    x, weight, bias, keywords, ceil = arrays(case, dtype, random)
    expected = op.convolve(x, weight, bias, **keywords, ceil=ceil)
    found = twin.convolve(x, weight, bias, **keywords, ceil=ceil, precision=precision)
    assert close(found, expected, None if precision == "fp32" else precision)
    rectified = twin.convolve(x, weight, bias, **keywords, ceil=ceil, precision=precision, relu=True)
    assert np.array_equal(rectified, np.maximum(found, 0))


@pytest.mark.parametrize("case", CASES)
def test_convolve_transpose(machine, random, case, precision):
    dtype, precision = precision
    x, weight, _, keywords, ceil = arrays(case, dtype, random)
    y = random.standard_normal(op.convolve(x, weight, **keywords, ceil=ceil).shape).astype(dtype)
    expected = op.convolve_transpose(y, weight, x.shape[1:3], **keywords)
    found = twin.convolve_transpose(y, weight, x.shape[1:3], **keywords, precision=precision)
    assert close(found, expected, None if precision == "fp32" else precision)


@pytest.mark.parametrize("case", CASES)
def test_filter_gradient(machine, random, case, precision):
    dtype, precision = precision
    x, weight, _, keywords, ceil = arrays(case, dtype, random)
    gy = random.standard_normal(op.convolve(x, weight, **keywords, ceil=ceil).shape).astype(dtype)
    expected = op.filter_gradient(x, gy, weight, **keywords)
    found = twin.filter_gradient(x, gy, weight, **keywords, precision=precision)
    assert close(found, expected, None if precision == "fp32" else precision)
    again = twin.filter_gradient(x, gy, weight, **keywords, precision=precision)
    assert np.array_equal(found, again)


def test_tensor_cores_do_round(machine, random):
    """Otherwise the test of TF32 would be one of fp32."""
    x, weight, bias, keywords, _ = arrays("layers 3 to 5", "float32", random)
    found = twin.convolve(x, weight, bias, **keywords, precision="tf32")
    assert distance(found, op.convolve(x, weight, bias, **keywords)) > 1e-5


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("eager", [False, True], ids=["lazy", "eager"])
@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_order_of_threads_does_not_matter(machine, random, order, eager, precision):
    x, weight, bias, keywords, _ = arrays("layers 3 to 5", "float32", random)
    gy = random.standard_normal((1, 13, 13, 100)).astype("f")
    expected = [
        twin.convolve(x, weight, bias, **keywords, precision=precision),
        twin.filter_gradient(x, gy, weight, **keywords, precision=precision),
    ]
    machine.options.order, machine.options.seed, machine.options.eager = order, 3, eager
    machine.options.guard = "front"
    found = [
        twin.convolve(x, weight, bias, **keywords, precision=precision),
        twin.filter_gradient(x, gy, weight, **keywords, precision=precision),
    ]
    assert all(map(np.array_equal, found, expected))


def test_nan_is_passed_on(machine, random):
    x, weight, bias, keywords, _ = arrays("layers 3 to 5", "float32", random)
    x[0, 4, 5, 6] = np.nan
    for precision in ("fp32", "tf32"):
        found = twin.convolve(x, weight, bias, **keywords, precision=precision, relu=True)
        assert np.array_equal(np.isnan(found), np.isnan(op.convolve(x, weight, bias, **keywords)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", ["layer 1", "odd groups", "stride > window, pad"])
def test_im2col_and_col2im(machine, random, case, dtype):
    x, weight, _, keywords, ceil = arrays(case, dtype, random)
    stride, pad, groups = keywords.values()
    window = op.Window.over(x.shape[1:3], weight, stride, pad, ceil)
    rows, maps = slice(0, window.rows), weight.shape[3]
    found = np.empty_like(x)
    for group in range(groups):
        some = np.ascontiguousarray(x[..., group * maps : (group + 1) * maps])
        columns = twin.im2col(x, weight.shape, **keywords, group=group, ceil=ceil)
        assert np.array_equal(columns, op.im2col(some, window, rows))
        expected = np.zeros_like(some)
        columns = random.standard_normal(columns.shape).astype(dtype)
        op.col2im(columns, window, rows, expected)
        twin.col2im(columns, x.shape, weight.shape, (window.rows, window.columns), found, **keywords, group=group)
        assert close(np.ascontiguousarray(found[..., group * maps : (group + 1) * maps]), expected)


def test_too_many_numbers(machine):
    x = np.broadcast_to(np.float32(0), (200_000, 110, 110, 1))
    with pytest.raises(ValueError, match="take a smaller batch"):
        twin.convolve(x, np.zeros((1, 1, 1, 1), "f"))
