"""Deconvnet, gradient and guided backpropagation side by side: each panel obeys its rule, rows hold their panels."""

import numpy as np

from npzf.render import RULES, Panel, comparison, enlarge, projection_panels, to_grey_robust, write_comparison


def panels(count, side=115, seed=0):
    """Below 100: no pixel can be taken for paper."""
    pictures = np.random.default_rng(seed).integers(0, 100, (count, side, side, 3), np.uint8)
    return [Panel(f"title {k}", f"note {k}", picture) for k, picture in enumerate(pictures)]


def test_the_worked_example_shows_what_the_rules_say(monkeypatch):
    shown = []
    table = comparison.number_table
    monkeypatch.setattr(comparison, "number_table", lambda values: shown.append(np.array(values)) or table(values))
    comparison.worked_example()
    x, y, g, deconvnet, by_gradient, guided = shown
    np.testing.assert_array_equal(y, np.where(x > 0, x, 0))
    np.testing.assert_array_equal(deconvnet, np.where(g > 0, g, 0))
    np.testing.assert_array_equal(by_gradient, np.where(x > 0, g, 0))
    np.testing.assert_array_equal(guided, np.where((x > 0) & (g > 0), g, 0))
    assert {(a > 0, b > 0) for a, b in zip(x.flat, g.flat, strict=True)} == {(a, b) for a in (0, 1) for b in (0, 1)}


def test_each_panel_has_its_rule_and_its_own_scale():
    generator = np.random.default_rng(0)
    projections, gradient = generator.normal(size=(3, 40, 30, 3)), generator.normal(size=(40, 30, 3))
    gradient[:5] = 0
    found = projection_panels(projections, gradient)
    assert [panel.title for panel in found] == [*RULES, "saliency"]
    assert [rules.relu for _, rules in RULES.values()] == ["deconvnet", "gradient", "guided"]
    assert [rules.norm_gradient for _, rules in RULES.values()] == [False, True, True]
    for panel, projection in zip(found, projections, strict=False):
        np.testing.assert_array_equal(panel.picture, to_grey_robust(projection)[0])
    size, saliency = np.abs(gradient).max(2), found[3].picture
    assert (saliency[size == 0] == 0).all() and (saliency[size >= np.quantile(size, 0.999)] == 255).all()
    assert (saliency == saliency[..., :1]).all()


def test_a_row_holds_every_panel_side_by_side():
    row = panels(3)
    picture = comparison.panel_row(row, "heading")
    assert picture.shape == (48 + 2 * 28 + 230, 3 * 230 + 2 * 12, 3)
    for k, panel in enumerate(row):
        np.testing.assert_array_equal(picture[-230:, k * 242 : k * 242 + 230], enlarge(panel.picture, 2))


def test_the_page_and_its_pictures(tmp_path):
    rows = {"Unit <b>": panels(2), "Score": panels(3, seed=1)}
    assert write_comparison(tmp_path / "new", rows) == (tmp_path / "new/compare.png", tmp_path / "new/index.html")
    names = ["compare.png", "index.html", "relus.png", "row_1.png", "row_2.png"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names
    page = (tmp_path / "new/index.html").read_text()
    assert "Unit &lt;b&gt;" in page and "Left to right: title 0, title 1, title 2" in page
