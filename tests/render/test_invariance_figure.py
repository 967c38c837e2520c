"""Figure 5 as drawn: a row a transformation, a line a photograph, the values where they belong."""

import numpy as np
import pytest
from PIL import Image

from npzf.render import invariance, invariance_figure
from npzf.studies import TransformationCurves

KINDS = {"translation": [-4.0, 0.0, 4.0], "rotation": [0.0, 120.0, 240.0]}
NAMES = ["ant", "bee"]


def study(kind, photographs=2):
    values = np.arange(photographs * 3.0).reshape(photographs, 3)
    return TransformationCurves(kind, np.array(KINDS[kind]), {"low": values, "high": 10 * values}, values / 10)


def draw(path, studies=None, names=NAMES):
    examples = {kind: np.full((2, 2, 8, 8, 3), 77, np.uint8) for kind in KINDS}
    studies = [study(kind) for kind in KINDS] if studies is None else studies
    return invariance_figure(studies, examples, names, path, {kind: values[:2] for kind, values in KINDS.items()})


def test_curves_and_photographs_stand_in_their_panels(tmp_path, monkeypatch):
    drawn, make = [], invariance.new_figure
    monkeypatch.setattr(invariance, "new_figure", lambda *size: drawn.append(make(*size)) or drawn[-1])
    path = draw(tmp_path / "figure.png")
    with Image.open(path) as image:
        assert image.size[0] > 1200
    assert len(drawn[0].axes) == 8
    for row, (kind, amounts) in zip(np.reshape(drawn[0].axes, (2, 4)), KINDS.items(), strict=True):
        for axes, values in zip(row[1:], (study(kind).distances["low"], study(kind).distances["high"]), strict=False):
            for line, expected in zip(axes.lines, values, strict=True):
                np.testing.assert_array_equal(line.get_xydata(), np.stack([amounts, expected], axis=1))
        assert [axes.get_title(loc="left") for axes in row[1:]] == [
            "distance in low",
            "distance in high",
            "probability of the true class",
        ]
        shown = row[0].images[0].get_array()
        assert shown.shape == (17, 17, 3) and (shown == 77).all(axis=-1).sum() == 4 * 64
        assert [tick.get_text() for tick in row[0].get_xticklabels()] == [f"{amount:g}" for amount in amounts[:2]]
        colours = [line.get_color() for line in row[0].lines]
        assert colours == [line.get_color() for line in row[1].lines]  # the bar beside a photograph is its curve's colour
    assert [text.get_text() for text in drawn[0].legends[0].texts] == NAMES


def test_lists_that_do_not_match_are_refused(tmp_path):
    with pytest.raises(ValueError, match="names are 8, expected 1 to 7"):
        draw(tmp_path / "figure.png", names=["x"] * 8)
    with pytest.raises(ValueError, match="rotation has 3 curves and 2 examples, expected 2 each"):
        draw(tmp_path / "figure.png", [study("rotation", 3)])
    with pytest.raises(ValueError, match=r"path is .*figure\.pdf, expected a name that ends in \.png"):
        draw(tmp_path / "figure.pdf")
