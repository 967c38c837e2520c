"""The span of training features: their inner products, whatever their lengths, and what float32 cannot hold."""

import numpy as np
import pytest

from npzf.transfer.span import Span

pytest.importorskip("scipy", reason="scipy is not installed: no triangle can be solved")


def vectors(lengths, features=40, seed=0):
    """Random directions of these lengths, float32."""
    x = np.random.default_rng(seed).normal(size=(len(lengths), features))
    return (x / np.linalg.norm(x, axis=1, keepdims=True) * np.array(lengths)[:, None]).astype(np.float32)


def relative(x, y, products):
    """Inner products in units of the lengths."""
    return products / np.outer(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1))


def test_one_long_vector_does_not_blur_the_others():
    """Features that are not scaled to unit length differ in length."""
    x, others = vectors([1e4, 1, 2, 0.01, 3]), vectors([1, 1e3], seed=1)
    span = Span(x)
    np.testing.assert_allclose(relative(x, x, span.train @ span.train.T), relative(x, x, x @ x.T), atol=1e-5)
    coordinates = span.coordinates(others)
    np.testing.assert_allclose(relative(others, x, coordinates @ span.train.T), relative(others, x, others @ x.T), atol=1e-5)


def test_vectors_that_are_alike_zero_or_sums_of_others_have_coordinates():
    x = vectors([1, 2, 3, 4, 5, 6])
    x[3], x[4], x[5] = x[0], 0, x[1] + x[2]
    span = Span(x)
    assert np.isfinite(span.train).all() and (np.triu(span.train, 1) == 0).all()
    np.testing.assert_allclose(span.train @ span.train.T, x.astype(float) @ x.T, atol=2e-3)
    assert np.isfinite(Span(np.zeros((3, 9), np.float32)).coordinates(x[:, :9])).all()


def test_weights_have_the_type_of_the_features():
    x = vectors([1, 1, 1])
    weight = Span(x).weight(np.eye(3))
    assert weight.dtype == np.float32 and weight.shape == (3, 40)


@pytest.mark.filterwarnings("error")
def test_lengths_that_float32_cannot_hold_are_refused():
    with pytest.raises(
        ValueError, match=r"^largest squared length of training features is inf, expected one that float32 can hold$"
    ):
        Span(vectors([1, 1e30, 1]))
