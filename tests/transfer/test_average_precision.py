"""Average precision: scikit-learn's, an example by hand, ties, images that do not count, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npzf.transfer.average_precision import FORMS, average_precision, mean_average_precision

RNG = np.random.default_rng(3)


def with_ties(seed, count=60, levels=9):
    """Scores of few different values, and targets that they tell something of."""
    rng = np.random.default_rng(seed)
    targets = rng.random(count) < 0.3
    targets[rng.integers(count)] = True
    return np.round(levels * (rng.random(count) + 0.3 * targets)) / levels, targets


def envelope(scores, targets):
    """The area by scikit-learn's curve, in which recall falls: the best precision at each recall or above."""
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is missing: pip install scikit-learn")
    precision, recall, _ = metrics.precision_recall_curve(targets, scores)
    return sum((recall[i] - recall[i + 1]) * precision[: i + 1].max() for i in range(len(recall) - 1))


@pytest.mark.parametrize("seed", range(20))
def test_steps_are_those_of_scikit_learn(seed):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is missing: pip install scikit-learn")
    scores, targets = with_ties(seed)
    assert average_precision(scores, targets, "step") == pytest.approx(
        metrics.average_precision_score(targets, scores), rel=1e-12
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_area_is_that_under_the_envelope_of_scikit_learns_curve(seed):
    scores, targets = with_ties(seed)
    assert average_precision(scores, targets) == pytest.approx(envelope(scores, targets), rel=1e-12)


# Ten images, best score first, four of them positive (*). After each positive:
#   place      1*  2   3*  4   5   6*  7   8*  9  10
#   recall    1/4     2/4         3/4     4/4
#   precision 1/1     2/3         3/6     4/8
# At the recalls 0, 0.1, 0.2 the best precision at that recall or above is 1; at 0.3, 0.4, 0.5 it is 2/3; at 0.6 to 1.0, 1/2.
EXAMPLE = np.arange(10, 0, -1), np.isin(np.arange(1, 11), [1, 3, 6, 8])


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("11-point", (3 * 1 + 3 * 2 / 3 + 5 / 2) / 11),
        ("area", (1 + 2 / 3 + 1 / 2 + 1 / 2) / 4),
        ("step", (1 + 2 / 3 + 3 / 6 + 4 / 8) / 4),
    ],
)
def test_an_example_by_hand(form, expected):
    assert average_precision(*EXAMPLE, form) == pytest.approx(expected, rel=1e-14)


# Best first: not, *, *. Precision 0, 1/2, 2/3: it rises with recall, so its best is 2/3 everywhere.
@pytest.mark.parametrize(("form", "expected"), [("area", 2 / 3), ("11-point", 2 / 3), ("step", (1 / 2 + 2 / 3) / 2)])
def test_where_precision_rises(form, expected):
    assert average_precision(np.array([3.0, 2, 1]), np.array([False, True, True]), form) == pytest.approx(expected, rel=1e-14)


def test_three_of_ten_reach_a_recall_of_three_tenths():
    """In floating point 3 * 0.1 is above 3 / 10. Here three positives come first, and seven after a thousand others."""
    targets = np.r_[np.ones(3, bool), np.zeros(1000, bool), np.ones(7, bool)]
    scores = np.arange(len(targets))[::-1]
    assert average_precision(scores, targets, "11-point") == pytest.approx((4 + 7 * 10 / 1010) / 11, rel=1e-14)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_scores_of_every_kind_of_number(dtype):
    lowest = np.iinfo(dtype).min if dtype != "float32" else -np.inf
    scores, targets = np.array([lowest, 3, 2], dtype), np.array([False, True, False])
    assert average_precision(scores, targets) == 1


@pytest.mark.parametrize("form", FORMS)
def test_the_best_and_the_worst(form):
    targets = np.array([True, True, False, False])
    assert average_precision(np.array([4, 3, 2, 1]), targets, form) == 1
    assert average_precision(np.array([np.inf, 5, -np.inf, -np.inf]), targets, form) == 1
    assert average_precision(np.ones(4), targets, form) == 0.5  # all of them tied: the share of positives


images = st.lists(
    st.tuples(st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 0.1, 2.0, np.inf]), st.booleans(), st.booleans()), min_size=1
)


@given(images, st.randoms(use_true_random=False), st.sampled_from(FORMS))
def test_the_order_of_images_does_not_matter_and_ignored_ones_might_as_well_not_be_there(images, random, form):
    def of(images, **options):
        scores, targets, _ = (np.array(column) for column in zip(*images, strict=True))
        return average_precision(scores, targets, form, **options)

    kept = [image for image in images if not image[2]]
    if not any(positive for _, positive, _ in kept):
        return
    found, shuffled = of(images, ignored=np.array([i[2] for i in images])), random.sample(images, len(images))
    assert 0 < found <= 1
    assert of(shuffled, ignored=np.array([i[2] for i in shuffled])) == found == of(kept)


def test_the_mean_over_classes():
    scores, targets = np.stack([with_ties(seed)[0] for seed in range(4)], 1), np.stack([with_ties(s)[1] for s in range(4)], 1)
    ignored = RNG.random(scores.shape) < 0.2
    for form in FORMS:
        mean, each = mean_average_precision(scores, targets, form, ignored)
        expected = [average_precision(scores[:, c], targets[:, c], form, ignored[:, c]) for c in range(4)]
        np.testing.assert_array_equal(each, expected)
        assert mean == pytest.approx(sum(expected) / 4, rel=1e-14) and isinstance(mean, float)
        assert mean_average_precision(scores, targets, form)[0] != mean


GOOD = np.array([0.5, 0.25]), np.array([True, False])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((*GOOD, "12-point"), "form is '12-point', expected one of area, 11-point, step"),
        ((np.zeros((2, 1)), GOOD[1]), r"scores are float64 \(2, 1\), expected numbers \(N,\), at least one"),
        (([], np.zeros(0, bool)), r"scores are float64 \(0,\)"),
        ((["a", "b"], GOOD[1]), "scores are <U1"),
        ((GOOD[0], [1, 0]), r"targets are int64 \(2,\), expected bool \(2,\), as the scores"),
        ((GOOD[0], [True]), r"targets are bool \(1,\)"),
        ((*GOOD, "area", [False]), r"ignored are bool \(1,\)"),
        (([0.5, np.nan], GOOD[1]), "scores are NaN in 1 of 2 places, expected numbers"),
        ((GOOD[0], [False, False]), "number of positive images is 0, expected at least one that is not ignored"),
        ((*GOOD, "step", [True, False]), "number of positive images is 0"),
    ],
)
def test_what_has_no_average_precision_is_refused_in_one_line(arguments, named):
    with pytest.raises(ValueError, match=named) as caught:
        average_precision(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (GOOD, r"scores are float64 \(2,\), expected numbers \(N, C\), at least one"),
        ((np.zeros((2, 2)), [[True, False], [True, False]]), "number of positive images of class 1 is 0"),
    ],
)
def test_what_has_no_mean_average_precision_is_refused_in_one_line(arguments, named):
    with pytest.raises(ValueError, match=named) as caught:
        mean_average_precision(*arguments)
    assert "\n" not in str(caught.value)
