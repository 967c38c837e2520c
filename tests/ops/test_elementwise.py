"""Rectification and dropout masks."""

import gradcheck
import numpy as np
import pytest
import torch
from assertions import DTYPES, layouts, normal, separated

from npzf.ops import CPU, PLAIN

SHAPES = [(1, 1), (3, 7), (2, 5, 4, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_rectify_and_its_gradient_equal_torch_exactly(backend, shape, dtype):
    x, gy = normal(*shape, dtype=dtype), normal(*shape, seed=1, dtype=dtype)
    x.flat[0] = 0  # the gradient at 0 is 0
    tx = torch.tensor(x, requires_grad=True)
    ty = torch.relu(tx)
    ty.backward(torch.tensor(gy))
    y = backend.run("rectify", x)
    gx = backend.run("rectify_gradient", y, gy)
    assert (y.dtype, gx.dtype) == (dtype, dtype)
    np.testing.assert_array_equal(y, ty.detach())
    np.testing.assert_array_equal(gx, tx.grad)


def test_rectify_gradient(backend):
    x = separated(3, 4, 5, 2)
    y = backend.run("rectify", x)
    gradcheck.gradient(lambda x: backend.run("rectify", x), lambda gy: backend.run("rectify_gradient", y, gy), x, step=1e-5)


def test_rectify_special_values(backend):
    x = np.array([[-np.inf, -1.0, 0.0, 1.0, np.inf, np.nan]])
    np.testing.assert_array_equal(backend.run("rectify", x), [[0, 0, 0, 1, np.inf, np.nan]])


@pytest.mark.parametrize("kind", range(3), ids=["last axis first", "backwards", "every second"])
@pytest.mark.parametrize("number", [1, 5])
def test_any_memory_layout_and_number_of_threads(backend, set_threads, kind, number):
    set_threads(number)
    x, gy = normal(3, 4, 5, 2), normal(3, 4, 5, 2, seed=1)
    ox, ogy = layouts(x)[kind], layouts(gy)[kind]
    np.testing.assert_array_equal(backend.run("rectify", ox), np.maximum(x, 0))
    np.testing.assert_array_equal(backend.run("rectify_gradient", ox, ogy), np.where(x > 0, gy, 0))


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dropout_mask_drops_its_share_and_keeps_the_mean(backend, rate, dtype):
    mask = backend.run("dropout_mask", np.empty((200, 300), dtype), rate, (3, 1, 1))
    assert mask.dtype == dtype
    assert set(np.unique(mask)) <= {dtype.type(0), dtype.type(1 / (1 - rate))}
    deviation = np.sqrt(rate * (1 - rate) / mask.size)
    assert abs((mask == 0).mean() - rate) <= 5 * deviation
    assert abs(mask.mean() - 1) <= 5 * deviation / (1 - rate) + 1e-6


def test_dropout_mask_depends_on_seed_layer_and_pass_alone(backend):
    x, keys = np.empty((9, 50), np.float32), ((1, 1, 1), (1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2))
    one, same, *others = (backend.run("dropout_mask", x, 0.5, key) for key in keys)
    np.testing.assert_array_equal(one, same)
    assert all((one != other).any() for other in others)


@pytest.mark.parametrize("units", [(50,), (7,), (2, 3, 5)])
def test_a_batch_cut_in_two_drops_what_the_whole_one_drops(backend, set_threads, units):
    x, key = np.empty((9, *units), np.float32), (3, 2, 5)
    whole = backend.run("dropout_mask", x, 0.5, key)
    set_threads(1)
    parts = [backend.run("dropout_mask", x[:4], 0.5, key), backend.run("dropout_mask", x[4:], 0.5, key, first=4)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert (whole[1:] != whole[:-1]).any()


def test_cpu_and_plain_draw_the_same_masks():
    x = np.empty((3, 40))
    np.testing.assert_array_equal(CPU.dropout_mask(x, 0.3, (1, 2, 3)), PLAIN.dropout_mask(x, 0.3, (1, 2, 3)))
