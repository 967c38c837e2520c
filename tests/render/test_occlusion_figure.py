"""Figure 7 as drawn: six panels, values at the occluder's places, the most frequent classes in the legend."""

import numpy as np
import pytest

from npzf.render import occlusion_figure, plots
from npzf.studies import OcclusionMap

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
CENTRES = np.array([9.5, 19.5, 29.5])
P = np.array([[0.9, 0.8, 0.7], [0.6, 0.1, 0.5], [0.9, 0.9, 0.9]])
TILES = [np.full((side, side, 3), 99, np.uint8) for side in (10, 8, 12, 12)]


def study(prediction=None, **activity):
    prediction = np.array([[3, 3, 3], [3, 7, 7], [3, 3, 3]]) if prediction is None else prediction
    return OcclusionMap(P, prediction, 0.95, CENTRES, CENTRES, 20, **activity)


def draw(path, monkeypatch, one, label=3, **options):
    drawn, make = [], plots._figure
    monkeypatch.setattr(plots, "_figure", lambda *size: drawn.append(make(*size)) or drawn[-1])
    occlusion_figure(PICTURE, one, label, "conv5", TILES, TILES, path, **options)
    return drawn[0].axes


def test_values_stand_at_their_places(tmp_path, monkeypatch):
    one = study(strongest_map=5, activity=10 * P, original_activity=9.5)
    panels = draw(tmp_path / "f.png", monkeypatch, one, classes=[f"class {k}" for k in range(9)])
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


def test_many_classes_end_as_others_and_have_numbers_without_names(tmp_path, monkeypatch):
    one = study(np.arange(9).reshape(3, 3), strongest_map=0, activity=P, original_activity=1.0)
    names = [text.get_text() for text in draw(tmp_path / "f.png", monkeypatch, one)[5].get_legend().texts]
    assert names == [*map(str, range(8)), "others"]


def test_a_study_without_a_layer_is_refused(tmp_path):
    with pytest.raises(ValueError, match="study was made without a layer"):
        occlusion_figure(PICTURE, study(), 3, "conv5", TILES, TILES, tmp_path / "f.png")
