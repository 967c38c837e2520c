"""Both contrast normalisations and their gradients against ops/plain."""

import numpy as np
import pytest
from cuda_on_cpu.module import Order
from kernel_assertions import close

from npzf.ops import CUDA, PLAIN

# (n, k, a, beta), strong enough that every term matters
CONSTANTS = [(5, 2.0, 0.3, 0.75), (4, 1.0, 1.0, 0.6), (1, 2.0, 0.5, 0.75), (9, 1.5, 0.2, 1.0), (30, 2.0, 0.1, 0.75)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("constants", CONSTANTS)
@pytest.mark.parametrize("shape", [(2, 3, 5, 24), (1, 5, 3, 7), (3, 2, 2, 1), (1, 2, 1, 1500)])
def test_local_response_norm(runner, random, shape, constants, dtype):
    x, gy = (random.standard_normal(shape).astype(dtype) for _ in range(2))
    assert close(CUDA.local_response_norm(x, *constants), PLAIN.local_response_norm(x, *constants))
    expected = PLAIN.local_response_norm_gradient(x, gy, *constants)
    assert close(CUDA.local_response_norm_gradient(x, gy, *constants), expected)


@pytest.mark.parametrize("order", Order)
def test_order_of_threads_does_not_matter(runner, random, order):
    x, gy = (random.standard_normal((2, 13, 5, 24)).astype("f") for _ in range(2))

    def run():
        return CUDA.local_response_norm_gradient(x, gy, *CONSTANTS[0]), CUDA.local_contrast_norm_gradient(x, gy, 5, 1.5, 1e-4)

    expected = run()
    runner.options.order, runner.options.guard = order, "front"
    assert all(map(np.array_equal, run(), expected))


def uneven(shape, random, dtype):
    """Images with much and little contrast beside each other, so that both divisors are used."""
    x = random.standard_normal(shape)
    x[:, :, shape[2] // 2 :] *= 0.01
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("window, sigma, floor", [(9, 2.25, 1e-4), (3, 0.7, 0.5), (5, 1.5, 10.0), (1, 1.0, 1e-4)])
@pytest.mark.parametrize("shape", [(2, 13, 11, 3), (1, 4, 6, 40), (2, 1, 5, 2)])
def test_local_contrast_norm(runner, random, shape, window, sigma, floor, dtype):
    x, gy = uneven(shape, random, dtype), random.standard_normal(shape).astype(dtype)
    expected = PLAIN.local_contrast_norm(x, window, sigma, floor)
    assert close(CUDA.local_contrast_norm(x, window, sigma, floor), expected)
    expected = PLAIN.local_contrast_norm_gradient(x, gy, window, sigma, floor)
    assert close(CUDA.local_contrast_norm_gradient(x, gy, window, sigma, floor), expected)


def test_local_contrast_norm_of_a_flat_image(runner):
    x = np.full((1, 6, 6, 2), 3, "f")
    assert np.abs(CUDA.local_contrast_norm(x, 3, 1.0, 1e-4)).max() < 1e-2
    assert np.isfinite(CUDA.local_contrast_norm_gradient(x, x, 3, 1.0, 1e-4)).all()
