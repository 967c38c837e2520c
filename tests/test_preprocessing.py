"""From pixels to x and back, and means and deviations that do not fit."""

import numpy as np
import pytest

from npzf.preprocessing import Preprocessing

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 2), np.uint8)
MEANS = [None, np.array([100.0, 110]), [7, 9], np.arange(40.0).reshape(4, 5, 2)]
STDS = [1.0, 64, np.array([2.0, 50.0]), [3, 5]]


@pytest.mark.parametrize("mean", MEANS, ids=["none", "channels", "list", "pixels"])
@pytest.mark.parametrize("std", STDS, ids=["1", "64", "channels", "list"])
def test_x_is_pixels_less_mean_over_std_and_back(mean, std):
    preprocessing = Preprocessing(mean, std)
    x = preprocessing.apply(PIXELS)
    assert x.dtype == np.float32
    expected = (PIXELS - np.float64(0 if mean is None else mean)) / std
    np.testing.assert_allclose(x, expected, rtol=1e-6)
    again = preprocessing.invert(x)
    assert again.dtype == np.uint8
    np.testing.assert_array_equal(again, PIXELS)


def test_inverted_values_are_rounded_and_clipped():
    x = np.array([-3, 0.4, 0.6, 254.6, 300]).reshape(1, 5, 1, 1)
    assert Preprocessing().invert(x).ravel().tolist() == [0, 0, 1, 255, 255]


@pytest.mark.parametrize(
    ("preprocessing", "named"),
    [
        (Preprocessing(np.zeros(3)), r"mean has shape \(3,\), expected \(2,\) or \(4, 5, 2\)"),
        (Preprocessing(np.zeros((5, 4, 2))), r"mean has shape \(5, 4, 2\), expected"),
        (Preprocessing(7.0), r"mean has shape \(\), expected"),
        (Preprocessing(std=0), "std is 0, expected a positive number or 2 of them"),
        (Preprocessing(std=[1.0, -1]), r"std is \[1.0, -1\], expected"),
        (Preprocessing(std=[1.0, 2, 3]), "std is"),
        (Preprocessing(std=float("nan")), "std is nan"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(preprocessing, named):
    for call in (preprocessing.apply, preprocessing.invert):
        with pytest.raises(ValueError, match=named) as caught:
            call(PIXELS)
        assert "\n" not in str(caught.value)
