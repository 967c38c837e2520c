"""The protocol of section 5.2 over features that are known, its results, and the tables."""

import csv

import numpy as np
import pytest
from feature_files import feature_file

from npzf.transfer import (
    Cell,
    Protocol,
    ResultFile,
    Setting,
    Table,
    confusion_matrix,
    evaluate_protocol,
    evaluate_split,
    mean_class_accuracy,
    protocol,
    random_split,
    scores_of,
)
from npzf.transfer import evaluation as module

pytest.importorskip("sklearn", reason="scikit-learn is not installed: no classifier can be fitted")


@pytest.fixture
def features(tmp_path):
    """Two layers of two crops of 12 images a class, three classes; one image cannot be decoded."""
    generator = np.random.default_rng(0)
    targets = np.repeat(np.arange(3), 12)
    centres = generator.normal(size=(3, 2, 3, 5))
    one = centres[targets][:, None] + 0.5 * generator.normal(size=(36, 2, 2, 3, 5))
    arrays = {"low": one.astype(np.float32), "high": one[:, :, 0, 0].astype(np.float16)}
    decoded = np.ones(36, np.uint8)
    decoded[4] = 0

    for array in arrays.values():
        array[4] = np.nan
    return feature_file(tmp_path / "features.h5", arrays, targets, decoded, "abc")


@pytest.mark.parametrize("layers", [("low",), ("high",), ("low", "high")])
@pytest.mark.parametrize("kind", ["svm", "softmax"])
def test_a_split_is_fitted_and_judged(features, layers, kind):
    outcome = evaluate_split(features, Setting(layers, kind), random_split(features.targets, features.classes, 6))
    assert outcome.accuracy > 80 and outcome.scores.shape == (len(outcome.test), 3)
    assert 4 not in outcome.test and np.isfinite(outcome.scores).all()


def test_layers_have_unit_length_each_and_lie_side_by_side(features):
    rows = module.example_rows(features, Setting(("low", "high")), np.array([0, 7]))
    assert rows.shape == (2, 2, 35)
    np.testing.assert_allclose(np.linalg.norm(rows[:, :, :30], axis=2), 1, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows[:, :, 30:], axis=2), 1, rtol=1e-6)
    plain = module.example_rows(features, Setting(("high",), normalize=False), np.array([0]))
    np.testing.assert_array_equal(plain[0], features.array("high")[0])


def test_scores_are_averages_over_crops_whatever_the_blocks(features, monkeypatch):
    setting, kept = Setting(("low",)), np.flatnonzero(features.decoded)
    classifier = module.fit_split(features, setting, kept)
    scores = scores_of(features, setting, classifier, kept)
    rows = module.example_rows(features, setting, kept)
    np.testing.assert_allclose(scores, (classifier.scores(rows[:, 0]) + classifier.scores(rows[:, 1])) / 2, rtol=1e-5)
    monkeypatch.setattr(module, "BLOCK", 1)
    np.testing.assert_allclose(scores_of(features, setting, classifier, kept), scores, rtol=1e-4, atol=1e-6)


def test_accuracy_is_the_mean_over_classes_by_hand():
    targets, predictions = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 0])
    assert mean_class_accuracy(predictions, targets, 2) == pytest.approx(100 * (3 / 4 + 1 / 2) / 2)
    assert mean_class_accuracy(predictions, targets, 3) == pytest.approx(62.5)  # no test image of the third
    np.testing.assert_array_equal(confusion_matrix(predictions, targets, 2), [[3, 1], [1, 1]])


def test_mean_and_deviation_over_splits():
    assert str(Cell.over([80.0, 82.0, 84.0])) == "82.0 +- 2.0" and str(Cell.over([80.0], 3.0)) == "80.0"
    assert (Cell.over([80.0]).deviation, Cell.over([80.0, 81.0], 2.5).seconds, Cell.over([1.0, 2.0]).splits) == (None, 2.5, 2)


def poisoned(*_, **__):
    raise AssertionError("something was fitted")


def test_results_that_are_known_are_not_computed_again(features, tmp_path, monkeypatch):
    chosen, path, seen = Protocol((2, 5), (0, 1)), tmp_path / "results.json", []
    first = evaluate_protocol(features, Setting(("low",)), chosen, ResultFile(path), lambda *one: seen.append(one[:2]))
    assert seen == [(2, 0), (2, 1), (5, 0), (5, 1)] and first[5].splits == 2
    monkeypatch.setattr(protocol, "evaluate_split", poisoned)
    again = evaluate_protocol(features, Setting(("low",)), chosen, ResultFile(path))
    assert again == first
    for other in (Setting(("high",)), Setting(("low",), "softmax"), Setting(("low",), grid=(9.0,))):
        with pytest.raises(AssertionError, match="was fitted"):
            evaluate_protocol(features, other, chosen, ResultFile(path))
    with pytest.raises(AssertionError, match="was fitted"):
        evaluate_protocol(features, Setting(("low",)), Protocol((2,), (2,)), ResultFile(path))


def test_a_stopped_table_keeps_what_it_has(features, tmp_path, monkeypatch):
    path, evaluate = tmp_path / "results.json", protocol.evaluate_split

    def stops(features, setting, split, *, seed):
        if seed == 1:
            raise KeyboardInterrupt
        return evaluate(features, setting, split, seed=seed)

    monkeypatch.setattr(protocol, "evaluate_split", stops)
    with pytest.raises(KeyboardInterrupt):
        evaluate_protocol(features, Setting(("low",)), Protocol((2,), (0, 1)), ResultFile(path))
    assert len(ResultFile(path).results) == 1


def test_images_that_are_left_out_are_in_no_split(features):
    chosen = Protocol((5,), (0, 1, 2), without=(0, 1, 2, 3, 20))
    for seed in chosen.seeds:
        split = chosen.split(features, 5, seed)
        assert not {0, 1, 2, 3, 4, 20} & {*split.train.tolist(), *split.test.tolist()}
    with pytest.raises(ValueError, match="class 'a' has 7 images"):
        evaluate_protocol(features, Setting(("low",)), Protocol((2, 7), without=(0, 1, 2, 3)), ResultFile(None))


@pytest.mark.parametrize("content", ["[1]", '{"a": {"accuracy": 1}}', "{", "3"])
def test_a_file_that_holds_no_results_is_refused(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(ValueError, match=r"results\.json cannot be read"):
        ResultFile(tmp_path / "results.json")


def test_the_table_as_text_and_as_csv(tmp_path):
    table = Table("Table 4: photos", "images a class", ("15", "30"))
    table.add("net, svm", [Cell(84.66, 0.44, 5, 12.5), Cell(88.2, 0.6, 5, 30.0)])
    table.add("paper", [None, Cell(86.5)])
    lines = table.text().splitlines()
    assert lines == [
        "Table 4: photos",
        "images a class            15            30",
        "net, svm         84.7 +- 0.4   88.2 +- 0.6",
        "paper                                 86.5",
    ]
    assert table.seconds() == "net, svm: 15 in 12 s, 30 in 30 s"
    with open(table.write_csv(tmp_path / "table.csv"), newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["method", "images a class", "mean", "deviation", "splits", "seconds"]
    assert rows[1] == ["net, svm", "15", "84.660", "0.440", "5", "12.500"] and rows[3] == ["paper", "30", "86.500", "", "", ""]
    table.down = True
    assert table.text().splitlines() == [
        "Table 4: photos",
        "images a class      net, svm   paper",
        "15               84.7 +- 0.4",
        "30               88.2 +- 0.6    86.5",
    ]
    with pytest.raises(ValueError, match="cells are 1, expected 2"):
        table.add("short", [None])
