"""The bound of rounding holds for every order of a sum, is reached, and rejects whatever is not rounding."""

from fractions import Fraction

import numpy as np
import pytest
from assertions import normal
from rounding import close_sums, gamma, terms_to

import npzf

DTYPES = ["float32", "float64"]


def products(terms, dtype):
    """a, b (20, terms): sums of products that nearly cancel, so that rounding shows."""
    a, b = normal(20, terms, dtype=dtype), normal(20, terms, seed=1, dtype=dtype)
    b[:, -1] = -(a[:, :-1] * b[:, :-1]).sum(1) / a[:, -1]
    return a, b


def magnitude(a, b):
    return (np.abs(a).astype("float64") * np.abs(b)).sum(-1)


def one_by_one(values):
    total = np.zeros(len(values), values.dtype)
    for column in values.T:
        total += column
    return total


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("terms", [1, 2, 37, 2400])
def test_every_order_is_within_the_bound(terms, dtype):
    a, b = products(terms, dtype) if terms > 1 else (normal(20, 1, dtype=dtype), normal(20, 1, seed=1, dtype=dtype))
    order = np.random.default_rng(0).permutation(terms)
    found = {
        "pairwise": (a * b).sum(1),
        "one by one": one_by_one(a * b),
        "backwards": one_by_one((a * b)[:, ::-1]),
        "shuffled": one_by_one((a * b)[:, order]),
        "by size": one_by_one(np.sort(a * b, axis=1)),
        "BLAS": np.array([x @ y for x, y in zip(a, b, strict=True)]),
        "einsum": np.einsum("nk,nk->n", a, b),
    }
    for one in found.values():
        for other in found.values():
            close_sums(one, other, terms, magnitude(a, b))


@pytest.mark.parametrize("dtype", DTYPES)
def test_half_the_bound_holds_against_exact_sums(dtype):
    a, b = products(300, dtype)
    exact = [sum(Fraction(float(x)) * Fraction(float(y)) for x, y in zip(p, q, strict=True)) for p, q in zip(a, b, strict=True)]
    for found, expected, size in zip(one_by_one(a * b), exact, magnitude(a, b), strict=True):
        assert abs(Fraction(float(found)) - expected) <= gamma(300, dtype) * Fraction(size)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_unlucky_sum_reaches_the_bound(dtype):
    """Each term is just small enough to vanish after the first: forwards all of them are lost, backwards none."""
    values = np.full((1, 1000), np.finfo(dtype).eps / 2, dtype)
    values[0, 0] = 1
    forwards, backwards = one_by_one(values), one_by_one(values[:, ::-1])
    close_sums(forwards, backwards, 1000, 1)
    with pytest.raises(AssertionError):
        close_sums(forwards, backwards, 490, 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_not_rounding_is_rejected(dtype):
    a, b = products(300, dtype)
    sums, size = (a * b).sum(1), magnitude(a, b)
    close_sums(sums, sums, 300, size)
    for wrong in (
        sums - a[:, 0] * b[:, 0],
        sums + 3 * gamma(300, dtype) * size,
        sums * np.nan,
        -sums + size,
        sums[:, None],
        sums[:-1],
    ):
        with pytest.raises(AssertionError):
            close_sums(wrong, sums, 300, size)
        with pytest.raises(AssertionError):
            close_sums(sums, wrong, 300, size)
    one = sums.copy()
    one[7] += 3 * gamma(300, dtype) * size[7]
    with pytest.raises(AssertionError, match=r"at \(7,\) .* allowed .* apart"):
        close_sums(one, sums, 300, size)


def test_zeros_have_no_room_and_every_element_has_its_own():
    close_sums(np.zeros(3), np.zeros(3), 10, 0)
    with pytest.raises(AssertionError):
        close_sums(np.array([0, 1e-20, 0]), np.zeros(3), 10, 0)
    with pytest.raises(AssertionError):
        close_sums(np.array([1.0, 1e-17]), np.array([1.0, 0]), 10, np.array([1, 0]))


def test_a_magnitude_that_is_not_finite_allows_nothing():
    for size in (np.inf, np.nan):
        with pytest.raises(AssertionError, match="magnitude"):
            close_sums(np.ones(2), np.ones(2), 10, np.array([1, size]))


def test_the_coarser_type_counts():
    a, b = products(300, "float32")
    exact = (a.astype("float64") * b).sum(1)
    close_sums((a * b).sum(1), exact, 300, magnitude(a, b))
    close_sums(exact, (a * b).sum(1), 300, magnitude(a, b))
    with pytest.raises(AssertionError):
        close_sums((a * b).sum(1).astype("float64"), exact, 300, magnitude(a, b))


@pytest.mark.parametrize("dtype", DTYPES)
def test_in_a_chain_the_terms_add_up(dtype):
    x, first, second = normal(5, 300, dtype=dtype), normal(200, 300, dtype=dtype), normal(7, 200, dtype=dtype)
    size = np.abs(x).astype("float64") @ np.abs(first).T @ np.abs(second).T
    found = np.einsum("nj,oj->no", np.maximum(np.einsum("ni,ji->nj", x, first), 0), second)
    close_sums(np.maximum(x @ first.T, 0) @ second.T, found, 500, size)
    with pytest.raises(AssertionError):
        close_sums(np.maximum(x @ (first * np.asarray(1.01, dtype)).T, 0) @ second.T, found, 500, size * 0.01)


@pytest.mark.parametrize("terms", [0, -1, 2**23 + 1])
def test_sums_too_long_for_their_type_are_named(terms):
    with pytest.raises(ValueError, match=f"terms is {terms}, expected 1 to 8388608 in float32"):
        gamma(terms, "float32")


def test_the_terms_up_to_a_layer():
    net = npzf.zfnet(10, fc_units=20)
    sizes = [7 * 7 * 96, 5 * 5 * 256]  # on the way down: 96 and 256 maps out
    assert terms_to(net, "relu1") == sizes[0] + 1
    assert terms_to(net, "conv2") == sum(sizes) + 2
