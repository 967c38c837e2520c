"""Max pooling, its switches and unpooling: equal to loops to the last bit. Average pooling: equal to loops but for rounding."""

import naive
import numpy as np
import pytest
from cuda_on_cpu.module import Order
from kernel_assertions import close

from npzf.ops.cuda import pooling as op

# (x, kernel, stride, pad, ceil)
CASES = {
    "figure 3": ((2, 11, 13, 24), 3, 2, 0, True),
    "one map": ((1, 8, 7, 1), 3, 2, 0, False),
    "odd maps": ((2, 7, 9, 5), 2, 2, 0, True),
    "pad": ((1, 9, 8, 6), 3, 2, 1, False),
    "much overlap": ((1, 8, 9, 4), 5, 1, 2, True),
    "stride > kernel": ((1, 11, 12, 3), 2, 4, 0, False),
    "whole image": ((1, 4, 4, 8), 4, 4, 0, False),
    "wide": ((1, 55, 6, 24), 3, 2, 0, True),
    "rectangle": ((2, 9, 8, 4), (3, 2), (2, 1), 0, False),
    "rectangle, pad": ((1, 8, 11, 5), (2, 4), (3, 2), (1, 2), False),
    "four pads": ((2, 7, 6, 4), (4, 3), (1, 2), (3, 0, 1, 2), False),
    "four pads, ceil": ((1, 8, 9, 3), (3, 4), (3, 2), (0, 2, 3, 1), True),
    "stride > kernel one way": ((1, 9, 8, 4), (2, 3), (4, 1), (1, 0, 0, 2), True),
    "narrower than the kernel": ((2, 6, 2, 4), 3, 1, 1, False),
}


def planes(case, dtype, random):
    """Whole numbers, so that there are many ties."""
    shape, *moves = CASES[case]
    return random.integers(-4, 5, shape).astype(dtype), moves


def agrees(x, moves, overwrite, random):
    y, index = naive.max_pool(x, *moves)
    found, switches = op.max_pool(x, *moves)
    assert np.array_equal(found, y.astype(x.dtype), equal_nan=True)
    assert np.array_equal(switches.index, index)
    assert (switches.index.dtype, switches.size) == (np.int32, x.shape[1:3])
    values = random.integers(-50, 50, y.shape).astype(x.dtype)  # whole numbers add up exactly, in whatever order
    unpooled = op.unpool(values, switches, overwrite)
    assert np.array_equal(unpooled, naive.unpool(values, index, x.shape[1:3], overwrite).astype(x.dtype))


@pytest.mark.parametrize("overwrite", [False, True], ids=["add", "overwrite"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_pool_and_unpool(runner, random, case, dtype, overwrite):
    agrees(*planes(case, dtype, random), overwrite, random)


@pytest.mark.parametrize("filling", [np.nan, -np.inf, np.inf])
def test_nan_and_infinities(runner, random, filling):
    x, moves = planes("pad", "float32", random)
    x[random.random(x.shape) < 0.3] = filling
    x[0, :4] = filling
    agrees(x, moves, False, random)


def test_nan_among_infinities(runner, random):
    x = random.choice(np.array([np.nan, np.inf, -np.inf, 0], "f"), (1, 9, 9, 4))
    agrees(x, (3, 2, 0, True), False, random)


def test_without_switches(runner, random):
    x, moves = planes("odd maps", "float32", random)
    y, switches = op.max_pool(x, *moves, record=False)
    assert switches is None
    assert np.array_equal(y, naive.max_pool(x, *moves)[0])


def test_more_rows_than_a_grid_has(runner):
    x = np.arange(2 * 66_000, dtype="f").reshape(66_000, 2, 1, 1)
    assert np.array_equal(op.max_pool(x, 1, 1)[0], x)
    assert np.array_equal(op.average_pool(x, 1, 1), x)


def units(y, region, random, count=7):
    """Values of regions (rows, columns) in size, of images in any order, at the border and beyond it, of two units the same."""
    n, oh, ow, c = y.shape
    images = random.integers(0, n, count)
    rows, columns = random.integers(1 - region[0], oh, count), random.integers(1 - region[1], ow, count)
    rows[:2], columns[:2] = (1 - region[0], oh - 1), (1 - region[1], ow - 1)
    images[-1], rows[-1], columns[-1] = images[0], rows[0], columns[0]
    values = random.integers(-50, 50, (count, *region, c)).astype(y.dtype)
    return values, images, rows, columns


@pytest.mark.parametrize("guard", ["front", "end"])
@pytest.mark.parametrize("region", [(1, 1), (3, 2), (2, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_unpool_region(runner, random, case, dtype, region, guard):
    runner.options.guard = guard
    x, moves = planes(case, dtype, random)
    y, switches = op.max_pool(x, *moves)
    values, images, rows, columns = units(y, region, random)
    found = op.unpool_region(values, images, rows, columns, switches)
    kernel, stride, pad, _ = moves
    expected = naive.unpool_region(values, images, rows, columns, switches.index, switches.size, kernel, stride, pad)
    assert np.array_equal(found, expected.astype(dtype))


def test_outside_of_the_image_a_region_is_zero(runner, random):
    """A switch in column 0 is not found behind the last column of the row above, though both have the same index."""
    x = np.zeros((1, 6, 2, 4), "f")
    x[0, 3, 0] = 1
    _, switches = op.max_pool(x, 3, 1, 1)
    values = np.ones((1, 6, 2, 4), "f")
    found = op.unpool_region(values, np.zeros(1, int), np.zeros(1, int), np.zeros(1, int), switches)
    assert found.shape == (1, 8, 4, 4)  # with one row and column of padding around the image
    assert not found[:, [0, -1]].any() and not found[:, :, [0, -1]].any()
    assert found.sum() == values.sum()


def test_an_image_without_switches_is_refused(runner, random):
    x, moves = planes("figure 3", "float32", random)
    y, switches = op.max_pool(x, *moves)
    values, images, rows, columns = units(y, (2, 2), random)
    for wrong in (-1, 2):
        images[3] = wrong
        with pytest.raises(ValueError, match=r"images are .*, expected 0 to 1, those of the switches"):
            op.unpool_region(values, images, rows, columns, switches)


def test_no_units_at_all(runner, random):
    x, moves = planes("figure 3", "float32", random)
    _, switches = op.max_pool(x, *moves)
    nobody = np.zeros(0, int)
    assert op.unpool_region(np.zeros((0, 2, 2, 24), "f"), nobody, nobody, nobody, switches).shape == (0, 5, 5, 24)


@pytest.mark.parametrize("count_padding", [True, False], ids=["padding counts", "padding does not"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_average_pool_and_its_transpose(runner, random, case, dtype, count_padding):
    shape, kernel, stride, pad, ceil = CASES[case]
    x = random.standard_normal(shape).astype(dtype)
    y = op.average_pool(x, kernel, stride, pad, ceil, count_padding)
    assert close(y, naive.average_pool(x, kernel, stride, pad, ceil, count_padding).astype(dtype))
    gy = random.standard_normal(y.shape).astype(dtype)
    gx = op.average_pool_transpose(gy, shape[1:3], kernel, stride, pad, count_padding=count_padding)
    expected = naive.average_pool_transpose(gy, shape[1:3], kernel, stride, pad, ceil, count_padding)
    assert close(gx, expected.astype(dtype))


def test_an_output_that_average_pooling_cannot_have_is_refused(runner):
    with pytest.raises(ValueError, match=r"y has \(4, 3\) places, expected 3 along a side of 6 pixels"):
        op.average_pool_transpose(np.zeros((1, 4, 3, 2), "f"), (6, 6), 2, 2)


@pytest.mark.parametrize("order", Order)
def test_order_of_threads_does_not_matter(runner, random, order):
    runner.options.order, runner.options.guard = order, "front"
    x, moves = planes("four pads, ceil", "float32", random)
    agrees(x, moves, False, random)
    assert close(op.average_pool(x, *moves), naive.average_pool(x, *moves).astype("f"))
