"""The two forms of targets, and the arrays that are neither."""

import numpy as np
import pytest
from tiny_training import Pictures

from npzf.data import SquareImages, Subset, TrainingBatches, checked_targets, counted_labels, one_class_each


def with_targets(targets, count=4):
    images = Pictures(count)
    images.targets = np.asarray(targets)
    return images


SEVERAL = [[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]]


@pytest.mark.parametrize("dtype", [bool, np.float32, np.float64])
def test_several_labels_an_image_travel_with_the_batches(dtype):
    images = SquareImages(with_targets(np.array(SEVERAL, dtype)), 8)
    (_, targets, indices) = next(TrainingBatches(images, 7).epoch(0))
    assert targets.dtype == dtype
    np.testing.assert_array_equal(targets, np.array(SEVERAL, dtype)[indices])


@pytest.mark.parametrize(
    ("targets", "named"),
    [
        (np.array([0, 1, 2, 0], np.int32), r"targets are int32 \(4,\), expected int64 \(4,\) or float or bool \(4, 3\)"),
        (np.array([0.0, 1, 2, 0]), r"targets are float64 \(4,\), expected"),
        (np.array([0, 1, 2]), r"targets are int64 \(3,\), expected int64 \(4,\)"),
        (np.array(SEVERAL), r"targets are int64 \(4, 3\), expected"),
        (np.array(SEVERAL, float)[:, :2], r"targets are float64 \(4, 2\), expected"),
        (np.array([0, 1, 3, 0]), "targets run from 0 to 3, expected 0 to 2"),
        (np.array([0, 1, -1, 0]), "targets run from -1 to 1, expected 0 to 2"),
    ],
    ids=["int32", "float", "too few", "int matrix", "too few classes", "too high", "negative"],
)
def test_other_targets_are_refused_at_once(targets, named):
    with pytest.raises(ValueError, match=named) as caught:
        SquareImages(with_targets(targets), 8)
    assert "\n" not in str(caught.value)


def test_one_class_an_image_is_asked_for_in_one_line():
    images = Pictures(4)
    assert one_class_each(checked_targets(images)) is images.targets
    with pytest.raises(ValueError, match=r"^targets have shape \(4, 3\), expected \(4,\): one class an image$"):
        one_class_each(checked_targets(with_targets(np.array(SEVERAL, bool))))


def test_labels_that_are_not_difficult_count_in_a_set_and_in_a_part_of_it():
    images = with_targets(np.array(SEVERAL, bool))
    assert counted_labels(images) is None and counted_labels(Subset(images, [3, 1])) is None
    images.difficult = np.array([[0, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 1]], bool)
    np.testing.assert_array_equal(counted_labels(images), ~images.difficult)
    np.testing.assert_array_equal(counted_labels(Subset(images, [3, 1])), [[1, 1, 0], [1, 1, 1]])
    images.difficult = images.difficult[:, :2]
    with pytest.raises(ValueError, match=r"^difficult is bool \(4, 2\), expected bool \(4, 3\), as the targets$"):
        counted_labels(images)
