"""Both contrast normalisations and their gradients against the NumPy ops."""

import numpy as np
import pytest
from cuda_on_cpu.module import Order
from kernel_assertions import close, plain

from npzf.ops import normalization
from npzf.ops.cuda import normalization as twin

op = plain(normalization)

# (n, k, a, beta), strong enough that every term matters
CONSTANTS = [(5, 2.0, 0.3, 0.75), (4, 1.0, 1.0, 0.6), (1, 2.0, 0.5, 0.75), (9, 1.5, 0.2, 1.0), (30, 2.0, 0.1, 0.75)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("constants", CONSTANTS)
@pytest.mark.parametrize("shape", [(2, 3, 5, 24), (1, 5, 3, 7), (3, 2, 2, 1), (1, 2, 1, 1500)])
def test_across_maps(machine, random, shape, constants, dtype):
    x, gy = (random.standard_normal(shape).astype(dtype) for _ in range(2))
    assert close(twin.across_maps(x, *constants), op.across_maps(x, *constants))
    assert close(twin.across_maps_gradient(x, gy, *constants), op.across_maps_gradient(x, gy, *constants))


@pytest.mark.parametrize("order", Order)
def test_order_of_threads_does_not_matter(machine, random, order):
    x, gy = (random.standard_normal((2, 13, 5, 24)).astype("f") for _ in range(2))
    expected = twin.across_maps_gradient(x, gy, *CONSTANTS[0]), twin.local_gradient(x, gy, 5, 1.5, 1e-4)
    machine.options.order, machine.options.guard = order, "front"
    found = twin.across_maps_gradient(x, gy, *CONSTANTS[0]), twin.local_gradient(x, gy, 5, 1.5, 1e-4)
    assert all(map(np.array_equal, found, expected))


# images with much and little contrast beside each other, so that both divisors are used
def uneven(shape, random, dtype):
    x = random.standard_normal(shape)
    x[:, :, shape[2] // 2 :] *= 0.01
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("window, sigma, floor", [(9, 2.25, 1e-4), (3, 0.7, 0.5), (5, 1.5, 10.0), (1, 1.0, 1e-4)])
@pytest.mark.parametrize("shape", [(2, 13, 11, 3), (1, 4, 6, 40), (2, 1, 5, 2)])
def test_local(machine, random, shape, window, sigma, floor, dtype):
    x, gy = uneven(shape, random, dtype), random.standard_normal(shape).astype(dtype)
    assert close(twin.local(x, window, sigma, floor), op.local(x, window, sigma, floor))
    expected = op.local_gradient(x, gy, window, sigma, floor)
    found = twin.local_gradient(x, gy, window, sigma, floor)
    assert close(found, expected)


def test_local_on_a_flat_image(machine):
    x = np.full((1, 6, 6, 2), 3, "f")
    assert np.abs(twin.local(x, 3, 1.0, 1e-4)).max() < 1e-2
    assert np.isfinite(twin.local_gradient(x, x, 3, 1.0, 1e-4)).all()
