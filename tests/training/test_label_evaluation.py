"""Average precisions of a net on images with several labels: by the arrays' own functions, and what is refused."""

import numpy as np
import pytest
from assertions import normal
from tiny_training import LabelledPictures, Pictures, refused, tiny

from npzf.data import EvaluationBatches, SquareImages
from npzf.losses import binary_cross_entropy, hinge
from npzf.predict import class_scores
from npzf.training import evaluate, evaluate_labels
from npzf.transfer.average_precision import mean_average_precision

DIFFICULT = normal(20, 3) > 1


def labelled(**options):
    """Twenty images; none is positive and difficult."""
    images = LabelledPictures(20, **options)
    if "difficult" in options:
        images.difficult = images.difficult & ~images.targets
    return SquareImages(images, 8)


@pytest.mark.parametrize("options", [{}, {"difficult": DIFFICULT}], ids=["all", "difficult"])
def test_the_score_is_that_of_the_scores(options):
    net, images = tiny(), labelled(**options)
    scores = np.concatenate([s for s, *_ in class_scores(net, EvaluationBatches(images, 7, 6, net.preprocessing))])
    counted = ~images.source.difficult if options else None
    for loss, expected in [
        ("binary", binary_cross_entropy(scores, images.source.targets, counted)),
        ("hinge", hinge(scores, images.source.targets, mask=counted)),
    ]:
        found = evaluate_labels(net, images, batch=7, loss=loss)
        mean, each = mean_average_precision(scores, images.source.targets, ignored=None if counted is None else ~counted)
        assert found.loss == pytest.approx(expected[0], rel=1e-12)
        assert found.average_precision == tuple(each) and found.error == pytest.approx(100 - 100 * mean)
        assert found.images == 20 and 0 < found.error < 100


def test_difficult_labels_matter():
    assert DIFFICULT.any()
    assert evaluate_labels(tiny(), labelled()).error != evaluate_labels(tiny(), labelled(difficult=DIFFICULT)).error


def test_ten_crops_average_their_scores():
    net, images = tiny(), labelled()
    one, ten = (evaluate_labels(net, images, crops) for crops in (1, 10))
    assert one.images == ten.images == 20 and one.loss != ten.loss
    assert evaluate_labels(net, images, 10, 1) == ten or evaluate_labels(net, images, 10, 1).loss == pytest.approx(ten.loss)


def test_undecodable_images_are_left_out():
    images = LabelledPictures(200, bad=[3, 77], difficult=normal(200, 3) > 1)
    found = evaluate_labels(tiny(), SquareImages(images, 8), batch=16)
    for name in ("pixels", "targets", "difficult"):
        setattr(images, name, np.delete(getattr(images, name), [3, 77], axis=0))
    images.bad = ()
    expected = evaluate_labels(tiny(), SquareImages(images, 8), batch=16)
    assert (found.images, found.average_precision) == (198, expected.average_precision)
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_net_that_gives_no_numbers_has_no_score(number):
    net = tiny()
    net.parameters["fc3/bias"][1] = number
    with pytest.raises(ArithmeticError, match="scores of image 0 are not finite, expected numbers"):
        evaluate_labels(net, labelled())


def test_what_is_called_after_each_batch_may_end_it():
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_labels(tiny(), labelled(), after_batch=stop)


def test_the_hinge_of_one_class_an_image():
    net, images = tiny(), SquareImages(Pictures(9), 8)
    scores = np.concatenate([s for s, *_ in class_scores(net, EvaluationBatches(images, 7, 9, net.preprocessing))])
    found, softmax = evaluate(net, images, batch=4, loss="hinge"), evaluate(net, images)
    assert found.loss == pytest.approx(hinge(scores, images.source.targets)[0], rel=1e-12)
    assert (found.error, found.top5_error) == (softmax.error, softmax.top5_error) and found.loss != softmax.loss
    refused("as the loss 'binary' takes", evaluate, net, images, loss="binary")


def without_positives():
    images = LabelledPictures(6)
    images.targets[:, 1] = False
    return images


def ignored_positives():
    images = LabelledPictures(6)
    images.difficult = images.targets & [False, False, True]
    return images


def changed(**attributes):
    images = LabelledPictures(6)
    vars(images).update(attributes)
    return images


@pytest.mark.parametrize(
    ("images", "named"),
    [
        (Pictures(6), r"targets have shape \(6,\), expected \(6, 3\): several labels"),
        (without_positives(), "class 'bee' has no positive image, expected at least one for its average precision"),
        (ignored_positives(), "class 'cat' has no positive image"),
        (changed(targets=np.full((6, 3), 0.5)), "targets have numbers other than 0 and 1"),
        (changed(difficult=np.zeros(6, bool)), r"difficult is bool \(6,\), expected bool \(6, 3\), as the targets"),
        (changed(difficult=np.zeros((6, 3))), "difficult is float64"),
    ],
)
def test_what_has_no_label_score_is_refused_in_one_line(images, named):
    refused(named, evaluate_labels, tiny(), images)


def test_other_losses_and_crops_are_refused():
    refused("as the loss 'softmax' takes", evaluate_labels, tiny(), labelled(), loss="softmax")
    refused("crops is 3, expected 1", evaluate_labels, tiny(), labelled(), 3)
