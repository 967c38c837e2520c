"""Convolution, its transpose and its filter gradient in all precisions: the naive kernel against loops, the others against it."""

import naive
import numpy as np
import pytest
from cuda_on_cpu.module import Order
from kernel_assertions import close, distance

from npzf import backend
from npzf.ops import PLAIN
from npzf.ops.cuda import convolution as op

# (x, weight, options): no side is a multiple of a tile, and every width of loads occurs
CASES = {
    "layer 1": ((1, 23, 21, 3), (96, 7, 7, 3), {"stride": 2, "ceil": True}),
    "layer 2": ((1, 14, 13, 24), (40, 5, 5, 24), {"stride": 2, "ceil": True}),
    "layers 3 to 5": ((1, 13, 13, 16), (100, 3, 3, 16), {"pad": 1}),
    "two images": ((2, 6, 7, 8), (132, 3, 3, 8), {"pad": 1}),
    "groups": ((1, 9, 9, 24), (40, 5, 5, 12), {"pad": 2, "groups": 2}),
    "odd groups": ((1, 7, 9, 15), (21, 3, 3, 5), {"stride": 2, "pad": 1, "groups": 3, "ceil": True}),
    "stride > kernel": ((1, 11, 10, 4), (5, 2, 2, 4), {"stride": 3}),
    "stride > kernel, pad": ((1, 11, 8, 5), (6, 2, 2, 5), {"stride": 3, "pad": 1, "ceil": True}),
    "1 x 1": ((1, 5, 5, 20), (8, 1, 1, 20), {}),
    "1 x 1, stride 2": ((1, 6, 5, 4), (8, 1, 1, 4), {"stride": 2}),
    "one number": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "one filter": ((1, 5, 6, 3), (1, 3, 3, 3), {"pad": 1}),
    "pad": ((1, 5, 6, 4), (9, 5, 3, 4), {"pad": 2}),
    "1 x 7": ((1, 6, 12, 8), (12, 1, 7, 8), {"pad": (0, 3)}),
    "7 x 1": ((1, 12, 5, 5), (7, 7, 1, 5), {"pad": (3, 0)}),
}
# rectangles small enough for loops: every number of stride and pad differs, so that none can be taken for another
RECTANGLES = {
    "kernel": ((2, 6, 7, 3), (6, 3, 2, 3), {}),
    "stride": ((1, 9, 8, 4), (5, 2, 3, 4), {"stride": (3, 2)}),
    "stride one way": ((1, 5, 9, 2), (5, 3, 3, 2), {"stride": (1, 4)}),
    "pad": ((1, 5, 6, 4), (6, 3, 4, 4), {"pad": (1, 3)}),
    "four pads": ((2, 6, 5, 4), (5, 4, 5, 4), {"pad": (0, 2, 3, 1)}),
    "four pads, stride": ((1, 8, 7, 3), (7, 3, 4, 3), {"stride": (2, 3), "pad": (2, 0, 1, 3)}),
    "four pads, stride, ceil": ((1, 8, 9, 2), (5, 3, 4, 2), {"stride": (3, 2), "pad": (1, 0, 0, 2), "ceil": True}),
    "stride > kernel": ((1, 9, 8, 3), (5, 2, 3, 3), {"stride": (4, 2), "pad": (1, 0, 2, 0)}),
    "few maps out": ((1, 6, 8, 5), (3, 2, 4, 5), {"stride": (1, 2), "pad": (1, 0, 2, 3)}),
    "groups": ((1, 6, 7, 6), (10, 3, 2, 3), {"stride": (2, 1), "pad": (2, 1, 0, 1), "groups": 2}),
}
ALL = CASES | RECTANGLES
PRECISIONS = [("float32", "fp32"), ("float64", "fp32"), ("float32", "tf32")]


def arrays(case, dtype, random):
    """x, weight, bias, gy, and the options of the convolution and of its adjoints, which read the output's size off gy."""
    x, weight, options = ALL[case]
    x, weight = random.standard_normal(x), random.standard_normal(weight)
    _, size = naive.places(x, weight.shape[1:3], options.get("stride", 1), options.get("pad", 0), options.get("ceil", False))
    gy, bias = random.standard_normal((*size, len(weight))), random.standard_normal(len(weight))
    adjoint = {name: value for name, value in options.items() if name != "ceil"}
    return *(array.astype(dtype) for array in (x, weight, bias, gy)), options, adjoint


@pytest.fixture(params=PRECISIONS, ids=["float32", "float64", "tf32"])
def precision(request):
    return request.param


def tolerance(dtype, precision):
    return dtype if precision == "fp32" else precision


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", RECTANGLES)
def test_the_naive_kernel_equals_loops(runner, random, case, dtype):
    x, weight, bias, _, options, _ = arrays(case, dtype, random)
    expected = naive.convolve(x, weight, bias, **options).astype(dtype)
    assert close(op.convolve_naive(x, weight, bias, **options), expected)
    rectified = op.convolve_naive(x, weight, bias, **options, relu=True)
    assert close(rectified, np.maximum(expected, 0))
    assert close(op.convolve_naive(x, weight, **options), naive.convolve(x, weight, **options).astype(dtype))


@pytest.mark.parametrize("case", ALL)
def test_convolve(runner, random, case, precision):
    dtype, precision = precision
    x, weight, bias, _, options, _ = arrays(case, dtype, random)
    found = op.convolve(x, weight, bias, **options, precision=precision)
    assert close(found, op.convolve_naive(x, weight, bias, **options), tolerance(dtype, precision))
    rectified = op.convolve(x, weight, bias, **options, precision=precision, relu=True)
    assert np.array_equal(rectified, np.maximum(found, 0))


@pytest.mark.parametrize("case", RECTANGLES)
def test_transpose_and_filter_gradient_of_rectangles_equal_loops(runner, random, case, precision):
    dtype, precision = precision
    x, weight, _, gy, options, adjoint = arrays(case, dtype, random)
    found = op.convolve_transpose(gy, weight, x.shape[1:3], **adjoint, precision=precision)
    expected = naive.convolve_transpose(gy, weight, x.shape[1:3], **options).astype(dtype)
    assert close(found, expected, tolerance(dtype, precision))
    found = op.filter_gradient(x, gy, weight, **adjoint, precision=precision)
    assert close(found, naive.filter_gradient(x, gy, weight, **options).astype(dtype), tolerance(dtype, precision))


@pytest.mark.parametrize("case", CASES)
def test_convolve_transpose(runner, random, case, precision):
    dtype, precision = precision
    x, weight, _, gy, _, adjoint = arrays(case, dtype, random)
    found = op.convolve_transpose(gy, weight, x.shape[1:3], **adjoint, precision=precision)
    assert close(found, PLAIN.convolve_transpose(gy, weight, x.shape[1:3], **adjoint), tolerance(dtype, precision))


@pytest.mark.parametrize("case", CASES)
def test_filter_gradient(runner, random, case, precision):
    dtype, precision = precision
    x, weight, _, gy, _, adjoint = arrays(case, dtype, random)
    found = op.filter_gradient(x, gy, weight, **adjoint, precision=precision)
    assert close(found, PLAIN.filter_gradient(x, gy, weight, **adjoint), tolerance(dtype, precision))
    again = op.filter_gradient(x, gy, weight, **adjoint, precision=precision)
    assert np.array_equal(found, again)


def test_tensor_cores_do_round(runner, random):
    """Otherwise the test of TF32 would be one of fp32."""
    x, weight, bias, _, options, _ = arrays("layers 3 to 5", "float32", random)
    found = op.convolve(x, weight, bias, **options, precision="tf32")
    assert distance(found, op.convolve_naive(x, weight, bias, **options)) > 1e-5


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("eager", [False, True], ids=["lazy", "eager"])
@pytest.mark.parametrize("precision", ["fp32", "tf32"])
@pytest.mark.parametrize("case", ["layers 3 to 5", "four pads, stride"])
def test_order_of_threads_does_not_matter(runner, random, case, order, eager, precision):
    x, weight, bias, gy, options, adjoint = arrays(case, "float32", random)

    def run():
        return [
            op.convolve(x, weight, bias, **options, precision=precision),
            op.convolve_transpose(gy, weight, x.shape[1:3], **adjoint, precision=precision),
            op.filter_gradient(x, gy, weight, **adjoint, precision=precision),
        ]

    expected = run()
    runner.options.order, runner.options.seed, runner.options.eager = order, 3, eager
    runner.options.guard = "front"
    assert all(map(np.array_equal, run(), expected))


def test_nan_is_passed_on(runner, random):
    x, weight, bias, _, options, _ = arrays("layers 3 to 5", "float32", random)
    x[0, 4, 5, 6] = np.nan
    expected = np.isnan(PLAIN.convolve(x, weight, bias, **options))
    for found in (
        op.convolve_naive(x, weight, bias, **options, relu=True),
        op.convolve(x, weight, bias, **options, relu=True),
        op.convolve(x, weight, bias, **options, relu=True, precision="tf32"),
    ):
        assert np.array_equal(np.isnan(found), expected)


def test_too_many_numbers(runner):
    x = np.broadcast_to(np.float32(0), (200_000, 110, 110, 1))
    with pytest.raises(ValueError, match=r"shape .* is \(200000, 110, 110, 1\), expected at most 2147483647 numbers: take a"):
        op.convolve(x, np.zeros((1, 1, 1, 1), "f"))


def test_an_unknown_precision_is_refused(runner, random):
    x, weight, _, gy, options, adjoint = arrays("kernel", "float32", random)
    for call in (
        lambda: op.convolve(x, weight, **options, precision="fp16"),
        lambda: op.convolve_transpose(gy, weight, x.shape[1:3], **adjoint, precision="fp16"),
        lambda: op.filter_gradient(x, gy, weight, **adjoint, precision="fp16"),
        lambda: backend.product(x[0, 0], weight[0, 0].T, precision="fp16"),
    ):
        with pytest.raises(ValueError, match="precision is 'fp16', expected 'fp32' or 'tf32'"):
            call()


@pytest.mark.parametrize("function", [op.convolve, op.convolve_naive])
def test_other_maps_than_the_filters_have_are_refused(runner, function):
    with pytest.raises(ValueError, match="x has 4 maps, expected 3"):
        function(np.zeros((1, 5, 5, 4), "f"), np.zeros((2, 3, 3, 3), "f"))


def test_an_output_that_the_convolution_cannot_have_is_refused(runner):
    weight, gy = np.zeros((2, 3, 3, 3), "f"), np.zeros((1, 4, 5, 2), "f")
    for call in (
        lambda: op.convolve_transpose(gy, weight, (5, 5)),
        lambda: op.filter_gradient(np.zeros((1, 5, 5, 3), "f"), gy, weight),
    ):
        with pytest.raises(ValueError, match=r"y has \(4, 5\) places, expected 3 along a side of 5 pixels"):
            call()
