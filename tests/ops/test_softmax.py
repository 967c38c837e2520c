"""The softmax, its gradient and its cross-entropy: against PyTorch, and with scores of any size."""

import gradcheck
import naive
import numpy as np
import pytest
import torch
from assertions import DTYPES, TOLERANCE, TORCH, close, normal


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 1000)])
def test_softmax_and_its_gradient_equal_torch(backend, shape, dtype):
    x, gy = 3 * normal(*shape, dtype=dtype), normal(*shape, seed=1, dtype=dtype)
    tx = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    ty = tx.softmax(1)
    ty.backward(torch.tensor(gy, dtype=torch.float64))
    y = backend.run("softmax", x)
    assert y.dtype == dtype
    close(y, ty.detach(), TORCH if dtype == "float64" else TOLERANCE[dtype])
    gx = backend.run("softmax_gradient", y, gy)
    scale = np.abs(gy).max()  # the gradient is a difference of numbers of this size
    assert np.abs(gx - tx.grad.numpy()).max() <= TOLERANCE[dtype] * scale


def test_the_gradient_is_the_gradient(backend):
    x = normal(4, 6)
    y = backend.run("softmax", x)
    gradcheck.gradient(lambda x: backend.run("softmax", x), lambda gy: backend.run("softmax_gradient", y, gy), x)


def test_scores_of_any_size(backend):
    y = backend.run("softmax", np.array([[1e4, 0.0, -1e4], [-1e30, -1e30, -1e30], [0.0, 800.0, 801.0]]))
    np.testing.assert_allclose(y[:2], [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(y.sum(1), 1)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_cross_entropy_equals_loops(backend, dtype):
    scores, labels = 3 * normal(5, 7, dtype=dtype), np.array([0, 6, 3, 3, 1])
    loss, gscores = backend.ops.cross_entropy(backend.array(scores), labels)
    expected, gexpected = naive.cross_entropy(scores, labels)
    assert loss == pytest.approx(expected, rel=TOLERANCE[dtype])
    close(backend.numpy(gscores), gexpected, TOLERANCE[dtype])
