"""Both contrast normalisations and their gradients, with constants so large that every term matters."""

import gradcheck
import naive
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from assertions import DTYPES, TOLERANCE, TORCH, close, layouts, normal
from hypothesis import given, settings
from hypothesis import strategies as st

ACROSS = {  # maps, n, k, a, beta
    "the paper's beta": (9, 5, 2.0, 1.0, 0.75),
    "even n": (9, 4, 1.5, 0.7, 0.75),
    "n 2": (5, 2, 0.5, 1.0, 0.6),
    "one map": (1, 5, 1.0, 1.0, 0.75),
    "n 1": (4, 1, 1.0, 2.0, 1.3),
    "window beyond the maps": (3, 11, 2.0, 1.0, 0.75),
    "no power": (6, 3, 2.0, 1.0, 1.0),
}
across = pytest.mark.parametrize(("maps", "n", "k", "a", "beta"), ACROSS.values(), ids=ACROSS)

LOCAL = {  # size, window, sigma, floor: on random images about half of the pixels lie above the mean deviation
    "own and mean deviation": ((2, 9, 7, 3), 5, 1.3, 1e-4),
    "Jarrett's 9x9": ((1, 11, 12, 2), 9, 2.25, 1e-4),
    "floor for some": ((2, 7, 8, 2), 3, 0.8, 0.95),
    "floor for all": ((2, 7, 8, 2), 3, 0.8, 10.0),
    "window beyond the image": ((2, 3, 4, 2), 9, 2.0, 1e-4),
    "one pixel wide": ((2, 8, 1, 2), 5, 1.0, 1e-4),
    "one map": ((1, 6, 7, 1), 3, 1.0, 1e-4),
}
local = pytest.mark.parametrize(("size", "window", "sigma", "floor"), LOCAL.values(), ids=LOCAL)


def local_by_torch(x, window, sigma, floor):
    x = x.permute(0, 3, 1, 2)
    distance = torch.arange(window, dtype=x.dtype) - window // 2
    gauss = torch.exp(-(distance**2) / (2 * sigma**2))
    filters = (gauss[:, None] * gauss)[None, None]

    def mean(x):
        weighted = F.conv2d(x.mean(1, keepdim=True), filters, padding=window // 2)
        return weighted / F.conv2d(torch.ones_like(x[:, :1]), filters, padding=window // 2)

    v = x - mean(x)
    deviation = mean(v**2).sqrt()
    level = deviation.mean((1, 2, 3), keepdim=True)
    return (v / torch.maximum(deviation, level).clamp(min=floor)).permute(0, 2, 3, 1)


def by_torch(function, x, gy):
    tx = torch.tensor(x, requires_grad=True)
    ty = function(tx)
    ty.backward(torch.tensor(gy))
    return ty.detach(), tx.grad


@across
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_local_response_norm_equals_loops(backend, maps, n, k, a, beta, dtype):
    x = normal(2, 3, 4, maps, dtype=dtype)
    y = backend.run("local_response_norm", x, n, k, a, beta)
    assert y.dtype == dtype
    close(y, naive.local_response_norm(x, n, k, a, beta), TOLERANCE[dtype])


@across
def test_local_response_norm_and_its_gradient_equal_torch(backend, maps, n, k, a, beta):
    x, gy = normal(2, 3, 4, maps), normal(2, 3, 4, maps, seed=1)

    def function(x):  # torch's alpha is that of the mean
        return F.local_response_norm(x.permute(0, 3, 1, 2), n, a * n, beta, k).permute(0, 2, 3, 1)

    y, gx = by_torch(function, x, gy)
    close(backend.run("local_response_norm", x, n, k, a, beta), y, TORCH)
    close(backend.run("local_response_norm_gradient", x, gy, n, k, a, beta), gx, TORCH)
    gx32 = backend.run("local_response_norm_gradient", x.astype("float32"), gy.astype("float32"), n, k, a, beta)
    assert gx32.dtype == np.float32
    close(gx32, gx, 1e-5)


@across
def test_local_response_norm_gradient(backend, maps, n, k, a, beta):
    x = normal(2, 3, 4, maps)
    gradcheck.gradient(
        lambda x: backend.run("local_response_norm", x, n, k, a, beta),
        lambda gy: backend.run("local_response_norm_gradient", x, gy, n, k, a, beta),
        x,
    )


@given(maps=st.integers(1, 12), n=st.integers(1, 14))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_local_response_norm_of_any_window_and_maps(backend, maps, n):
    x = normal(1, 1, 2, maps)
    close(backend.run("local_response_norm", x, n, 1.0, 1.0, 0.75), naive.local_response_norm(x, n, 1.0, 1.0, 0.75), 1e-12)
    gradcheck.gradient(
        lambda x: backend.run("local_response_norm", x, n, 1.0, 1.0, 0.75),
        lambda gy: backend.run("local_response_norm_gradient", x, gy, n, 1.0, 1.0, 0.75),
        x,
    )


@local
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_local_contrast_norm_equals_loops(backend, size, window, sigma, floor, dtype):
    x = normal(*size, dtype=dtype)
    y = backend.run("local_contrast_norm", x, window, sigma, floor)
    assert y.dtype == dtype
    close(y, naive.local_contrast_norm(x, window, sigma, floor), TOLERANCE[dtype])


@local
def test_local_contrast_norm_and_its_gradient_equal_torch(backend, size, window, sigma, floor):
    x, gy = normal(*size), normal(*size, seed=1)
    y, gx = by_torch(lambda x: local_by_torch(x, window, sigma, floor), x, gy)
    close(backend.run("local_contrast_norm", x, window, sigma, floor), y, TORCH)
    close(backend.run("local_contrast_norm_gradient", x, gy, window, sigma, floor), gx, TORCH)
    gx32 = backend.run("local_contrast_norm_gradient", x.astype("float32"), gy.astype("float32"), window, sigma, floor)
    assert gx32.dtype == np.float32
    close(gx32, gx, 1e-5)


@local
def test_local_contrast_norm_gradient(backend, size, window, sigma, floor):
    x = normal(*size)
    gradcheck.gradient(
        lambda x: backend.run("local_contrast_norm", x, window, sigma, floor),
        lambda gy: backend.run("local_contrast_norm_gradient", x, gy, window, sigma, floor),
        x,
    )


def test_a_flat_image_becomes_zero_and_its_gradient_is_finite(backend):
    x = np.zeros((1, 6, 5, 2))
    np.testing.assert_array_equal(backend.run("local_contrast_norm", x, 5, 1.3, 1e-4), 0)
    assert np.isfinite(backend.run("local_contrast_norm_gradient", x, normal(*x.shape), 5, 1.3, 1e-4)).all()


def test_local_contrast_norm_takes_no_notice_of_brightness_and_contrast(backend):
    x = normal(2, 9, 7, 3)
    y = backend.run("local_contrast_norm", x, 5, 1.3, 1e-9)
    close(backend.run("local_contrast_norm", 7 * x + 3, 5, 1.3, 1e-9), y, 1e-11)


@pytest.mark.parametrize("kind", range(3), ids=["last axis first", "backwards", "every second"])
@pytest.mark.parametrize("number", [1, 5])
def test_any_memory_layout_and_number_of_threads(backend, set_threads, kind, number):
    set_threads(number)
    x, gy = normal(3, 6, 5, 4), normal(3, 6, 5, 4, seed=1)
    ox, ogy = layouts(x)[kind], layouts(gy)[kind]
    for forward, gradient, constants in (
        ("local_response_norm", "local_response_norm_gradient", (5, 2.0, 1.0, 0.75)),
        ("local_contrast_norm", "local_contrast_norm_gradient", (5, 1.3, 1e-4)),
    ):
        close(backend.run(forward, ox, *constants), backend.run(forward, x, *constants), 1e-12)
        found, expected = (backend.run(gradient, *pair, *constants) for pair in ((ox, ogy), (x, gy)))
        close(found, expected, 1e-12)


def test_inputs_are_left_alone(backend):
    x, gy = normal(2, 5, 4, 3), normal(2, 5, 4, 3, seed=1)
    copies = x.copy(), gy.copy()
    backend.run("local_response_norm", x, 5, 2.0, 1.0, 0.75)
    backend.run("local_response_norm_gradient", x, gy, 5, 2.0, 1.0, 0.75)
    backend.run("local_contrast_norm", x, 5, 1.3, 1e-4)
    backend.run("local_contrast_norm_gradient", x, gy, 5, 1.3, 1e-4)
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(gy, copies[1])
