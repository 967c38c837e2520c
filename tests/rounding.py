"""How far two floating-point results of the same sum may be apart, whatever the order in which each was added up."""

import numpy as np


def gamma(terms, dtype):
    """The bound of the relative error that rounding makes in a sum of products: n u / (1 - n u), u half the machine epsilon.

    Each product a b meets at most n roundings on its way into a sum of n of them: its own, and those of at most n - 1 additions,
    in any order, in blocks, with fused multiply-adds or without. Each multiplies it by some 1 + d with |d| <= u, hence all of
    them by a factor within 1 +- gamma(n) (Higham, Accuracy and Stability of Numerical Algorithms, lemma 3.1). A bias is one
    more term. In a chain of layers the roundings add up: n is then the sum of the layers' terms.
    """
    roundings = terms * np.finfo(dtype).eps / 2
    if not 0 < roundings < 0.5:
        raise ValueError(f"terms is {terms}, expected 1 to {int(1 / np.finfo(dtype).eps)} in {np.dtype(dtype)}")
    return roundings / (1 - roundings)


def close_sums(found, expected, terms, magnitude):
    """AssertionError unless |found - expected| <= 2 gamma(terms) magnitude in every element; a NaN or another shape fails.

    found, expected: the same sums of products, each computed in floating point, in any order; the coarser of their two types
    counts. terms: how many products a sum has (KH * KW * C for a convolution, with a bias one more). magnitude: the sums of
    |a| |b|, an array that broadcasts to theirs, computed in float64, or a number that is above all of them. Each of the two is
    within gamma(terms) * magnitude of the exact sum, so that they are within twice that of each other.

    In a chain of linear layers magnitude is what the same chain gives for the absolute values of all factors. Max pooling and
    rectification move no number by more than its input moved, provided that the switches are the same.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"shape is {found.shape}, expected {expected.shape}"
    dtype = max(found.dtype, expected.dtype, key=lambda dtype: np.finfo(dtype).eps)
    underflow = terms * float(np.finfo(dtype).smallest_subnormal)  # of products so small that they have fewer digits
    bound = 2 * gamma(terms, dtype) * np.broadcast_to(np.asarray(magnitude, np.float64), found.shape) + underflow
    assert np.isfinite(bound).all(), "magnitude has numbers that are not finite"
    excess = np.abs(found.astype(np.float64) - expected.astype(np.float64)) - bound
    worst = np.unravel_index(np.argmax(np.where(np.isnan(excess), np.inf, excess)), excess.shape) if excess.size else None
    assert (excess <= 0).all(), (
        f"at {tuple(map(int, worst))} {found[worst]!r} and {expected[worst]!r}, allowed {bound[worst]:.3g} apart"
    )


def terms_to(net, layer):
    """The terms of the sums on the way from the pixels up to a layer of net, added up over the weighted layers.

    Never fewer than on any one path, and never fewer than on the way down, where a filter's maps out take the place of maps in;
    twice as many for a picture, up and down. gamma of them serves as the tolerance of assertions.close where magnitude cannot
    be had, as through a normalisation. Relative to the largest number, it no longer holds for the unluckiest rounding, but for n
    terms of random sign the usual error is u sqrt(n / 2) of their sum, which leaves a room of sqrt(2 n).
    """
    names = list(net.layers)
    below = set(names[: names.index(layer) + 1])
    weights = [value for name, value in net.parameters.items() if value.ndim > 1 and name.rpartition("/")[0] in below]
    return sum(max(weight[0].size, weight.size // weight.shape[-1]) + 1 for weight in weights)
