"""How features are judged: what the classifier is fitted to, what it never sees, and its accuracy over splits."""

import numpy as np
import pytest
from feature_files import feature_file

from npzf.transfer import Setting, Split, evaluate_split, evaluation, fit_split, scores_of

pytest.importorskip("sklearn", reason="scikit-learn is not installed: no classifier can be fitted")
COUNT, CROPS = 24, 2
SPLIT = Split(np.array([0, 1, 2, 8, 9, 10, 16, 17, 18]), np.array([3, 4, 11, 12, 19, 23]))


@pytest.fixture
def features(tmp_path):
    """Three classes of eight images of two crops; feature 0 is the number of the image. 2 and 4 cannot be decoded."""
    targets = np.repeat(np.arange(3), 8)
    array = np.random.default_rng(0).normal(size=(COUNT, CROPS, 30)).astype(np.float32)
    array[:, :, 1:4] += 2 * np.eye(3, dtype=np.float32)[targets][:, None]
    array[:, :, 0] = np.arange(COUNT)[:, None]
    array[[2, 4]] = np.nan

    return feature_file(tmp_path / "features.h5", {"fc": array}, targets, np.isfinite(array[:, 0, 0]), "abc")


PLAIN = Setting(("fc",), normalize=False, grid=(0.01, 0.1))


class Recorded(evaluation.Problem):
    images: list

    def __init__(self, x, targets):
        self.images.append(x[:, 0].astype(int).tolist())
        super().__init__(x, targets)


def recorded(monkeypatch):
    """The images that each fit gets, one for each crop."""
    images = []
    kind = type("Recorder", (Recorded,), {"images": images})
    monkeypatch.setattr("npzf.transfer.evaluation.Problem", kind)
    monkeypatch.setattr("npzf.transfer.classifiers.Problem", kind)
    return images


def test_test_images_and_those_that_cannot_be_decoded_are_never_fitted(features, monkeypatch):
    images = recorded(monkeypatch)
    outcome = evaluate_split(features, PLAIN, SPLIT)
    assert outcome.test.tolist() == [3, 11, 12, 19, 23] and outcome.scores.shape == (5, 3)
    train = [0, 1, 8, 9, 10, 16, 17, 18]
    assert images[-1] == [i for i in train for _ in range(CROPS)]
    assert len(images) == 3 and all(set(one) < set(train) for one in images[:-1])  # two folds, for the class with two images
    for one in images:
        assert all(one.count(i) == CROPS for i in one)  # the crops of an image stay together


def test_accuracy_and_c_are_those_of_the_fit(features):
    outcome = evaluate_split(features, PLAIN, SPLIT)
    classifier = fit_split(features, PLAIN, SPLIT.train)
    np.testing.assert_array_equal(outcome.scores, scores_of(features, PLAIN, classifier, outcome.test))
    assert outcome.c == classifier.c and outcome.c in PLAIN.grid
    right = outcome.scores.argmax(1) == features.targets[outcome.test]
    expected = np.mean([right[:1].mean(), right[1:3].mean(), right[3:].mean()])  # 3; 11, 12; 19, 23
    assert expected != right.mean() and outcome.accuracy == pytest.approx(100 * expected)


def test_a_class_of_which_nothing_can_be_decoded_is_said(features):
    with pytest.raises(ValueError, match=r"classes of the training images are \[1, 2\], expected at least two, from 0"):
        fit_split(features, PLAIN, np.array([2, 4, 8, 9, 16, 17]))


@pytest.mark.parametrize("grid", [(0.1,), None])
def test_another_kind_is_refused_in_one_line(features, grid):
    with pytest.raises(ValueError, match=r"^kind is 'forest', expected one of svm, softmax$"):
        evaluate_split(features, Setting(("fc",), "forest", grid=grid), SPLIT)
