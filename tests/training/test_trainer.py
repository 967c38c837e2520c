"""Training: a frozen run, the log, and what is refused or survives."""

import csv
import logging
import math

import numpy as np
import pytest
from tiny_training import Pictures, everything, make, refused, resume, squares, tiny

import npzf
from npzf import layers
from npzf.data import SquareImages
from npzf.network import Network
from npzf.training import Diverged, RunFolder, evaluate, trainer
from npzf.training.checks import warn_if_at_chance


def record(monkeypatch):
    """The list that every training loss will be appended to."""
    losses, original = [], trainer.loss_and_gradient

    def recorded(*arguments):
        loss, gscores = original(*arguments)
        losses.append(loss)
        return loss, gscores

    monkeypatch.setattr(trainer, "loss_and_gradient", recorded)
    return losses


# The list that this command shows once FROZEN is emptied: pytest tests/training/test_trainer.py -k frozen -vv
FROZEN = [
    1.211237908467,
    1.147579406666,
    1.126204628985,
    1.110416359379,
    1.127012584455,
    1.031179317046,
    1.119406958670,
    1.079871087713,
    1.074845376940,
    0.923104892066,
]


def test_the_first_ten_losses_are_those_frozen_here(monkeypatch, tmp_path):
    losses = record(monkeypatch)
    make(tmp_path, epochs=2).run()
    assert losses == pytest.approx(FROZEN, rel=1e-6)


def test_the_net_learns(tmp_path):
    made = make(tmp_path, epochs=12, patience=5)
    made.run()
    assert made.log_rows[0]["validation_error"] > 10 and made.log_rows[-1]["validation_error"] == 0
    assert made.log_rows[-1]["train_loss"] < made.log_rows[0]["train_loss"] / 3


def test_the_run_depends_on_its_seed(tmp_path, uninterrupted):
    make(tmp_path, seed=1).run()
    assert everything(tmp_path / "checkpoint.h5")[0] != everything(uninterrupted / "checkpoint.h5")[0]


def test_the_log_has_an_epoch_a_line(uninterrupted):
    rows = list(csv.DictReader((uninterrupted / "log.csv").open()))
    columns = ["epoch", "train_loss", "train_error", "validation_loss", "validation_error", "rate", "images_per_second"]
    assert list(rows[0]) == columns
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[0]["rate"]) == 0.02
    assert all(float(row["images_per_second"]) > 0 for row in rows)


def test_the_numbers_of_the_log(monkeypatch, tmp_path, uninterrupted):
    losses = record(monkeypatch)
    made = make(tmp_path, epochs=1)
    made.run()
    row, score = made.log_rows[0], evaluate(made.net, made.validation)
    assert row["train_loss"] == pytest.approx(np.average(losses, weights=[7, 7, 7, 7, 2]))  # a mean over images, not batches
    assert (row["validation_loss"], row["validation_error"]) == pytest.approx((score.loss, score.error))
    assert (row["train_error"] * 30 / 100) == pytest.approx(round(row["train_error"] * 30 / 100))


def test_the_rate_falls_when_the_validation_error_does_not(tmp_path, caplog, monkeypatch):
    errors = iter([50.0, 40.0, 45.0, 41.0, 30.0])
    score = evaluate(tiny(), squares(9))
    monkeypatch.setattr(trainer, "evaluate", lambda *_, **__: type(score)(score.loss, next(errors), 0.0, 9))
    made = make(tmp_path, epochs=5, factor=0.5)
    with caplog.at_level(logging.INFO, "npzf"):
        made.run()
    assert [row["rate"] for row in made.log_rows] == [0.02, 0.02, 0.02, 0.01, 0.005]
    assert ["rate lowered to" in message for message in caplog.messages if message.startswith("epoch")] == [False] * 2 + [
        True
    ] * 2 + [False]


def test_best_is_the_net_of_the_epoch_with_the_lowest_validation_error(tmp_path, monkeypatch):
    errors = iter([50.0, 20.0, 30.0, 20.0])
    monkeypatch.setattr(trainer, "evaluate", lambda *_, **__: trainer_score(next(errors)))
    kept = {}
    make(tmp_path, epochs=4).run(lambda t: kept.update({t.epoch: t.net.parameters["fc3/weight"].copy()}))
    np.testing.assert_array_equal(npzf.load(tmp_path / "best.h5").parameters["fc3/weight"], kept[2])
    np.testing.assert_array_equal(npzf.load(tmp_path / "checkpoint.h5").parameters["fc3/weight"], kept[4])


def trainer_score(error):
    return type(evaluate(tiny(), squares(3)))(1.0, error, 0.0, 3)


def test_after_each_epoch_the_trainer_is_shown(tmp_path):
    seen = []
    make(tmp_path).run(lambda t: seen.append((t.epoch, t.batch, len(t.log_rows), t.path.exists())))
    assert seen == [(1, 0, 1, True), (2, 0, 2, True), (3, 0, 3, True)]


def test_a_loss_that_is_no_number_stops_and_the_last_checkpoint_stays(tmp_path, monkeypatch):
    made = make(tmp_path)

    def spoil(trainer):
        trainer.before = trainer.path.read_bytes()
        trainer.batches.epoch = lambda *_, real=trainer.batches.epoch: spoiled(real(*_))

    def spoiled(batches):
        for number, (x, labels, indices) in enumerate(batches):
            yield (x * np.nan if number == 2 else x), labels, indices

    with pytest.raises(
        Diverged,
        match=r"the loss in epoch 2, batch 3 is nan, expected a finite number of at most 1e\+06: .* \(the input is not finite\); "
        r".*checkpoint.h5 is from before: go on with it at a rate below 0\.02",
    ) as caught:
        made.run(spoil)
    assert "\n" not in str(caught.value)
    assert made.path.read_bytes() == made.before
    assert resume(tmp_path).epoch == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rate_that_blows_the_net_up_stops_and_nothing_of_it_is_best(tmp_path, dtype):
    """All in the only batch of an epoch: the loss before it is a number, the net after it is none. The start stays."""
    made = make(tmp_path, net=tiny(dtype), rate=1e200, batch=30, filter_rms=None)
    with pytest.raises(Diverged, match="validation after epoch 1: scores of image 0 are not finite"):
        made.run()
    assert RunFolder(tmp_path).files() == ["checkpoint.h5"]
    again = resume(tmp_path, changes={"rate": 0.01})
    again.run()
    assert len(again.log_rows) == 3


def test_a_net_that_only_guesses_is_warned_of_once_an_epoch(tmp_path, caplog):
    net = tiny()
    net.parameters["fc3/weight"][...] = 0
    make(tmp_path, net=net, rate=1e-12, epochs=2).run()
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert f"is still at ln 3 = {math.log(3):.3f}" in warnings[0] and "weight_init='he'" in warnings[0]


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (1.08, None),
        (1.09, "is still at ln 3 = 1.099"),
        (1.2, "is still at ln 3 = 1.099"),
        (1.21, "the loss, 1.210, is above ln 3 = 1.099, that of guessing: try a lower rate"),
        (118.0, "is above ln 3 = 1.099"),
    ],
)
def test_a_loss_far_above_guessing_asks_for_a_lower_rate(caplog, loss, words):
    warn_if_at_chance(loss, 3)
    assert [words in record.getMessage() for record in caplog.records] == ([True] if words else [])


def test_a_net_that_learns_is_not_warned_of(tmp_path, caplog):
    made = make(tmp_path, epochs=12, patience=5)
    made.run(lambda t: caplog.clear() if t.epoch < 12 else None)
    assert [r for r in caplog.records if r.levelno == logging.WARNING] == []


def test_the_checkpoint_has_preprocessing_and_classes(tmp_path):
    net = tiny()
    net.classes = Pictures.classes
    make(tmp_path, net=net, epochs=1).run()
    for path in (tmp_path / "checkpoint.h5", tmp_path / "best.h5"):
        again = npzf.load(path)
        assert again.classes == Pictures.classes
        assert again.preprocessing.std == 64 and again.preprocessing.mean.tolist() == [90, 90, 90]


def test_classes_must_be_the_nets(tmp_path):
    refused("the images have 3 classes, expected 4, as the net", make, tmp_path, net=tiny(outputs=4))
    net = tiny()
    net.classes = ("ant", "cow", "cat")
    refused("the images have a class 'bee', expected 'cow', as the net", make, tmp_path, net=net)
    two = Pictures(6)
    two.classes, two.targets = ("ant", "bee"), two.targets % 2
    refused("the images have 2 classes, expected 3, as the net", make, tmp_path, validation=SquareImages(two, 8))
    assert list(tmp_path.iterdir()) == []


def test_a_net_that_ends_in_a_softmax_is_trained_on_its_scores(monkeypatch, tmp_path):
    losses = record(monkeypatch)
    make(tmp_path / "plain", epochs=1).run()
    plain = tiny()
    net = Network((7, 7, 3), [*plain.layers.items(), ("prob", layers.Softmax())], dtype="float64")
    net.preprocessing = plain.preprocessing
    make(tmp_path / "softmax", net=net, epochs=1).run()
    assert losses[5:] == losses[:5]
    logs = [list(csv.DictReader((tmp_path / name / "log.csv").open())) for name in ("plain", "softmax")]
    assert logs[0][0]["validation_loss"] == logs[1][0]["validation_loss"]


def test_several_labels_an_image_are_refused(tmp_path):
    several = Pictures(6)
    several.targets = np.eye(3, dtype=bool)[several.targets]
    refused(r"targets have shape \(6, 3\), expected \(6,\): one class an image", make, tmp_path, training=several)


def test_image_sets_are_resized_for_the_net(tmp_path, uninterrupted):
    """To 8 pixels for a net of 7."""
    make(tmp_path, training=Pictures(30), validation=Pictures(9, seed=1)).run()
    assert everything(tmp_path / "checkpoint.h5") == everything(uninterrupted / "checkpoint.h5")


def test_a_net_whose_input_is_no_square_is_trained_on_crops_of_its_shape(tmp_path):
    net = Network((4, 7, 3), [("flatten", layers.Flatten()), ("fc", layers.FullyConnected(3))])
    made = make(tmp_path, net=net, epochs=1)
    made.run()
    assert made.batches.size == (4, 7) and math.isfinite(made.log_rows[0]["validation_loss"])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"save_every": -1}, "save_every is -1"),
        ({"batch": 0}, "batch is 0"),
        ({"rate": -1}, "rate is -1"),
        ({"momentum": 1}, "momentum is 1"),
        ({"momentum": math.nan}, "momentum is nan"),
        ({"rate": math.inf}, "rate is inf"),
        ({"rate": math.nan}, "rate is nan"),
        ({"decay": math.inf}, "decay is inf"),
        ({"decay": math.nan}, "decay is nan"),
        ({"filter_rms": math.inf}, "filter_rms is inf"),
        ({"factor": math.nan}, "factor is nan"),
        ({"factor": math.inf, "schedule": "cosine"}, "factor is inf"),
        ({"patience": 0}, "patience is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"filter_rms": 0}, "filter_rms is 0"),
        ({"rates": {"fc9": 1.0}}, "rates has a layer 'fc9', expected one with parameters: conv1, fc2, fc3"),
        ({"freeze": "fc9"}, "layer is 'fc9', expected one of conv1"),
        ({"freeze": "fc3"}, "freeze is 'fc3', which leaves no layer to train"),
        ({"schedule": "linear"}, "schedule is 'linear', expected 'plateau' or 'cosine'"),
        ({"schedule": "cosine", "rate": 0}, "rate is 0"),
    ],
)
def test_bad_configs_are_named_in_one_line(tmp_path, options, named):
    refused(named, make, tmp_path, **options)


def test_images_that_cannot_be_decoded_are_left_out(tmp_path):
    bad = SquareImages(Pictures(200, bad=[3, 77]), 8)
    made = make(tmp_path, training=bad, batch=40, epochs=1)
    shown = []
    made._step = lambda x, *labels, step=made._step: (shown.append(len(x)), step(x, *labels))
    made.run()
    assert sum(shown) == 198 and set(bad.failures) == {3, 77}


def test_a_batch_of_which_nothing_can_be_decoded_is_passed_over(tmp_path):
    made = make(tmp_path, training=SquareImages(Pictures(120, bad=[5]), 8), batch=1, epochs=1)
    made.run()
    assert math.isfinite(made.log_rows[0]["train_loss"])


def test_more_than_one_percent_stops_in_one_line(tmp_path):
    refused(r"2 of 100 images cannot be decoded", make(tmp_path, training=SquareImages(Pictures(100, bad=[1, 2]), 8)).run)
