"""Rectification, dropout, the softmax and the loss, SGD, the filter clip and sums against ops/plain or loops."""

from pathlib import Path

import naive
import numpy as np
import pytest
from cuda_on_cpu.build import SHIM
from cuda_on_cpu.module import CpuModule, Order
from kernel_assertions import close

from npzf import backend
from npzf.ops import CUDA, PLAIN
from npzf.ops.cuda import launching

TYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
SIZES = pytest.mark.parametrize("size", [1, 255, 1000])


@TYPES
@SIZES
def test_rectify(runner, random, size, dtype):
    x, gy = (random.integers(-2, 3, size).astype(dtype) for _ in range(2))
    x[:3] = np.array([np.nan, -np.inf, np.inf])[: len(x)]
    y = CUDA.rectify(x)
    assert np.array_equal(y, PLAIN.rectify(x), equal_nan=True)
    assert np.array_equal(CUDA.rectify_gradient(y, gy), PLAIN.rectify_gradient(y, gy))


# Random123's kat_vectors for philox4x32 with 10 rounds: counter, key, words
PUBLISHED = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize("counter, key, words", PUBLISHED)
def test_philox_makes_the_published_words(runner, counter, key, words):
    counter, key, words = (np.array([int(word, 16) for word in text.split()], np.uint32) for text in (counter, key, words))
    source = backend.pasted("philox_words.cu", [Path(__file__).parent, SHIM, backend.kernel_folder()])
    found = np.zeros(4, np.uint32)
    CpuModule(source, ["philox_words"]).get_function("philox_words")((1,), (1,), (counter, key, found))
    assert np.array_equal(found, words)


@TYPES
@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 0.9])
def test_dropout_mask_drops_its_share(runner, rate, dtype):
    mask = CUDA.dropout_mask(np.empty((100, 403), dtype), rate, (2**63 + 5, 2, 1))
    assert mask.dtype == dtype
    assert set(np.unique(mask)) <= {0, np.dtype(dtype).type(1 / (1 - rate))}
    deviation = np.sqrt(rate * (1 - rate) / mask.size)
    assert abs((mask == 0).mean() - rate) <= 5 * deviation
    for axis in (0, 1):  # no image and no unit is dropped more often than others: at most 5 deviations from its share
        share = (mask == 0).mean(axis)
        assert np.abs(share - rate).max() <= 5 * np.sqrt(rate * (1 - rate) / mask.shape[axis])


KEY = (7, 3, 11)  # seed, layer, training pass


@pytest.mark.parametrize("units", [(403,), (3, 5, 7), (4,), (1,)])
@pytest.mark.parametrize("cut", [1, 5, 8])
def test_a_batch_that_is_divided_drops_what_the_whole_one_would(runner, units, cut):
    x = np.empty((9, *units), "f")
    whole = CUDA.dropout_mask(x, 0.5, KEY, first=20)
    halves = CUDA.dropout_mask(x[:cut], 0.5, KEY, first=20), CUDA.dropout_mask(x[cut:], 0.5, KEY, first=20 + cut)
    assert np.array_equal(np.concatenate(halves), whole)


def test_dropout_mask_depends_on_key_and_place_alone(runner):
    x = np.zeros((6, 500), "f")
    mask = CUDA.dropout_mask(x, 0.5, KEY)
    assert np.array_equal(mask, CUDA.dropout_mask(x, 0.5, KEY))
    assert np.array_equal(mask == 0, CUDA.dropout_mask(x.astype(float), 0.5, KEY) == 0)
    others = [(8, 3, 11), (7, 4, 11), (7, 3, 12), (3, 7, 11), (7 + 2**32, 3, 11), (7 + 2**80, 3, 11)]
    masks = [mask, *(CUDA.dropout_mask(x, 0.5, key) for key in others), CUDA.dropout_mask(x, 0.5, KEY, first=2**32)]
    images = np.concatenate(masks)
    agreement = (images[:, None] == images[None]).mean(-1)[~np.eye(len(images), dtype=bool)]
    assert np.abs(agreement - 0.5).max() < 5 * 0.5 / np.sqrt(500)  # no two images of any two masks are alike


def test_every_word_of_the_key_counts(runner):
    def mask(*words):
        found = np.empty((1, 500), "f")
        words = map(np.uint32, words)
        backend.launch("dropout.cu", "dropout_mask<float>", (1,), (128,), found, 1, 500, 0.5, 2.0, *words, 0)
        return found

    masks = [mask(1, 2, 3), mask(4, 2, 3), mask(1, 4, 3), mask(1, 2, 4)]
    assert len({found.tobytes() for found in masks}) == 4


@TYPES
@pytest.mark.parametrize("shape", [(1, 1), (3, 10), (2, 300), (5, 129), (2, 3, 4, 7)])
def test_softmax_and_its_gradient_equal_loops(runner, random, shape, dtype):
    x, gy = (random.standard_normal(shape) * 3).astype(dtype), random.standard_normal(shape).astype(dtype)
    y = CUDA.softmax(x)
    assert close(y, naive.softmax(x).astype(dtype))
    expected = naive.softmax_gradient(y, gy).astype(dtype)
    gx = CUDA.softmax_gradient(y, gy)
    assert close(gx, expected) or np.abs(gx - expected).max() < 1e-7  # one class: zero


@TYPES
def test_softmax_of_large_scores_does_not_overflow(runner, dtype):
    x = np.array([[1e4, 1e4 + 1, -1e4], [0, 0, 0]], dtype)
    assert close(CUDA.softmax(x), PLAIN.softmax(x))


@TYPES
@pytest.mark.parametrize("n, classes", [(1, 1), (3, 10), (2, 1000), (5, 129)])
def test_cross_entropy(runner, random, n, classes, dtype):
    scores = (random.standard_normal((n, classes)) * 20).astype(dtype)
    scores[0] += 1e4 if dtype == "float64" else 500  # where exp alone would overflow
    labels = random.integers(0, classes, n)
    loss, gscores = PLAIN.cross_entropy(scores, labels)
    found, gfound = CUDA.cross_entropy(scores, labels)
    assert abs(found - loss) <= {"float32": 1e-5, "float64": 1e-12}[dtype] * max(abs(loss), 1)
    assert close(gfound, gscores) or np.abs(gfound - gscores).max() < 1e-7  # one class: zero


def test_softmax_passes_nan_on(runner):
    scores = np.array([[0, np.nan, 1], [0, 2, 1]], "f")
    loss, gscores = CUDA.cross_entropy(scores, np.zeros(2, int))
    assert np.isnan(loss)
    for found in (gscores, CUDA.softmax(scores)):
        assert np.isnan(found).tolist() == [[True] * 3, [False] * 3]


@TYPES
@SIZES
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_sgd_step(runner, random, size, decay, dtype):
    parameter, gradient, velocity = (random.standard_normal(size).astype(dtype) for _ in range(3))
    expected, moved = parameter.copy(), velocity.copy()
    PLAIN.sgd_step(expected, gradient, moved, 0.1, 0.9, decay)
    CUDA.sgd_step(parameter, gradient, velocity, 0.1, 0.9, decay)
    assert close(parameter, expected)
    assert close(velocity, moved)


@TYPES
def test_clip_filters(runner, random, dtype):
    weight = (random.standard_normal((5, 7, 7, 3)) * np.array([1, 0.01, 0.2, 0, 1e21])[:, None, None, None]).astype(dtype)
    expected = weight.copy()
    PLAIN.clip_filters(expected, 0.1)
    CUDA.clip_filters(weight, 0.1)
    assert close(weight, expected)
    assert np.array_equal(weight[[1, 3]], expected[[1, 3]])


@TYPES
@pytest.mark.parametrize("shape", [(3, 5, 5, 96), (1, 1, 1, 1), (1000, 1), (70_000, 33)])
def test_sum_rows(runner, random, shape, dtype):
    x = random.standard_normal(shape).astype(dtype)
    expected = x.reshape(-1, shape[-1]).sum(0, dtype=np.float64).astype(dtype)
    found = launching.sum_rows(x)
    assert close(found, expected)
    for order in Order:
        runner.options.order = order
        assert np.array_equal(launching.sum_rows(x), found)


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_fully_connected_products(runner, random, precision):
    from npzf.ops import CUDA_TF32

    x, weight, bias, gy = (random.standard_normal(shape).astype("f") for shape in ((5, 40), (7, 40), (7,), (5, 7)))
    face, out = (CUDA if precision == "fp32" else CUDA_TF32), np.full((7, 40), np.nan, "f")
    pairs = [
        (face.linear(x, weight, bias, relu=True), PLAIN.linear(x, weight, bias, relu=True)),
        (face.linear_transpose(gy, weight), PLAIN.linear_transpose(gy, weight)),
        (face.weight_gradient(x, gy), PLAIN.weight_gradient(x, gy)),
        (face.weight_gradient(x, gy, out), PLAIN.weight_gradient(x, gy)),
    ]
    for found, expected in pairs:
        assert close(found, expected, None if precision == "fp32" else "tf32")
        assert close(found, expected) == (precision == "fp32")
    assert np.array_equal(out, face.weight_gradient(x, gy))
