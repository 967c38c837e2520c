"""Scores by hand (Table 2's columns), ten crops, and labels that no net could know."""

import math

import numpy as np
import pytest
from assertions import normal
from tiny_training import Pictures, squares, tiny

from npzf import layers
from npzf.data import EvaluationBatches, SquareImages, TenCropBatches, centre_crop, ten_crops
from npzf.losses import softmax
from npzf.network import Network
from npzf.predict import probabilities
from npzf.training import evaluate


class ScoredImages(Pictures):
    """Images of 4 x 4 pixels that begin with the scores the net is to give: scores[i, k] for class k."""

    def __init__(self, scores, labels):
        self.scores, self.targets = np.asarray(scores), np.asarray(labels)
        self.classes = tuple(map(str, range(self.scores.shape[1])))

    def __len__(self):
        return len(self.scores)

    def image(self, i):
        image = np.zeros((4, 4, 3), np.uint8)
        image.reshape(-1)[: len(self.scores[i])] = self.scores[i]
        return image


def reader(classes):
    """A net whose score of class k is the k-th number of its 4 x 4 image."""
    net = Network((4, 4, 3), [("flatten", layers.Flatten()), ("fc", layers.FullyConnected(classes))], dtype="float64")
    net.parameters["fc/weight"][...] = np.eye(classes, 48)
    return net


def score(scores, labels, **options):
    images = ScoredImages(scores, labels)
    return evaluate(reader(images.scores.shape[1]), SquareImages(images, 4), **options)


def test_errors_by_hand():
    found = score([[9, 1, 2], [9, 1, 2], [0, 1, 2], [5, 0, 4]], [0, 1, 2, 2])
    assert (found.error, found.top5_error, found.images) == (50, 0, 4)


def test_loss_by_hand():
    expected = (math.log(1 + math.exp(-3)) + math.log(1 + math.exp(3))) / 2
    assert score([[3, 0], [3, 0]], [0, 1]).loss == pytest.approx(expected, rel=1e-12)


def test_the_fifth_most_probable_class_counts_for_top_5_and_the_sixth_does_not():
    seven = [70, 60, 50, 40, 30, 20, 10]
    assert score([seven], [4]).top5_error == 0
    assert score([seven], [5]).top5_error == 100
    assert score([seven] * 7, range(7)).top5_error == pytest.approx(100 * 2 / 7)


def test_of_equal_probabilities_the_first_is_the_answer():
    """A dead net, which holds all classes equal, is right where argmax says so and not everywhere."""
    assert [score([[1, 1, 1, 1]], [label]).error for label in range(4)] == [0, 100, 100, 100]
    assert [score([[0] * 7], [label]).top5_error for label in range(7)] == [0, 0, 0, 0, 0, 100, 100]


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("crops", [1, 10])
@pytest.mark.parametrize("loss", ["softmax", "hinge"])
def test_a_net_that_gives_no_numbers_has_no_score(number, crops, loss):
    """Even where the probabilities would be numbers: those of -infinity are 0."""
    net = reader(3)
    net.parameters["fc/bias"][1] = number
    with pytest.raises(ArithmeticError, match="scores of image 0 are not finite, expected numbers") as caught:
        evaluate(net, SquareImages(ScoredImages(np.zeros((3, 3)), [0, 1, 2]), 4), crops, loss=loss)
    assert "\n" not in str(caught.value)


def test_what_is_called_after_each_batch_may_end_it():
    images, calls = SquareImages(ScoredImages(np.zeros((5, 3)), [0, 1, 2, 0, 1]), 4), []

    def second():
        calls.append(len(calls))
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(reader(3), images, batch=2, after_batch=second)
    assert calls == [0, 1]


def test_a_loss_is_a_number_even_where_the_label_is_impossible():
    net = reader(2)
    net.parameters["fc/weight"] *= 100
    assert math.isfinite(evaluate(net, SquareImages(ScoredImages([[255, 0]], [1]), 4)).loss)


@pytest.mark.parametrize("crops", [1, 10])
@pytest.mark.parametrize("batch", [1, 4, 15, 100])
def test_the_batch_does_not_matter(crops, batch):
    one, other = (evaluate(tiny(), squares(15), crops, b) for b in (batch, 128))
    assert (one.error, one.top5_error, one.images) == (other.error, other.top5_error, 15)
    assert one.loss == pytest.approx(other.loss, rel=1e-12)


def test_one_crop_is_the_centre():
    net, some = tiny(), squares(4)
    ((p, labels, indices),) = probabilities(net, EvaluationBatches(some, 7, 100, net.preprocessing))
    x = net.preprocessing.apply(centre_crop(some.source.pixels, 7))
    np.testing.assert_allclose(p, softmax(net.forward(x)), rtol=1e-12)
    assert labels.tolist() == [0, 1, 2, 0] and indices.tolist() == [0, 1, 2, 3]


def test_ten_crops_are_the_mean_of_the_softmax_outputs():
    """Not the softmax of the mean score: the paper averages probabilities (Table 2)."""
    net, some = tiny(), squares(4)
    ((p, labels, indices),) = probabilities(net, TenCropBatches(some, 7, 10, net.preprocessing))
    for i, crops in enumerate(ten_crops(some.source.pixels, 7)):
        expected = np.mean([softmax(net.forward(net.preprocessing.apply(crop[None])))[0] for crop in crops], axis=0)
        np.testing.assert_allclose(p[i], expected, rtol=1e-12)
    assert labels.tolist() == [0, 1, 2, 0] and indices.tolist() == [0, 1, 2, 3]
    found = evaluate(net, some, 10)
    assert found.loss == pytest.approx(-np.log(p[np.arange(4), labels]).mean(), rel=1e-12)


def test_evaluating_drops_nothing_and_changes_nothing():
    net, some = tiny(dropout=0.9), squares(6)
    before = {name: value.copy() for name, value in net.parameters.items()}
    assert evaluate(net, some) == evaluate(net, some)
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(value, before[name])


def test_images_that_cannot_be_decoded_are_not_counted():
    for crops in (1, 10):
        assert evaluate(tiny(), SquareImages(Pictures(200, bad=[0, 150]), 8), crops).images == 198


def refused(named, *arguments, **options):
    with pytest.raises(ValueError, match=named) as caught:
        evaluate(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_targets_beyond_the_nets_classes():
    refused("targets run to 2, expected below 2, the net's number of classes", tiny(outputs=2), squares(6))


def test_several_labels_an_image_are_refused():
    images = Pictures(6)
    images.targets = np.eye(3)[images.targets]
    refused(r"targets have shape \(6, 3\), expected \(6,\): one class an image", tiny(), images)


def test_image_sets_are_resized_for_the_net():
    """To 8 pixels for a net of 7."""
    for crops in (1, 10):
        assert evaluate(tiny(), Pictures(6), crops) == evaluate(tiny(), squares(6), crops)


def test_no_images():
    images = Pictures(0)
    refused("number of images is 0, expected at least one", tiny(), images)


@pytest.mark.parametrize("crops", [0, 2, 5])
def test_other_numbers_of_crops(crops):
    refused(f"crops is {crops}, expected 1", tiny(), squares(6), crops)


def test_images_smaller_than_the_crop():
    for crops in (1, 10):
        refused("7", tiny(), SquareImages(Pictures(6), 6), crops)


def test_the_preprocessing_of_the_net_is_applied():
    net, plain = tiny(), tiny()
    plain.preprocessing = type(plain.preprocessing)()
    assert evaluate(net, squares(6)).loss != evaluate(plain, squares(6)).loss
    x = normal(2, 7, 7, 3)
    np.testing.assert_array_equal(net.forward(x), plain.forward(x))
