"""Rectification, dropout, the loss, SGD, the filter clip and sums against the NumPy ops."""

from pathlib import Path

import numpy as np
import pytest
from cuda_on_cpu.build import SHIM
from cuda_on_cpu.module import CpuModule, Order
from kernel_assertions import close, plain

from npzf import backend, losses
from npzf.ops import elementwise
from npzf.ops.cuda import elementwise as twin
from npzf.ops.cuda import launching
from npzf.ops.cuda import losses as twin_losses
from npzf.ops.cuda import sgd as twin_sgd
from npzf.training import sgd

op = plain(elementwise)

TYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
SIZES = pytest.mark.parametrize("size", [1, 255, 1000])


@TYPES
@SIZES
def test_rectify(machine, random, size, dtype):
    x, gy = (random.integers(-2, 3, size).astype(dtype) for _ in range(2))
    x[:3] = np.array([np.nan, -np.inf, np.inf])[: len(x)]
    y = twin.rectify(x)
    assert np.array_equal(y, op.rectify(x), equal_nan=True)
    assert np.array_equal(twin.rectify_gradient(y, gy), op.rectify_gradient(y, gy))
    assert np.array_equal(twin.multiply(gy, gy), gy * gy)


# Random123's kat_vectors for philox4x32 with 10 rounds: counter, key, words
PUBLISHED = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize("counter, key, words", PUBLISHED)
def test_philox_makes_the_published_words(machine, counter, key, words):
    counter, key, words = (np.array([int(word, 16) for word in text.split()], np.uint32) for text in (counter, key, words))
    source = backend.pasted("philox_words.cu", [Path(__file__).parent, SHIM, backend.kernel_folder()])
    found = np.zeros(4, np.uint32)
    CpuModule(source, ["philox_words"]).get_function("philox_words")((1,), (1,), (counter, key, found))
    assert np.array_equal(found, words)


@TYPES
def test_dropout_mask(machine, dtype):
    x = np.empty((100, 403), dtype)
    mask = twin.dropout_mask(x, 0.25, 2**63 + 5, 1)
    assert mask.dtype == dtype
    assert np.array_equal(np.unique(mask), np.array([0, 1 / 0.75], dtype))
    assert abs((mask == 0).mean() - 0.25) < 0.01
    assert np.array_equal(mask, twin.dropout_mask(x, 0.25, 2**63 + 5, 1))
    for other in ((5, 1), (2**63 + 5, 2), (2**63 + 5, 1 + 2**40)):
        assert not np.array_equal(mask, twin.dropout_mask(x, 0.25, *other))
    assert twin.dropout_mask(x[0, :7], 0.0, 1, 1).tolist() == [1] * 7


@TYPES
@pytest.mark.parametrize("n, classes", [(1, 1), (3, 10), (2, 1000), (5, 129)])
def test_softmax_cross_entropy(machine, random, n, classes, dtype):
    scores = (random.standard_normal((n, classes)) * 20).astype(dtype)
    scores[0] += 1e4 if dtype == "float64" else 500  # where exp alone would overflow
    labels = random.integers(0, classes, n)
    loss, gscores = plain(losses).softmax_cross_entropy(scores, labels)
    found, gfound = twin_losses._cross_entropy(scores, labels)
    assert abs(found - loss) <= {"float32": 1e-5, "float64": 1e-12}[dtype] * max(abs(loss), 1)
    assert close(gfound, gscores) or np.abs(gfound - gscores).max() < 1e-7  # one class: zero


def test_softmax_passes_nan_on(machine):
    scores = np.array([[0, np.nan, 1], [0, 2, 1]], "f")
    loss, gscores = twin_losses._cross_entropy(scores, np.zeros(2, int))
    assert np.isnan(loss)
    assert np.isnan(gscores).tolist() == [[True] * 3, [False] * 3]


@TYPES
@SIZES
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_sgd_step(machine, random, size, decay, dtype):
    parameter, gradient, velocity = (random.standard_normal(size).astype(dtype) for _ in range(3))
    expected, moved = parameter.copy(), velocity.copy()
    plain(sgd).move(expected, gradient, moved, 0.1, 0.9, decay)
    twin_sgd.move(parameter, gradient, velocity, 0.1, 0.9, decay)
    assert close(parameter, expected)
    assert close(velocity, moved)


@TYPES
def test_clip_filters(machine, random, dtype):
    weight = (random.standard_normal((5, 7, 7, 3)) * np.array([1, 0.01, 0.2, 0, 1e21])[:, None, None, None]).astype(dtype)
    expected = weight.copy()
    plain(sgd).clip_filters(expected, 0.1)
    twin_sgd.clip_filters(weight, 0.1)
    assert close(weight, expected)
    assert np.array_equal(weight[[1, 3]], expected[[1, 3]])


@TYPES
@pytest.mark.parametrize("shape", [(3, 5, 5, 96), (1, 1, 1, 1), (1000, 1), (70_000, 33)])
def test_sum_rows(machine, random, shape, dtype):
    x = random.standard_normal(shape).astype(dtype)
    expected = x.reshape(-1, shape[-1]).sum(0, dtype=np.float64).astype(dtype)
    found = launching.sum_rows(x)
    assert close(found, expected, "float64" if dtype == "float64" else None)
    for order in Order:
        machine.options.order = order
        assert np.array_equal(launching.sum_rows(x), found)
