"""Softmax and cross-entropy: loops, PyTorch, scores of any size, and labels that are refused."""

import gradcheck
import naive
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from assertions import DTYPES, TOLERANCE, TORCH, close, normal

from npzf.losses import binary_cross_entropy, hinge, softmax, softmax_cross_entropy


def batch(n=5, classes=7, dtype="float64"):
    return 3 * normal(n, classes, dtype=dtype), np.random.default_rng(2).integers(0, classes, n)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("n", "classes"), [(1, 1), (1, 4), (5, 7), (6, 2)])
def test_equals_loops(n, classes, dtype):
    scores, labels = batch(n, classes, dtype)
    loss, gscores = softmax_cross_entropy(scores, labels)
    expected, gexpected = naive.cross_entropy(scores, labels)
    assert isinstance(loss, float)
    assert gscores.dtype == softmax(scores).dtype == dtype
    assert loss == pytest.approx(expected, rel=TOLERANCE[np.dtype(dtype)], abs=TOLERANCE[np.dtype(dtype)])
    close(gscores, gexpected, TOLERANCE[np.dtype(dtype)])


def test_equals_torch():
    scores, labels = batch()
    tscores = torch.tensor(scores, requires_grad=True)
    tloss = F.cross_entropy(tscores, torch.tensor(labels))
    tloss.backward()
    loss, gscores = softmax_cross_entropy(scores, labels)
    assert loss == pytest.approx(tloss.item(), rel=TORCH)
    close(gscores, tscores.grad, TORCH)
    close(softmax(scores), torch.softmax(tscores, 1).detach(), TORCH)


def test_gradient():
    scores, labels = batch()
    gradcheck.gradient(
        lambda scores: np.array(softmax_cross_entropy(scores, labels)[0]),
        lambda gy: gy * softmax_cross_entropy(scores, labels)[1],
        scores,
    )


def test_equal_scores_cost_ln_c():
    loss, _ = softmax_cross_entropy(np.full((3, 10), 2.5), np.array([0, 4, 9]))
    assert loss == pytest.approx(np.log(10), rel=1e-14)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_scores_of_any_size(dtype):
    scores = np.array([[3e4, -3e4, 0], [-3e4, -3e4, -3e4]], dtype)
    np.testing.assert_allclose(softmax(scores), [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)
    loss, gscores = softmax_cross_entropy(scores, np.array([1, 2]))
    assert loss == pytest.approx((6e4 + np.log(3)) / 2, rel=1e-6)
    np.testing.assert_allclose(gscores, [[0.5, -0.5, 0], [1 / 6, 1 / 6, -1 / 3]], rtol=1e-6)


def test_probabilities_sum_to_1_and_gradients_to_0():
    scores, labels = batch(8, 100)
    np.testing.assert_allclose(softmax(scores).sum(1), 1, rtol=1e-14)
    np.testing.assert_allclose(softmax_cross_entropy(scores, labels)[1].sum(1), 0, atol=1e-16)


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ([0, 1], r"int64 \(2,\), expected whole numbers of shape \(3,\)"),
        ([[0], [1], [2]], r"\(3, 1\)"),
        ([0.0, 1.0, 2.0], "float64"),
        ([True, False, True], "bool"),
        ([0, 1, 4], "run from 0 to 4, expected 0 to 3"),
        ([0, -1, 2], "run from -1 to 2"),
    ],
)
def test_other_labels_are_refused_in_one_line(labels, named):
    with pytest.raises(ValueError, match=named) as caught:
        softmax_cross_entropy(np.zeros((3, 4)), labels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("scores", "named"),
    [
        ([[1.0, 2.0]], "scores are a list"),
        (np.ones((1, 2), int), "scores are int64"),
        (np.ones(2), r"scores are float64 \(2,\)"),
        (np.ones((0, 2)), r"scores are float64 \(0, 2\)"),
    ],
)
@pytest.mark.parametrize(
    "of",
    [
        softmax,
        lambda scores: softmax_cross_entropy(scores, np.zeros(1, int)),
        lambda scores: binary_cross_entropy(scores, np.zeros((1, 2))),
        lambda scores: hinge(scores, np.zeros(1, int)),
    ],
)
def test_scores_of_another_form_are_named_in_one_line(of, scores, named):
    with pytest.raises(ValueError, match=named) as caught:
        of(scores)
    assert "\n" not in str(caught.value)
