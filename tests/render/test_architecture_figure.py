"""Figure 6 as drawn: a column a net, bars of the shares that were measured."""

from dataclasses import replace

import numpy as np
import pytest

from npzf.render import architecture, architecture_figure
from npzf.studies import LayerDiagnosis

NOISE = np.array([0.02, 0.18, 0.8])
SHARES = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])


def diagnosis(channels=3):
    weight = np.random.default_rng(0).standard_normal((2, 5, 5, channels))
    return LayerDiagnosis("conv1", 4, weight, np.array([True, False]), SHARES, np.array([0.1, 0.9]), np.array([1.0, 2.0]))


@pytest.fixture
def figures(monkeypatch):
    drawn, make = [], architecture.new_figure
    monkeypatch.setattr(architecture, "new_figure", lambda *size: drawn.append(make(*size)) or drawn[-1])
    return drawn


def test_two_nets_side_by_side(tmp_path, figures):
    one = diagnosis()
    path = architecture_figure([one, one], [one.weight, one.weight / 2], NOISE, ["old", "new"], tmp_path / "f.png")
    assert path.exists()
    panels = np.reshape(figures[0].axes, (5, 2))
    assert "new: conv1, 2 filters 5x5, stride 4, 1 dead" in panels[0, 1].get_title(loc="left")
    heights = np.reshape([bar.get_height() for bar in panels[3, 0].patches], (3, 2)).T
    np.testing.assert_allclose(heights, SHARES[::-1])  # most very high first
    assert [line.get_ydata()[0] for line in panels[3, 0].lines] == pytest.approx([0.02, 0.2])
    assert [bar.get_height() for bar in panels[4, 0].patches] == [0.9, 0.1]
    assert "mean 50.0%" in panels[4, 0].get_title(loc="left")


def test_filters_that_dominate_stand_out(tmp_path, figures):
    """All nets share the axis of RMS; the clip and the median are drawn where they are."""
    one = diagnosis()
    flat = replace(one, rms=np.array([0.5, 0.5]))
    architecture_figure([one, flat], [one.weight, one.weight], NOISE, ["a", "b"], tmp_path / "f.png", limit=0.25)
    left, right = np.reshape(figures[0].axes, (5, 2))[2]
    assert [bar.get_height() for bar in left.patches] == [2.0, 1.0] and left.get_ylim() == right.get_ylim() == (0, 2.1)
    assert [line.get_ydata()[0] for line in left.lines] == [1.5, 0.25]
    assert "largest 2, 1.3 times the median" in left.get_title(loc="left")
    assert f"grey is 0, white +{np.abs(one.weight).max():.2g}" in figures[0].axes[0].get_title(loc="left")


def test_filters_of_zeros_are_drawn(tmp_path, figures):
    zero = replace(diagnosis(), weight=np.zeros((2, 5, 5, 3)), rms=np.zeros(2))
    architecture_figure([zero], [zero.weight], NOISE, ["net"], tmp_path / "f.png")
    assert "largest 0, inf times the median" in figures[0].axes[2].get_title(loc="left")


def test_filters_of_many_channels_are_not_shown(tmp_path, figures):
    one = diagnosis(channels=8)
    architecture_figure([one], [one.weight], NOISE, ["net"], tmp_path / "f.png")
    assert len(figures[0].axes) == 3


def test_lists_that_do_not_match_are_refused(tmp_path):
    with pytest.raises(ValueError, match="diagnoses, clipped and names have 1, 1 and 2 entries, expected one for each net"):
        architecture_figure([diagnosis()], [diagnosis().weight], NOISE, ["a", "b"], tmp_path / "f.png")
