"""Linear classifiers: scikit-learn's own, in the span of the training images too, with a C that no test image has chosen."""

import numpy as np
import pytest

from npzf.losses import softmax
from npzf.transfer import LinearClassifier, choose_c, classifiers, fit_classifier
from npzf.transfer.classifiers import Problem
from npzf.transfer.span import Span

linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed: no classifier can be fitted")
svm = pytest.importorskip("sklearn.svm", reason="scikit-learn is not installed: no classifier can be fitted")


def clouds(classes=3, count=8, features=60, seed=0, spread=0.6):
    """Points about a centre for each class, of unit length: x (classes * count, features), targets."""
    generator = np.random.default_rng(seed)
    targets = np.repeat(np.arange(classes), count)
    x = generator.normal(size=(classes, features))[targets] + spread * generator.normal(size=(len(targets), features))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), targets


def test_scores_are_those_of_scikit_learn():
    x, targets = clouds()
    ours = fit_classifier(x, targets, "svm", 2.0)
    theirs = svm.LinearSVC(C=2.0, random_state=0, max_iter=10000).fit(x.astype(np.float64), targets)
    np.testing.assert_allclose(ours.scores(x), theirs.decision_function(x), atol=2e-3)
    ours = fit_classifier(x, targets, "softmax", 2.0)
    theirs = linear_model.LogisticRegression(C=2.0, max_iter=1000).fit(x, targets)
    np.testing.assert_allclose(softmax(ours.scores(x)), theirs.predict_proba(x), atol=1e-5)


def test_two_classes_have_a_score_each():
    x, targets = clouds(2)
    ours = fit_classifier(x, targets, "softmax", 2.0)
    theirs = linear_model.LogisticRegression(C=2.0, max_iter=1000).fit(x, targets)
    np.testing.assert_allclose(softmax(ours.scores(x)), theirs.predict_proba(x), atol=1e-5)
    scores = fit_classifier(x, targets, "svm", 2.0).scores(x)
    np.testing.assert_allclose(scores[:, 0], -scores[:, 1])
    np.testing.assert_array_equal(scores.argmax(1), targets)


@pytest.mark.parametrize("kind", ["svm", "softmax"])
def test_several_labels_get_a_classifier_each(kind):
    x, targets = clouds(3)
    labels = np.stack([targets == 0, targets != 1], 1)
    ours = fit_classifier(x, labels, kind, 3.0)
    assert ours.weight.shape == (2, x.shape[1])
    for label in range(2):
        if kind == "svm":
            one = svm.LinearSVC(C=3.0, random_state=0, max_iter=10000).fit(x.astype(np.float64), labels[:, label])
        else:
            one = linear_model.LogisticRegression(C=3.0, max_iter=1000).fit(x, labels[:, label])
        np.testing.assert_allclose(ours.scores(x)[:, label], one.decision_function(x), atol=2e-3)


@pytest.mark.parametrize("kind", ["svm", "softmax"])
@pytest.mark.parametrize("alike", [False, True])
def test_the_span_of_the_training_images_gives_the_same_classifier(kind, alike):
    x, targets = clouds()
    if alike:
        x[9], x[10] = x[8], x[8]  # the same image three times
    problem, (others, _) = Problem(x, targets), clouds(seed=5)
    assert problem.span is not None
    found, expected = problem.fit(kind, 2.0), fit_classifier(x, targets, kind, 2.0)
    assert found.weight.shape == expected.weight.shape
    np.testing.assert_allclose(found.scores(others), expected.scores(others), atol=5e-3 * np.abs(expected.scores(x)).max())


def test_coordinates_keep_inner_products_with_training_images():
    x, _ = clouds()
    others, _ = clouds(seed=5)
    span = Span(x)
    np.testing.assert_allclose(span.coordinates(others) @ span.train.T, others @ x.T, atol=1e-5)
    weight = np.random.default_rng(0).normal(size=(2, len(x)))
    np.testing.assert_allclose(others @ span.weight(weight).T, span.coordinates(others) @ weight.T, atol=1e-4)


def test_more_images_than_features_are_fitted_as_they_are():
    x, targets = clouds(features=10)
    assert Problem(x, targets).span is None


def noisy(seed=0):
    """Classes so near that C matters."""
    return clouds(3, 12, 40, seed, spread=2.0)


def test_c_is_the_best_of_the_training_images_alone(monkeypatch):
    x, targets = noisy()
    seen = []
    fit = classifiers.fit_classifier

    def recorded(x, targets, kind, c):
        seen.append(len(x))
        found = fit(x, targets, kind, c)
        return found if c == 1.0 else LinearClassifier(-found.weight, -found.bias, c)  # all others are wrong

    monkeypatch.setattr(classifiers, "fit_classifier", recorded)
    assert choose_c(x, targets, "svm", (0.1, 1.0, 10.0)) == 1.0
    assert set(seen) == {24}  # two thirds of the images at a time


def test_crops_of_an_image_stay_together(monkeypatch):
    x, targets = noisy()
    groups = np.repeat(np.arange(18), 2)
    targets = np.repeat(np.arange(3), 12)
    problems = []

    class Recorded(Problem):
        def __init__(self, x, targets):
            problems.append({tuple(row) for row in x.tolist()})
            super().__init__(x, targets)

    monkeypatch.setattr(classifiers, "Problem", Recorded)
    choose_c(x, targets, "svm", (0.1, 1.0), groups=groups)
    assert len(problems) == 3
    for rows in problems:
        inside = np.array([tuple(row) in rows for row in x.tolist()])
        assert (inside[::2] == inside[1::2]).all() and inside.sum() == 24


def test_with_one_image_a_class_nothing_can_be_tried_out():
    x, targets = clouds(3, 1)
    assert choose_c(x, targets, "svm", (0.1, 7.0, 100.0)) == 7.0
    assert choose_c(x, targets, "softmax", (5.0,)) == 5.0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda x, t: (x, t, "forest", 1.0), "kind is 'forest'"),
        (lambda x, t: (x, t, "svm", 0.0), "c is 0.0"),
        (lambda x, t: (x, t, "svm", float("nan")), "c is nan"),
        (lambda x, t: (np.where(x == x[3, 5], np.nan, x), t, "svm", 1.0), "features of 1 of 24 examples are NaN or infinite"),
        (lambda x, t: (x, np.zeros(24, int), "svm", 1.0), r"classes of the training images are \[0\]"),
        (lambda x, t: (x, t * 2, "svm", 1.0), r"are \[0, 2, 4\], expected at least two, from 0 without a gap"),
        (lambda x, t: (x, np.ones((24, 2), bool), "svm", 1.0), "label 0 is that of all training images or of none"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(change, named):
    with pytest.raises(ValueError, match=named) as caught:
        fit_classifier(*change(*clouds()))
    assert "\n" not in str(caught.value)


def test_a_fit_that_has_not_converged_is_said(monkeypatch, caplog):
    monkeypatch.setattr(classifiers, "MOST_STEPS", 1)
    x, targets = noisy()
    fit_classifier(x, targets, "svm", 100.0)
    assert "LinearSVC with C = 100 stopped after 1 steps" in caplog.text


@pytest.mark.parametrize(
    ("kind", "grid", "named"), [("forest", None, "kind is 'forest', expected one of svm"), ("svm", (), "grid is empty")]
)
def test_what_cannot_be_tried_out_is_refused_in_one_line(kind, grid, named):
    with pytest.raises(ValueError, match=named):
        choose_c(*clouds(), kind, grid)


def test_few_images_of_many_features_give_weights_of_the_features_type():
    x, targets = clouds()
    for kind in ("svm", "softmax"):
        fitted = Problem(x, targets).fit(kind, 2.0)
        assert fitted.weight.shape == (3, 60) and fitted.weight.dtype == fitted.bias.dtype == np.float32 and fitted.c == 2.0
        np.testing.assert_array_equal(fitted.scores(x).argmax(1), targets)


@pytest.mark.parametrize("labels", [False, True])
def test_svms_of_several_threads_are_the_same_each_time(labels, set_threads):
    set_threads(4)
    x, targets = clouds(6, 20, 60, spread=2.0)
    wanted = np.eye(6, dtype=bool)[targets] if labels else targets
    assert len({fit_classifier(x, wanted, "svm", 1.0).weight.tobytes() for _ in range(5)}) == 1
