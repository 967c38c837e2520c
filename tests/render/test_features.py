"""The sheet of figure 2: tiles arrive unchanged, in order, and what is missing looks missing."""

import numpy as np
import pytest

from npzf.render import enlarge, most_active_maps, overview, projection_sheet, to_grey_robust, top_sheet
from npzf.render.features import EMPTY, OVERVIEW_WIDTH
from npzf.render.sheets import PALE_INK, lettering, text_width
from npzf.studies import TopActivations


def tiles(count, h=40, w=40, seed=0):
    # Below 100: no tile pixel can be taken for paper, an empty cell or mid-grey.
    return list(np.random.default_rng(seed).integers(0, 100, (count, h, w, 3), dtype=np.uint8))


def find(sheet, tile):
    """Every place (row, column) of the sheet that holds exactly this tile."""
    h, w = tile.shape[:2]
    corners = np.argwhere((sheet[: sheet.shape[0] - h + 1, : sheet.shape[1] - w + 1] == tile[0, 0]).all(axis=-1))
    return [(y, x) for y, x in corners if (sheet[y : y + h, x : x + w] == tile).all()]


def test_tiles_are_unchanged_and_in_raster_order():
    projections, patches = tiles(9, seed=1), tiles(9, seed=2)
    sheet = top_sheet([projections], [patches], [17], [range(9, 0, -1)])
    places = [find(sheet, tile) for tile in projections + patches]
    assert all(len(place) == 1 for place in places)
    places = np.array(places).reshape(2, 3, 3, 2)
    assert (np.diff(places[..., 0], axis=1) == 41).all() and (np.diff(places[..., 1], axis=2) == 41).all()
    np.testing.assert_array_equal(places[0, ..., 0], places[1, ..., 0])
    assert (places[1, ..., 1] > places[0, ..., 1].max() + 40).all()  # the patches stand at the right


def test_labels_do_not_touch_the_tiles():
    projections, patches = tiles(9, seed=1), tiles(9, seed=2)
    one, other = (top_sheet([projections], [patches], [m], [[v] * 9]) for m, v in ((1, 2.0), (88888, 1e9)))
    top = find(one, projections[0])[0][0]
    np.testing.assert_array_equal(one[top:], other[top:])
    assert (one[:top] != other[:top]).any()


def test_the_label_says_which_map_and_how_strong():
    sheet = top_sheet([tiles(9)], [tiles(9)], [17], [np.linspace(8.25, 0.5, 9)])
    name = lettering("map 17", 12, 24, text_width("map 17", 12))
    strength = lettering("8.25 to 0.5", 12, 24, 60, align="right", ink=PALE_INK)
    assert len(find(sheet, name)) == len(find(sheet, strength)) == 1


def test_small_tiles_are_enlarged_all_by_the_same_factor():
    sheet = top_sheet([tiles(9, 7, 7, 1)], [tiles(9, 7, 7, 2)], [0], [[1.0] * 9])
    assert all(find(sheet, enlarge(tile, 6)) for tile in tiles(9, 7, 7, 1))


def test_a_clipped_tile_is_centred_on_mid_grey():
    whole, clipped = tiles(1), tiles(1, 20, 30, seed=3)
    sheet = top_sheet([whole + clipped], [whole + clipped], [0], [[2.0, 1.0]])
    y, x = find(sheet, clipped[0])[0]
    cell = sheet[y - 10 : y + 30, x - 5 : x + 35]
    np.testing.assert_array_equal(cell[10:30, 5:35], clipped[0])
    cell = cell.copy()
    cell[10:30, 5:35] = 128
    assert (cell == 128).all()


@pytest.mark.parametrize("count", [0, 4])
def test_missing_tiles_leave_empty_cells(count):
    some = tiles(count, seed=1)
    sheet = top_sheet([some, tiles(9)], [some, tiles(9)], [5, 6], [[1.0] * count, [1.0] * 9])
    assert (sheet == EMPTY).all(axis=-1).sum() >= 2 * (9 - count) * 40 * 40


def test_maps_stand_in_rows():
    sheets = [top_sheet([tiles(9)] * n, [tiles(9)] * n, range(n), [[1.0] * 9] * n, columns=3) for n in (3, 4)]
    assert sheets[0].shape[1] == sheets[1].shape[1] and sheets[1].shape[0] > 1.8 * sheets[0].shape[0]


def test_lists_that_do_not_match_are_refused():
    with pytest.raises(
        ValueError, match=r"maps, projections, patches and values are \[2, 1, 1, 1\], expected one number, at least 1"
    ):
        top_sheet([tiles(9)], [tiles(9)], [1, 2], [[1.0] * 9])
    with pytest.raises(ValueError, match=r"projections, patches and values of map 7 are \[9, 8, 9\], expected one number"):
        top_sheet([tiles(9)], [tiles(8)], [7], [[1.0] * 9])
    with pytest.raises(ValueError, match=r"of map 7 are \[10, 10, 10\], expected one number, at most 9"):
        top_sheet([tiles(10)], [tiles(10)], [7], [[1.0] * 10])


def top(*values):
    """Activations of a layer's maps; -1 where there is none."""
    values = np.array(values, float)
    return TopActivations(values, *(np.zeros(values.shape, int) for _ in range(3)))


def test_the_most_active_maps_are_in_the_order_of_their_numbers():
    found = top([1.0], [-np.inf], [5.0], [1.0], [3.0])
    assert most_active_maps(found, 2).tolist() == [2, 4]
    assert most_active_maps(found, 3).tolist() == [0, 2, 4]  # ties: the first
    assert most_active_maps(found, 9).tolist() == [0, 1, 2, 3, 4]


def test_a_sheet_of_projections_draws_each_on_its_own_scale_with_its_value():
    projections = np.random.default_rng(0).normal(size=(2, 40, 40, 3)) * np.array([1, 100])[:, None, None, None]
    sheet = projection_sheet(top([9.0, 0.25], [3.0, -1.0]), [1], [projections[:1]], [tiles(1)])
    np.testing.assert_array_equal(sheet, top_sheet([[to_grey_robust(projections[0])[0]]], [tiles(1)], [1], [[3.0]]))
    sheet = projection_sheet(top([9.0, 0.25], [3.0, -1.0]), [0], [projections], [tiles(2)])
    assert all(len(find(sheet, to_grey_robust(projection)[0])) == 1 for projection in projections)


def test_the_overview_has_a_row_for_each_layer_all_of_one_width():
    """Tiles of 100 pixels are reduced to as many as those of 44 have; a layer without activations is there, too."""
    tops = {"low": top([2.0], [1.0]), "high": top([2.0], [1.0]), "dead": top([-np.inf], [-np.inf])}
    pictures = {}
    for layer, side in (("low", 44), ("high", 100)):
        patches = [tiles(1, side, side, seed=k) for k in range(2)]
        pictures[layer] = [[tile.astype(float) for tile in block] for block in patches], patches
    pictures["dead"] = [[], []], [[], []]
    heights = [overview(tops, {layer: pictures[layer]}).shape[0] for layer in pictures]
    whole = overview(tops, pictures)
    assert whole.shape == (sum(heights), OVERVIEW_WIDTH, 3) and heights[0] == heights[1]
