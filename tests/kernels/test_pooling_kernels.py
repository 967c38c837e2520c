"""Pooling, its switches and unpooling: equal to the NumPy ops, to the last bit."""

import numpy as np
import pytest
from cuda_on_cpu.module import Order
from kernel_assertions import plain

from npzf.ops import pooling
from npzf.ops.cuda import pooling as twin

op = plain(pooling)

# (x, window, stride, pad, ceil)
CASES = {
    "figure 3": ((2, 11, 13, 24), 3, 2, 0, True),
    "one map": ((1, 8, 7, 1), 3, 2, 0, False),
    "odd maps": ((2, 7, 9, 5), 2, 2, 0, True),
    "pad": ((1, 9, 8, 6), 3, 2, 1, False),
    "much overlap": ((1, 8, 9, 4), 5, 1, 2, True),
    "stride > window": ((1, 11, 12, 3), 2, 4, 0, False),
    "whole image": ((1, 4, 4, 8), 4, 4, 0, False),
    "wide": ((1, 55, 6, 96), 3, 2, 0, True),
}


def planes(case, dtype, random):
    """Whole numbers, so that there are many ties."""
    shape, *window = CASES[case]
    return random.integers(-4, 5, shape).astype(dtype), window


def agree(machine, x, window, overwrite, random):
    window, stride, pad, ceil = window
    y, switches = op.max_pool(x, window, stride, pad, ceil)
    found, chosen = twin.max_pool(x, window, stride, pad, ceil)
    assert np.array_equal(found, y, equal_nan=True)
    assert np.array_equal(chosen.index, switches.index)
    assert chosen.index.dtype == np.int32
    value = random.standard_normal(y.shape).astype(y.dtype)
    back = twin.unpool(value, chosen, overwrite)
    assert np.array_equal(back, op.unpool(value, switches, overwrite))


@pytest.mark.parametrize("overwrite", [False, True], ids=["add", "overwrite"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_pool_and_unpool(machine, random, case, dtype, overwrite):
    agree(machine, *planes(case, dtype, random), overwrite, random)


@pytest.mark.parametrize("filling", [np.nan, -np.inf, np.inf])
def test_nan_and_infinities(machine, random, filling):
    x, window = planes("pad", "float32", random)
    x[random.random(x.shape) < 0.3] = filling
    x[0, :4] = filling
    agree(machine, x, window, False, random)


def test_nan_among_infinities(machine, random):
    x = random.choice(np.array([np.nan, np.inf, -np.inf, 0], "f"), (1, 9, 9, 4))
    agree(machine, x, (3, 2, 0, True), False, random)


@pytest.mark.parametrize("order", Order)
def test_order_of_threads_does_not_matter(machine, random, order):
    machine.options.order, machine.options.guard = order, "front"
    agree(machine, *planes("figure 3", "float32", random), False, random)


def test_without_switches(machine, random):
    x, window = planes("odd maps", "float32", random)
    y, switches = twin.max_pool(x, *window, record=False)
    assert switches is None
    assert np.array_equal(y, op.max_pool(x, *window)[0])


def test_more_rows_than_a_grid_has(machine):
    x = np.arange(2 * 66_000, dtype="f").reshape(66_000, 2, 1, 1)
    assert np.array_equal(twin.max_pool(x, 1, 1)[0], x)
