"""The losses of one classifier a class: PyTorch, gradients, masks, scores of any size, NaN, and what is refused."""

import gradcheck
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from assertions import DTYPES, TORCH, close, normal

from npzf.losses import binary_cross_entropy, hinge

RNG = np.random.default_rng(5)
SCORES = 3 * normal(6, 5)
SOFT = RNG.random((6, 5))
HARD = RNG.random((6, 5)) < 0.4
LABELS = RNG.integers(0, 5, 6)
MASK = RNG.random((6, 5)) < 0.7


def own(labels):
    return labels if labels.dtype == bool else np.eye(5, dtype=bool)[labels]


def torch_hinge(scores, labels, margin, squared, mask):
    y = torch.where(torch.tensor(own(labels)), 1.0, -1.0).double()
    short = F.relu(margin - y * scores) ** (2 if squared else 1)
    return (short * torch.tensor(mask)).sum() / len(scores)


def same_as_torch(found, torch_loss, scores):
    tscores = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    expected = torch_loss(tscores)
    expected.backward()
    loss, gscores = found
    assert isinstance(loss, float) and gscores.dtype == scores.dtype
    tolerance = TORCH if scores.dtype == np.float64 else 1e-6
    assert loss == pytest.approx(expected.item(), rel=tolerance)
    close(gscores, tscores.grad, tolerance)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("targets", [SOFT, HARD, HARD.astype("float32")], ids=["soft", "bool", "float32"])
@pytest.mark.parametrize("mask", [None, MASK, np.eye(6, 5, dtype=bool)], ids=["all", "most", "few"])
def test_binary_cross_entropy_equals_torch(dtype, targets, mask):
    scores, counted = SCORES.astype(dtype), torch.tensor(np.ones((6, 5), bool) if mask is None else mask)

    def loss(tscores):
        return F.binary_cross_entropy_with_logits(tscores[counted], torch.tensor(targets).double()[counted])

    same_as_torch(binary_cross_entropy(scores, targets, mask), loss, scores)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("labels", [LABELS, HARD], ids=["one", "several"])
@pytest.mark.parametrize(("margin", "squared"), [(1.0, False), (1, True), (np.float64(2.5), False), (0.5, True)])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "most"])
def test_hinge_equals_torch(dtype, labels, margin, squared, mask):
    scores, counted = SCORES.astype(dtype), np.ones((6, 5), bool) if mask is None else mask
    found = hinge(scores, labels, margin, squared, mask)
    same_as_torch(found, lambda tscores: torch_hinge(tscores, labels, margin, squared, counted), scores)


LOSSES = {
    "binary": lambda scores: binary_cross_entropy(scores, SOFT, MASK),
    "hinge": lambda scores: hinge(scores, HARD),
    "squared": lambda scores: hinge(scores, LABELS, 1.5, squared=True, mask=MASK),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_gradients_of_one_classifier_a_class(loss):
    gradcheck.gradient(lambda scores: np.array(loss(scores)[0]), lambda gy: gy * loss(scores=SCORES)[1], SCORES)


def test_by_hand():
    scores, targets = np.array([[0.0, 2.0]]), np.array([[True, False]])
    loss, gscores = binary_cross_entropy(scores, targets)
    assert loss == pytest.approx((np.log(2) + np.log(1 + np.exp(2))) / 2, rel=1e-14)
    np.testing.assert_allclose(gscores, [[-0.25, 1 / (1 + np.exp(-2)) / 2]], rtol=1e-14)
    for squared, expected, gexpected in [(False, 1 + 3, [[-1, 1]]), (True, 1 + 9, [[-2, 6]])]:
        loss, gscores = hinge(scores, targets, squared=squared)
        assert loss == expected
        np.testing.assert_array_equal(gscores, gexpected)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", [0.0, 800.0, 1e30])
def test_binary_cross_entropy_of_scores_of_any_size(dtype, size):
    scores, targets = np.array([[size, size, -size, -size]], dtype), np.array([[1.0, 0, 1, 0]])
    loss, gscores = binary_cross_entropy(scores, targets)
    assert loss == pytest.approx(size / 2 if size else np.log(2), rel=1e-6)
    np.testing.assert_allclose(gscores, [[0, 0.25, -0.25, 0] if size else [-0.125, 0.125, -0.125, 0.125]], atol=1e-12)


def test_the_gradient_of_a_sure_answer_is_small_and_not_0():
    """1 - sigmoid(50) is 2e-22, though 1 less the sigmoid in float64 is 0."""
    _, gscores = binary_cross_entropy(np.array([[50.0, -50.0]]), np.array([[True, False]]))
    np.testing.assert_allclose(gscores, [[-np.exp(-50) / 2, np.exp(-50) / 2]], rtol=1e-12)


def test_a_linear_svm_of_scikit_learn_is_where_the_squared_hinge_is_least():
    """LinearSVC minimises |w|^2 / 2 + C * sum of squared hinges for each class, the bias being a weight of a constant 1."""
    svm = pytest.importorskip("sklearn.svm", reason="scikit-learn is missing: pip install scikit-learn")
    x, labels = normal(40, 3), RNG.integers(0, 4, 40)
    found = svm.LinearSVC(C=0.7, tol=1e-10, max_iter=100_000).fit(x, labels)
    weight, x = np.c_[found.coef_, found.intercept_], np.c_[x, np.ones(40)]
    gweight = weight + 0.7 * 40 * hinge(x @ weight.T, labels, squared=True)[1].T @ x
    assert np.abs(gweight).max() < 1e-6 * 40
    assert np.abs(weight).max() > 0.1


def test_at_the_margin_the_hinge_has_no_gradient():
    assert hinge(np.array([[1.0, -1.0, 3.0]]), np.array([0])) == (4.0, pytest.approx(np.array([[0, 0, 1.0]])))
    np.testing.assert_array_equal(hinge(np.array([[1.0, -1.0]]), np.array([[True, False]]))[1], [[0, 0]])


@pytest.mark.parametrize(
    "loss",
    [lambda s, mask: binary_cross_entropy(s, HARD, mask), lambda s, mask: hinge(s, HARD, mask=mask)],
    ids=["binary", "hinge"],
)
def test_a_nan_that_counts_is_seen_and_one_that_does_not_count_is_not(loss):
    scores = SCORES.copy()
    scores[2, 3] = np.nan
    found, gscores = loss(scores, None)
    assert np.isnan(found) and np.isnan(gscores[2, 3]) and np.isnan(gscores).sum() == 1
    mask = np.ones((6, 5), bool)
    mask[2, 3] = False
    (found, gscores), (expected, gexpected) = loss(scores, mask), loss(SCORES, mask)
    assert found == expected
    np.testing.assert_array_equal(gscores, gexpected)
    assert gscores[2, 3] == 0 and np.count_nonzero(gexpected) > 5


def test_targets_that_do_not_count_may_be_anything():
    targets = np.where(MASK, SOFT, np.nan)
    assert binary_cross_entropy(SCORES, targets, MASK)[0] == binary_cross_entropy(SCORES, SOFT, MASK)[0]


def test_where_nothing_counts_there_is_no_loss():
    none = np.zeros((6, 5), bool)
    for loss, gscores in (binary_cross_entropy(SCORES, HARD, none), hinge(SCORES, HARD, mask=none)):
        assert loss == 0 and not gscores.any()


def test_a_mask_of_all_is_no_mask():
    every = np.ones((6, 5), bool)
    for one, other in [
        (binary_cross_entropy(SCORES, HARD, every), binary_cross_entropy(SCORES, HARD)),
        (hinge(SCORES, HARD, mask=every), hinge(SCORES, HARD)),
    ]:
        assert one[0] == other[0]
        np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "most"])
def test_arrays_of_the_device_give_the_same(gpu, dtype, mask):
    scores = SCORES.astype(dtype)
    for loss, options in [
        (lambda s, t, **o: binary_cross_entropy(s, t, **o), {}),
        (hinge, {}),
        (hinge, {"squared": True}),
    ]:
        expected, gexpected = loss(scores, HARD, mask=mask, **options)
        for targets in (HARD, gpu.array(HARD)):
            found, gscores = loss(gpu.array(scores), targets, mask=mask, **options)
            assert type(gscores) is type(gpu.array(scores)) and gscores.dtype == dtype
            assert found == pytest.approx(expected, rel=1e-6)
            close(gpu.numpy(gscores), gexpected, 1e-6)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((np.zeros(3), np.zeros(3)), r"scores are float64 \(3,\), expected float \(N, C\), none of them 0"),
        ((np.zeros((0, 3)), np.zeros((0, 3))), r"scores are float64 \(0, 3\)"),
        ((np.zeros((2, 3), int), np.zeros((2, 3))), r"scores are int64 \(2, 3\)"),
        ((np.zeros((2, 3)), [0, 1]), r"targets are int64 \(2,\), expected bool or float of shape \(2, 3\)"),
        ((np.zeros((2, 3)), np.zeros((2, 3), int)), "targets are int64"),
        ((np.zeros((2, 3)), np.zeros((3, 2))), r"targets are float64 \(3, 2\)"),
        ((np.zeros((2, 3)), [[0, 0, 0], [0, 1.5, -0.5]]), r"targets run from -0\.5 to 1\.5, expected 0 to 1"),
        ((np.zeros((1, 2)), [[0, np.nan]]), "targets run from nan to nan"),
        ((np.zeros((2, 3)), np.zeros((2, 3)), np.ones((2, 3))), r"mask is float64 \(2, 3\), expected bool \(2, 3\)"),
        ((np.zeros((2, 3)), np.zeros((2, 3)), [True] * 3), r"mask is bool \(3,\)"),
    ],
)
def test_binary_cross_entropy_refuses_in_one_line(arguments, named):
    with pytest.raises(ValueError, match=named) as caught:
        binary_cross_entropy(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((np.zeros(3), [0, 1, 2]), r"scores are float64 \(3,\)"),
        ((np.zeros((2, 3)), [0, 3]), "labels run from 0 to 3, expected 0 to 2"),
        ((np.zeros((2, 3)), [-1, 0]), "labels run from -1 to 0"),
        ((np.zeros((2, 3)), [0.0, 1.0]), "labels are float64"),
        ((np.zeros((2, 3)), [0, 1, 2]), r"labels are int64 \(3,\), expected whole numbers of shape \(2,\)"),
        ((np.zeros((2, 3)), np.zeros((2, 3))), r"labels are float64 \(2, 3\)"),
        ((np.zeros((2, 3)), [True, False]), r"labels are bool \(2,\), expected shape \(2, 3\), or whole numbers, one an image"),
        ((np.zeros((2, 3)), [0, 1], 0), "margin is 0, expected more than 0"),
        ((np.zeros((2, 3)), [0, 1], np.nan), "margin is nan"),
        ((np.zeros((2, 3)), [0, 1], 1, True, [True]), r"mask is bool \(1,\), expected bool \(2, 3\)"),
    ],
)
def test_hinge_refuses_in_one_line(arguments, named):
    with pytest.raises(ValueError, match=named) as caught:
        hinge(*arguments)
    assert "\n" not in str(caught.value)
