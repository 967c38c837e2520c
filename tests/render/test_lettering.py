"""Small text: in its place, in its ink, the same every time."""

import numpy as np
import pytest

from npzf.render.sheets import INK, PAPER, lettering, text_width


def ink_columns(picture):
    return np.flatnonzero((picture[..., 0] < PAPER).any(axis=0))


@pytest.mark.parametrize(("align", "centre"), [("left", 0.0), ("middle", 0.5), ("right", 1.0)])
def test_text_stands_where_it_is_asked_to(align, centre):
    picture = lettering("map 17", 12, 24, 200, align=align)
    assert picture.shape == (24, 200, 3) and picture.dtype == np.uint8
    width = text_width("map 17", 12)
    first, last = ink_columns(picture)[[0, -1]]
    assert abs((first + last + 1) / 2 - (width / 2 + centre * (200 - width))) <= 1.5


def test_digits_are_centred_vertically():
    rows = np.flatnonzero((lettering("1234567890", 20, 60, 200)[..., 0] < 150).any(axis=1))
    assert abs((rows[0] + rows[-1] + 1) / 2 - 30) <= 1


def test_ink_and_paper_are_the_greys_asked_for():
    picture = lettering("HHH", 40, 60, 150)
    assert picture.min() == INK and picture.max() == PAPER
    picture = lettering("HHH", 40, 60, 150, ink=200, paper=10)
    assert picture.min() == 10 and picture.max() == 200


def test_the_width_is_enough():
    text = "map 250"
    exact, wide = (lettering(text, 13, 26, text_width(text, 13) + more) for more in (0, 50))
    assert (exact < PAPER).sum() == (wide < PAPER).sum()
