"""Figure 7: the probability falls where the occluder hides what the net relies on, and nowhere else."""

import numpy as np
import pytest
from assertions import normal
from synthetic_images import marked, seeker

from npzf import layers
from npzf.losses import softmax
from npzf.network import Network
from npzf.studies import OcclusionMap, occlusion_map

POSITION = (6, 3)  # the mark covers rows 6 to 8, columns 3 to 5
X = marked([9], [POSITION]).source.pixels.astype(float)  # (1, 12, 12, 3)


def test_the_probability_falls_where_the_mark_is_hidden_and_only_there():
    occlusion = occlusion_map(seeker(), X, 1, size=3, step=1)[0]
    assert occlusion.probability.shape == (10, 10)
    away = np.ones((10, 10), bool)
    away[4:9, 1:6] = False  # an occluder of 3 pixels at these places touches the mark
    np.testing.assert_allclose(occlusion.probability[away], occlusion.original_probability, rtol=1e-12)
    assert np.unravel_index(occlusion.probability.argmin(), (10, 10)) == POSITION
    assert occlusion.original_probability > 0.9 and occlusion.probability.min() == pytest.approx(0.5)  # all hidden: a guess


def test_the_prediction_is_the_most_probable_class():
    net = seeker()
    net.parameters["fc/bias"][0] = 5  # what does not see the mark says "unmarked"
    occlusion = occlusion_map(net, X, 1, size=3, step=1)[0]
    assert occlusion.prediction[POSITION] == 0 and occlusion.prediction[0, 0] == 1
    np.testing.assert_array_equal(occlusion.prediction, occlusion.probability > 0.5)


def test_every_place_by_hand():
    net, occlusion = seeker(), occlusion_map(seeker(), X, 1, size=4, step=3, grey=2.5)[0]
    assert isinstance(occlusion, OcclusionMap) and occlusion.probability.shape == (3, 3)
    for i, top in enumerate((0, 3, 6)):
        for j, left in enumerate((0, 3, 6)):
            x = X.copy()
            x[:, top : top + 4, left : left + 4] = 2.5
            assert occlusion.probability[i, j] == pytest.approx(softmax(net.forward(x))[0, 1], rel=1e-12)
    assert occlusion.centres_y.tolist() == occlusion.centres_x.tolist() == [1.5, 4.5, 7.5] and occlusion.size == 4


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_the_batch_does_not_matter(batch):
    one, other = (occlusion_map(seeker(), X, 1, size=3, step=2, batch=b) for b in (batch, 64))
    np.testing.assert_allclose(one.probability, other.probability, rtol=1e-12)


def test_by_default_a_fifth_of_the_side_in_steps_of_a_twentieth():
    occlusion = occlusion_map(seeker(), X, 1)
    assert (occlusion.size, occlusion.centres_x[1] - occlusion.centres_x[0]) == (2, 1)  # of 12 pixels: 2.4 and 0.6


def test_the_image_is_left_alone():
    before = X.copy()
    occlusion_map(seeker(), X, 1)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"labels": 2}, "labels is 2, expected 0 to 1"),
        ({"labels": -1}, "labels is -1, expected 0 to 1"),
        ({"size": 13}, "size is 13, expected 1 to 12 pixels"),
        ({"size": 0}, "size is 0, expected 1 to 12 pixels"),
        ({"step": 0}, "step is 0, expected at least 1 pixel"),
    ],
)
def test_bad_arguments_are_named_in_one_line(options, named):
    with pytest.raises(ValueError, match=named) as caught:
        occlusion_map(seeker(), X, **{"labels": 1} | options)
    assert "\n" not in str(caught.value)


def test_two_images_are_each_alone():
    """Different images, labels and strongest maps; one after the other gives the same bits."""
    x = np.concatenate([X, marked([4], [(1, 7)]).source.pixels.astype(float)])
    labels = np.array([1, 0])
    together = occlusion_map(seeker(), x, labels, size=3, step=2, layer="relu1")
    assert together.probability.shape == together.activity.shape == (2, 5, 5)
    assert together.strongest_map.shape == together.original_probability.shape == (2,)
    for n in range(2):
        alone = occlusion_map(seeker(), x[n : n + 1], int(labels[n]), size=3, step=2, layer="relu1")[0]
        for name, value in vars(together[n]).items():
            np.testing.assert_array_equal(value, getattr(alone, name))
    assert (together.probability[0] != 1 - together.probability[1]).any()


@pytest.mark.parametrize("shape", [(9, 14), (14, 9)])
def test_every_place_of_images_that_are_not_square(shape):
    table = [("conv1", layers.Conv(4, 3)), ("pool1", layers.MaxPool(2, 2)), ("mean", layers.GlobalAveragePool())]
    net = Network((*shape, 3), table, dtype="float64")
    x = normal(2, *shape, 3)
    occlusion = occlusion_map(net, x, 2, size=4, step=3, layer="pool1")
    assert occlusion.probability.shape == (2, len(occlusion.centres_y), len(occlusion.centres_x))
    assert (occlusion.centres_y[-1] + 1.5, occlusion.centres_x[-1] + 1.5) == tuple(3 * ((side - 4) // 3) + 3 for side in shape)
    for i, top in enumerate(range(0, shape[0] - 3, 3)):
        for j, left in enumerate(range(0, shape[1] - 3, 3)):
            hidden = x.copy()
            hidden[:, top : top + 4, left : left + 4] = 0
            p, y = softmax(net.forward(hidden)), net.forward(hidden, upto="pool1")
            np.testing.assert_allclose(occlusion.probability[:, i, j], p[:, 2], rtol=1e-12)
            np.testing.assert_array_equal(occlusion.prediction[:, i, j], p.argmax(1))
            total = np.maximum(y, 0).sum((1, 2))[np.arange(2), occlusion.strongest_map]
            np.testing.assert_allclose(occlusion.activity[:, i, j], total, rtol=1e-12)


def test_by_default_a_fifth_of_the_shorter_side():
    net = Network((20, 40, 3), [("conv1", layers.Conv(4, 3)), ("mean", layers.GlobalAveragePool())], dtype="float64")
    occlusion = occlusion_map(net, normal(1, 20, 40, 3), 0)
    assert (occlusion.size, occlusion.centres_x[1] - occlusion.centres_x[0]) == (4, 1)
