"""Pairs of photographs on a sheet: each keeps its shape, the two of a pair touch, captions are counted."""

import numpy as np
import pytest

from npzf.render.pairs import COLUMNS, LETTERS, SIDE, draw_pairs


def colour(height, width, rgb):
    return np.broadcast_to(np.array(rgb, np.uint8), (height, width, 3))


def test_a_pair_lies_side_by_side_above_its_caption():
    sheet = draw_pairs([(colour(20, 40, (200, 0, 0)), colour(300, 300, (0, 0, 200)))], ["0.98"])
    assert sheet.dtype == np.uint8 and sheet.shape == (SIDE + 4 * LETTERS, 2 * SIDE + 2 * LETTERS, 3)
    rows, columns = np.nonzero((sheet == (200, 0, 0)).all(2))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (SIDE // 2, SIDE) and columns.min() == LETTERS
    rows, columns = np.nonzero((sheet == (0, 0, 200)).all(2))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (SIDE, SIDE) and columns.min() == LETTERS + SIDE
    below = sheet[LETTERS + SIDE :]
    assert below.min() < 120 and (below[:, [0, -1]] == 255).all()


def test_a_row_has_four_pairs():
    pair = (colour(9, 9, (1, 2, 3)), colour(9, 9, (4, 5, 6)))
    few, many = (draw_pairs([pair] * count, ["x"] * count) for count in (COLUMNS, COLUMNS + 1))
    assert few.shape[1] == many.shape[1] and many.shape[0] - few.shape[0] == SIDE + 3 * LETTERS


@pytest.mark.parametrize(("pairs", "captions"), [(0, 0), (1, 2), (1, 0)])
def test_each_pair_has_a_caption_and_there_is_one_at_least(pairs, captions):
    with pytest.raises(ValueError, match=f"pairs and captions are {pairs} and {captions}, expected as many of both"):
        draw_pairs([(colour(5, 5, (0, 0, 0)),) * 2] * pairs, ["x"] * captions)
