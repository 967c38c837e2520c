"""The fully connected product, its transpose and its weight gradient."""

import gradcheck
import naive
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from assertions import DTYPES, TOLERANCE, TORCH, close, layouts, normal

SIZES = [(1, 1, 1), (3, 7, 5), (1, 20, 6), (6, 5, 2)]  # N images, I numbers in, O out
sizes = pytest.mark.parametrize(("n", "i", "o"), SIZES)


def weight_gradient(backend, x, gy):
    out = backend.array(np.full((gy.shape[1], x.shape[1]), np.nan, x.dtype))  # whatever stood there is gone
    backend.ops.weight_gradient(backend.array(x), backend.array(gy), out=out)
    return backend.numpy(out)


@sizes
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_equals_loops(backend, n, i, o, dtype):
    x, weight, bias, gy = (normal(*shape, dtype=dtype) for shape in ((n, i), (o, i), (o,), (n, o)))
    pairs = [
        (backend.run("linear", x, weight, bias), naive.linear(x, weight, bias)),
        (backend.run("linear_transpose", gy, weight), naive.linear(gy, weight.T, np.zeros(i))),
        (weight_gradient(backend, x, gy), naive.linear(gy.T, x.T, np.zeros(i))),
    ]
    for found, expected in pairs:
        assert found.dtype == dtype
        close(found, expected, TOLERANCE[dtype])


@sizes
def test_equals_torch(backend, n, i, o):
    x, weight, bias, gy = normal(n, i), normal(o, i), normal(o), normal(n, o)
    tx, tweight, tbias = (torch.tensor(a, requires_grad=True) for a in (x, weight, bias))
    ty = F.linear(tx, tweight, tbias)
    ty.backward(torch.tensor(gy))
    close(backend.run("linear", x, weight, bias), ty.detach(), TORCH)
    close(backend.run("linear_transpose", gy, weight), tx.grad, TORCH)
    close(weight_gradient(backend, x, gy), tweight.grad, TORCH)


@sizes
def test_adjoints_and_gradients(backend, n, i, o):
    x, weight, bias, gy = normal(n, i), normal(o, i), normal(o), normal(n, o)

    def transposed(gy):
        return backend.run("linear_transpose", gy, weight)

    gradcheck.adjoint(lambda x: backend.run("linear", x, weight, np.zeros(o)), transposed, x, gy)
    gradcheck.gradient(lambda x: backend.run("linear", x, weight, bias), transposed, x)
    gradcheck.gradient(lambda weight: backend.run("linear", x, weight, bias), lambda gy: weight_gradient(backend, x, gy), weight)


@pytest.mark.parametrize("kind", range(3), ids=["last axis first", "backwards", "every second"])
@pytest.mark.parametrize("number", [1, 3, 50])
def test_any_memory_layout_and_number_of_threads(backend, set_threads, kind, number):
    set_threads(number)
    x, weight, bias, gy = normal(4, 9), normal(6, 9), normal(6), normal(4, 6)
    ox, oweight, ogy = (layouts(a)[kind] for a in (x, weight, gy))
    close(backend.run("linear", ox, oweight, bias), x @ weight.T + bias, 1e-12)
    close(backend.run("linear_transpose", ogy, oweight), gy @ weight, 1e-12)
    close(weight_gradient(backend, ox, ogy), gy.T @ x, 1e-12)
