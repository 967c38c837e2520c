"""Training on several labels an image (Table 6): the loss it lowers, difficult labels, resuming, and what does not fit."""

import csv

import numpy as np
import pytest
from tiny_training import LabelledPictures, Pictures, make, refused, tiny

from npzf.data import SquareImages
from npzf.losses import binary_cross_entropy
from npzf.training import Trainer, TrainingConfig, evaluate_labels


def labelled(count=30, **options):
    return SquareImages(LabelledPictures(count, **options), 8)


def make_labelled(folder, training=None, validation=None, loss="binary", **changes):
    return make(folder, None, training or labelled(), validation or labelled(14, seed=1), loss=loss, **changes)


@pytest.mark.parametrize("loss", ["binary", "hinge"])
def test_a_net_learns_several_labels(tmp_path, loss):
    rate = {"binary": 0.05, "hinge": 0.01}[loss]  # the hinge is a sum over the classes
    made = make_labelled(tmp_path, labelled(70), loss=loss, epochs=15, patience=15, rate=rate)
    made.run()
    first, last = made.log_rows[0], made.log_rows[-1]
    assert last["train_loss"] < first["train_loss"] / 2 and last["train_error"] < first["train_error"] / 2
    score = evaluate_labels(made.net, made.validation, loss=loss)
    assert (last["validation_loss"], last["validation_error"]) == pytest.approx((score.loss, score.error))
    assert score.error < 10 and first["validation_error"] > 15


def test_one_class_an_image_can_be_learnt_with_hinges(tmp_path):
    made = make(tmp_path, epochs=12, patience=12, loss="hinge")
    made.run()
    assert made.log_rows[0]["validation_error"] > 10 and made.log_rows[-1]["validation_error"] == 0


def test_difficult_labels_do_not_count(tmp_path):
    """Whatever their targets say: the runs are the same bit by bit, and another one where they count."""
    difficult = np.random.default_rng(0).random((30, 3)) < 0.3
    rows = []
    for flipped in (False, True):
        images = labelled(difficult=difficult)
        images.source.targets = images.source.targets ^ (difficult & flipped)
        made = make_labelled(tmp_path / str(flipped), images, epochs=1)
        made.run()
        rows.append((made.net.parameters["fc3/weight"].tolist(), made.log_rows[0]["train_error"]))
    assert rows[0] == rows[1]
    made = make_labelled(tmp_path / "all", epochs=1)
    made.run()
    assert made.net.parameters["fc3/weight"].tolist() != rows[0][0]


def test_the_first_step_is_that_of_the_binary_loss(tmp_path):
    made, net = make_labelled(tmp_path, batch=30, epochs=1), tiny()
    x, targets, indices = next(made.batches.epoch(0))
    scores = net.forward(x, train=True)
    expected, _ = binary_cross_entropy(scores, targets)
    made.run()
    assert made.log_rows[0]["train_loss"] == pytest.approx(expected, rel=1e-12)
    wrong = (scores > 0) != made.batches.images.source.targets[indices]
    assert made.log_rows[0]["train_error"] == pytest.approx(100 * wrong.mean())


def test_a_run_on_labels_resumes_as_if_it_had_never_stopped(tmp_path):
    make_labelled(tmp_path / "whole", epochs=2).run()
    make_labelled(tmp_path / "parts", epochs=1).run()
    again = Trainer.resume(tmp_path / "parts" / "checkpoint.h5", labelled(), labelled(14, seed=1), epochs=2)
    assert again.config.loss == "binary"
    again.run()
    logs = [list(csv.DictReader((tmp_path / name / "log.csv").open())) for name in ("whole", "parts")]
    for one, other in zip(*logs, strict=True):
        one.pop("images_per_second"), other.pop("images_per_second")
        assert one == other


def test_guessing_is_not_warned_of_where_it_is_not_known(tmp_path, caplog):
    make_labelled(tmp_path, rate=1e-12, epochs=1).run()
    assert not caplog.records


def no_bees(count=14):
    images = LabelledPictures(count)
    images.targets[:, 1] = False
    return images


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"loss": "softmax"}, r"targets have shape \(30, 3\), expected \(30,\): one class an image, as the loss 'softmax' takes"),
        ({"loss": "log"}, "loss is 'log', expected one of softmax, binary, hinge"),
        ({"training": Pictures(30)}, r"targets have shape \(30,\), expected \(30, 3\): several labels an image"),
        ({"validation": Pictures(9)}, r"targets have shape \(9,\), expected \(9, 3\): several labels an image"),
        ({"loss": "hinge", "validation": Pictures(9)}, r"targets have shape \(9,\), expected \(9, 3\): several labels"),
        ({"loss": "hinge", "training": Pictures(30)}, r"targets have shape \(14, 3\), expected \(14,\): one class an image"),
        ({"validation": no_bees()}, "class 'bee' has no positive image"),
    ],
)
def test_a_loss_and_targets_that_do_not_fit_are_refused_at_once(tmp_path, options, named):
    refused(named, make_labelled, tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_class_may_be_missing_from_the_training_images(tmp_path):
    make_labelled(tmp_path, SquareImages(no_bees(), 8), epochs=1).run()
    assert TrainingConfig().loss == "softmax"
