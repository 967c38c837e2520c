"""Figure 7: the answer falls where the occluder hides what the net goes by, and only there."""

import numpy as np
import pytest
from synthetic_images import marked, seeker

from npzf.losses import softmax
from npzf.studies import Occlusion, occlusion

POSITION = (6, 3)  # the mark covers rows 6 to 8, columns 3 to 5
X = marked([9], [POSITION]).source.pixels[0].astype(float)


def test_the_probability_falls_where_the_mark_is_hidden_and_only_there():
    found = occlusion(seeker(), X, 1, size=3, step=1)
    assert found.probability.shape == (10, 10)
    away = np.ones((10, 10), bool)
    away[4:9, 1:6] = False  # an occluder of 3 pixels at these places touches the mark
    np.testing.assert_allclose(found.probability[away], found.untouched, rtol=1e-12)
    assert np.unravel_index(found.probability.argmin(), (10, 10)) == POSITION
    assert found.untouched > 0.9 and found.probability.min() == pytest.approx(0.5)  # hidden whole, the net guesses


def test_best_is_the_most_probable_class():
    net = seeker()
    net.parameters["fc/bias"][0] = 5  # what does not see the mark says "unmarked"
    found = occlusion(net, X, 1, size=3, step=1)
    assert found.best[POSITION] == 0 and found.best[0, 0] == 1
    np.testing.assert_array_equal(found.best, found.probability > 0.5)


def test_every_place_by_hand():
    net, found = seeker(), occlusion(seeker(), X, 1, size=4, step=3, grey=2.5)
    assert isinstance(found, Occlusion) and found.probability.shape == (3, 3)
    for i, top in enumerate((0, 3, 6)):
        for j, left in enumerate((0, 3, 6)):
            x = X.copy()
            x[top : top + 4, left : left + 4] = 2.5
            assert found.probability[i, j] == pytest.approx(softmax(net.forward(x[None]))[0, 1], rel=1e-12)
    assert found.centres_y.tolist() == found.centres_x.tolist() == [1.5, 4.5, 7.5] and found.size == 4


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_the_batch_does_not_matter(batch):
    one, other = (occlusion(seeker(), X, 1, 3, 2, batch=b) for b in (batch, 64))
    np.testing.assert_allclose(one.probability, other.probability, rtol=1e-12)


def test_by_default_a_fifth_of_the_side_in_steps_of_a_twentieth():
    found = occlusion(seeker(), X, 1)
    assert (found.size, found.centres_x[1] - found.centres_x[0]) == (2, 1)  # of 12 pixels: 2.4 and 0.6


def test_the_image_is_left_alone():
    before = X.copy()
    occlusion(seeker(), X, 1)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"label": 2}, "label is 2, expected 0 to 1"),
        ({"label": -1}, "label is -1, expected 0 to 1"),
        ({"size": 13}, "size is 13, step 1, expected size from 1 to 12 pixels"),
        ({"size": 0}, "size is 0"),
        ({"step": 0}, "step 0"),
    ],
)
def test_bad_arguments_are_named_in_one_line(options, named):
    with pytest.raises(ValueError, match=named) as caught:
        occlusion(seeker(), X, **{"label": 1} | options)
    assert "\n" not in str(caught.value)
