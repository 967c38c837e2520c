"""A classifier for each label: from the images that count for it, with a C that no test image has chosen (Table 6)."""

import numpy as np
import pytest

from npzf.transfer import LinearClassifier, fit_classifier, fit_labels
from npzf.transfer import labels as module

pytest.importorskip("sklearn", reason="scikit-learn is not installed: no classifier can be fitted")


def labelled(count=30, features=50, spread=0.3, crops=1, seed=1):
    """Sums of a direction for each of three labels and noise: rows (count, crops, features), targets (count, 3)."""
    generator = np.random.default_rng(seed)
    targets = generator.random((count, 3)) < 0.4
    means = targets @ generator.normal(size=(3, features))
    return (means[:, None] + spread * generator.normal(size=(count, crops, features))).astype(np.float32), targets


@pytest.mark.parametrize("features", [50, 12])  # more than the images, in whose span it is fitted, and fewer
@pytest.mark.parametrize("kind", ["svm", "softmax"])
def test_each_label_is_learned_from_the_images_that_count_for_it(kind, features):
    rows, targets = labelled(features=features)
    wrong, counted = targets.copy(), np.ones(targets.shape, bool)
    wrong[:5, 0], counted[:5, 0] = ~wrong[:5, 0], False  # wrong labels that do not count
    counted[-3:, 2] = False
    found = fit_labels(rows, wrong, counted, kind, (1.0,)).mean_scores(rows)
    for label, used in enumerate([slice(5, None), slice(None), slice(0, -3)]):
        alone = fit_classifier(rows[used, 0], targets[used, [label]].reshape(-1, 1), kind, 1.0)
        np.testing.assert_allclose(found[:, label], alone.scores(rows[:, 0])[:, 0], atol=0.02)


def test_the_order_of_the_labels_is_kept():
    rows, targets = labelled()
    counted = np.ones(targets.shape, bool)
    counted[0, 1] = False  # labels 0 and 2 are fitted at once, label 1 by itself
    found = fit_labels(rows, targets, counted)
    assert ((found.mean_scores(rows) > 0) == targets).mean() > 0.95


def test_crops_are_examples_and_their_scores_are_averaged():
    rows, targets = labelled(crops=2)
    found = fit_labels(rows, targets, grid=(1.0,))
    apart = fit_classifier(rows.reshape(60, -1), np.repeat(targets, 2, axis=0), "svm", 1.0)
    assert found.mean_scores(rows).shape == targets.shape
    expected = (apart.scores(rows[:, 0]) + apart.scores(rows[:, 1])) / 2
    np.testing.assert_allclose(found.mean_scores(rows), expected, atol=0.02)


def wrong_unless(best, seen):
    """Instead of fit_classifier: one whose scores are turned round unless C is the best, and which remembers its examples."""

    def fit(x, targets, kind, c):
        seen.append((len(x), c))
        found = fit_classifier(x, targets, kind, c)
        return found if c == best else LinearClassifier(-found.weight, -found.bias, c)

    return fit


@pytest.mark.parametrize("best", [0.1, 1.0, 10.0])
def test_c_has_the_best_average_precision_on_training_images_that_were_held_out(monkeypatch, best):
    rows, targets = labelled()
    seen = []
    monkeypatch.setattr(module, "fit_classifier", wrong_unless(best, seen))
    assert fit_labels(rows, targets, grid=(0.1, 1.0, 10.0)).c == best
    assert seen == [(20, c) for _ in range(3) for c in (0.1, 1.0, 10.0)] + [(30, best)]


def test_images_that_do_not_count_choose_no_c(monkeypatch):
    rows, targets = labelled(60, spread=2.0)
    counted = np.random.default_rng(0).random(targets.shape) < 0.7
    ignored = []
    judge = module.average_precision

    def recorded(scores, targets, **options):
        ignored.append(options["ignored"].sum())
        return judge(scores, targets, **options)

    monkeypatch.setattr(module, "average_precision", recorded)
    options = {"grid": (0.1, 1.0)}
    first = fit_labels(rows, targets, counted, **options)
    assert len(ignored) == 3 * 2 * 3 and sum(ignored) == 2 * (~counted).sum()
    other = fit_labels(rows, np.where(counted, targets, ~targets), counted, **options)
    np.testing.assert_array_equal(first.weight, other.weight)


def test_what_cannot_be_held_out_is_not_tried():
    rows, targets = labelled()
    targets[:], targets[0] = False, True  # where the one image with a label is tried, none is left to learn from
    assert fit_labels(rows, targets, grid=(0.1, 7.0, 100.0)).c == 7.0


def test_the_same_seed_gives_the_same_bits():
    rows, targets = labelled(spread=2.0)
    first, again = (fit_labels(rows, targets, grid=(0.1, 1.0), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.weight, again.weight)
    assert first.c == again.c


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda r, t, c: (r, t, c & (t | [True, True, False])), "label 2 has no training image without it"),
        (lambda r, t, c: (r, t, c & ~(t & [False, True, False])), "label 1 has no training image with it"),
        (lambda r, t, c: (np.where(r == r[3, 0, 5], np.nan, r), t, c), "features of 1 of 30 examples are NaN or infinite"),
        (lambda r, t, c: (np.where(r == r[3, 0, 5], np.inf, r), t, c), "features of 1 of 30 examples are NaN or infinite"),
        (lambda r, t, c: (r, t.astype(int), c), r"targets are int64 \(30, 3\), expected bool \(30, classes\)"),
        (lambda r, t, c: (r, t[:, 0], c[:, 0]), r"targets are bool \(30,\), expected bool"),
        (lambda r, t, c: (r[:20], t, c), r"targets are bool \(30, 3\), expected bool \(20, classes\)"),
        (lambda r, t, c: (r, t, c[:, :2]), r"counted are bool \(30, 2\), expected bool"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused_in_one_line(change, named):
    rows, targets = labelled()
    with pytest.raises(ValueError, match=named) as caught:
        fit_labels(*change(rows, targets, np.ones(targets.shape, bool)))
    assert "\n" not in str(caught.value)
