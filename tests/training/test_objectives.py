"""Which loss is lowered for which targets, how many images are wrong, and what is refused."""

import numpy as np
import pytest
from assertions import normal
from tiny_training import LabelledPictures, Pictures, refused

from npzf.losses import binary_cross_entropy, hinge, softmax_cross_entropy
from npzf.training.objectives import LOSSES, check_loss, loss_and_gradient, wrong_images

SCORES, LABELS = normal(6, 3), np.array([0, 1, 2, 2, 1, 0])
SEVERAL, COUNTED = normal(6, 3, seed=1) > 0, normal(6, 3, seed=2) > -0.5


@pytest.mark.parametrize(
    ("loss", "targets", "counted", "expected"),
    [
        ("softmax", LABELS, None, softmax_cross_entropy(SCORES, LABELS)),
        ("hinge", LABELS, None, hinge(SCORES, LABELS)),
        ("hinge", SEVERAL, None, hinge(SCORES, SEVERAL)),
        ("hinge", SEVERAL, COUNTED, hinge(SCORES, SEVERAL, mask=COUNTED)),
        ("binary", SEVERAL, None, binary_cross_entropy(SCORES, SEVERAL)),
        ("binary", SEVERAL, COUNTED, binary_cross_entropy(SCORES, SEVERAL, COUNTED)),
    ],
)
def test_each_loss_is_that_of_its_name(loss, targets, counted, expected):
    found, gscores = loss_and_gradient(loss, SCORES, targets, counted)
    assert found == expected[0]
    np.testing.assert_array_equal(gscores, expected[1])


def test_wrong_images_by_hand():
    scores = np.array([[2.0, 1, -1], [-1, 3, 1]])
    assert wrong_images(scores, np.array([0, 2])) == 1
    several = np.array([[True, False, False], [True, True, False]])
    assert wrong_images(scores, several) == 1 / 3 + 2 / 3
    counted = np.array([[True, False, True], [True, True, False]])
    assert wrong_images(scores, several, counted) == 0 + 1 / 2
    assert wrong_images(scores, several.astype(np.float32), np.zeros((2, 3), bool)) == 0


def with_targets(targets):
    images = Pictures(len(targets))
    images.targets = targets
    return images


def test_targets_that_fit():
    for loss in ("softmax", "hinge"):
        check_loss(loss, Pictures(6))
    for loss in ("binary", "hinge"):
        check_loss(loss, LabelledPictures(6))
    check_loss("binary", with_targets(np.full((6, 3), 0.3)))
    assert LOSSES == ("softmax", "binary", "hinge")


@pytest.mark.parametrize(
    ("loss", "images", "named"),
    [
        ("softmax", LabelledPictures(6), r"shape \(6, 3\), expected \(6,\): one class an image, .* 'softmax' takes; 'binary'"),
        ("binary", Pictures(6), r"shape \(6,\), expected \(6, 3\): several labels an image, as the loss 'binary' takes"),
        ("hinge", with_targets(np.ones((6, 3))), "targets are float64, expected bool, as the loss 'hinge'"),
        ("binary", with_targets(np.full((6, 3), 1.5)), r"targets run from 1\.5 to 1\.5, expected 0 to 1"),
        ("binary", with_targets(np.full((6, 3), np.nan)), "targets run from nan to nan"),
    ],
)
def test_targets_that_do_not_fit(loss, images, named):
    refused(named, check_loss, loss, images)
