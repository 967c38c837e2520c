"""Figure 7 as drawn: six panels, values at the occluder's places, the most frequent classes in the legend."""

import numpy as np
import pytest

from npzf.render import heat_map_figure, occlusion, occlusion_figure
from npzf.studies import OcclusionMap

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
CENTRES = np.array([9.5, 19.5, 29.5])
P = np.array([[0.9, 0.8, 0.7], [0.6, 0.1, 0.5], [0.9, 0.9, 0.9]])
TILES = [np.full((side, side, 3), 99, np.uint8) for side in (10, 8, 12, 12)]


@pytest.fixture
def figures(monkeypatch):
    """Every figure that is drawn, to be looked at by its objects."""
    drawn, make = [], occlusion.new_figure
    monkeypatch.setattr(occlusion, "new_figure", lambda *size: drawn.append(make(*size)) or drawn[-1])
    return drawn


def study(prediction=None, **activity):
    prediction = np.array([[3, 3, 3], [3, 7, 7], [3, 3, 3]]) if prediction is None else prediction
    return OcclusionMap(P, prediction, 0.95, CENTRES, CENTRES, 20, **activity)


def draw(path, figures, one, label=3, **options):
    occlusion_figure(PICTURE, one, label, "conv5", TILES, TILES, path, **options)
    return figures[0].axes


def test_values_stand_at_their_places(tmp_path, figures):
    one = study(strongest_map=5, activity=10 * P, original_activity=9.5)
    panels = draw(tmp_path / "f.png", figures, one, classes=[f"class {k}" for k in range(9)])
    titles = [axes.get_title(loc="left") for axes in panels[:6]]
    assert titles[0] == "(a) class 3, 95.0%" and titles[1] == "(b) conv5, map 5: total activity"
    assert titles[4] == "(d) probability of class 3"
    for axes, values, top in ((panels[1], 10 * P, 9.5), (panels[4], P, 1)):
        mesh = axes.collections[0]
        np.testing.assert_array_equal(np.reshape(mesh.get_array(), (3, 3)), values)
        assert mesh.get_clim() == (0, top)
        np.testing.assert_array_equal(np.asarray(mesh.get_coordinates())[0, :, 0], [5, 15, 25, 35])
    corner = panels[0].patches[0].get_bbox()
    assert (corner.x0, corner.x1, corner.y0, corner.y1) == (10, 30, 10, 30)  # pixels 10 to 29, where p is lowest
    assert [text.get_text() for text in panels[5].get_legend().texts] == ["class 3", "class 7"]


def test_many_classes_end_as_others_and_have_numbers_without_names(tmp_path, figures):
    one = study(np.arange(9).reshape(3, 3), strongest_map=0, activity=P, original_activity=1.0)
    names = [text.get_text() for text in draw(tmp_path / "f.png", figures, one)[5].get_legend().texts]
    assert names == [*map(str, range(8)), "others"]


def test_a_study_without_a_layer_is_refused(tmp_path):
    with pytest.raises(ValueError, match="study has no activity of a map, expected one of a named layer"):
        occlusion_figure(PICTURE, study(), 3, "conv5", TILES, TILES, tmp_path / "f.png")


def test_heat_map_places_values_and_occluder(tmp_path, figures):
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    values = np.array([[0.9, 0.8, 0.9], [0.7, 0.9, 0.2]])
    title = r"$5 \x {or $ 50 %"  # would be a mistake in a formula
    heat_map_figure(picture, values, [10, 20], [10, 30, 50], tmp_path / "h.png", title=title, label="p", occluder=8)
    left, right = figures[0].axes[:2]
    np.testing.assert_array_equal(left.images[0].get_array(), picture)
    mesh = right.collections[0]
    np.testing.assert_array_equal(mesh.get_coordinates()[:, 0, 1], [5.5, 15.5, 25.5])  # pixel 0 is drawn from 0 to 1
    np.testing.assert_array_equal(mesh.get_coordinates()[0, :, 0], [0.5, 20.5, 40.5, 60.5])
    np.testing.assert_array_equal(mesh.get_array(), values)
    for axes in (left, right):
        assert axes.get_xlim() == (0, 60) and axes.get_ylim() == (40, 0)
        assert axes.patches[0].get_bbox().bounds == (46.5, 16.5, 8, 8)  # about the middle of pixel (20, 50), where 0.2 is lowest
    assert left.get_title(loc="left") == title


def test_heat_map_takes_grey_pictures_single_places_and_nan(tmp_path):
    values = np.array([[np.nan, 1.0]])
    path = heat_map_figure(np.zeros((9, 9, 1), np.uint8), values, [4], [3, 5], tmp_path / "h.png", title="", label="", occluder=3)
    assert path.exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 2)), r"values are \(3, 2\), expected \(2, 3\) numbers"),
        (np.full((2, 3), np.nan), "values are all NaN, expected"),
    ],
)
def test_heat_map_refuses_values_that_do_not_fit(tmp_path, values, message):
    with pytest.raises(ValueError, match=message):
        heat_map_figure(np.zeros((9, 9, 3), np.uint8), values, [1, 2], [1, 2, 3], tmp_path / "h.png", title="", label="")


def test_heat_map_refuses_centres_out_of_order(tmp_path):
    with pytest.raises(ValueError, match=r"centres are \[2. 1.\], expected finite and strictly ascending"):
        heat_map_figure(np.zeros((9, 9, 3), np.uint8), np.zeros((2, 2)), [2, 1], [1, 2], tmp_path / "h.png", title="", label="")
