"""Plots of Tables 4 to 7 and of figure 9: they are drawn whatever the classes are called."""

import numpy as np
import pytest
from PIL import Image

from npzf.render import confusion_figure, mistakes_figure, result_figure

ODD = r"$\frac{1$ & <b>"


@pytest.mark.parametrize("heads", [("1", "15", "30"), ("pool1", ODD, "pool5"), tuple(f"class {k}" for k in range(20))])
def test_rows_are_drawn_with_gaps_and_deviations(tmp_path, heads):
    cells = [(50.0 + k, 1.0 if k else None) for k in range(len(heads))]
    rows = [(ODD, cells), ("paper, the same", [None, *cells[1:]])]
    path = result_figure(ODD, "images a class", heads, rows, tmp_path / "a.png")
    drawn = np.asarray(Image.open(path).convert("RGB")).astype(int)
    blue = (drawn[..., 2] - drawn[..., 0] > 100).sum()
    result_figure(ODD, "images a class", heads, rows, tmp_path / "b.png", ordered=False)
    points = np.asarray(Image.open(tmp_path / "b.png").convert("RGB")).astype(int)
    assert blue > 1.3 * (points[..., 2] - points[..., 0] > 100).sum() > 50  # a line between the points, or none


def test_a_confusion_matrix_is_dark_where_images_are(tmp_path):
    table = np.diag([9, 9, 9, 9])
    path = confusion_figure(table, ["a", ODD, "c", "d"], tmp_path / "a.png")
    turned = confusion_figure(table[::-1], ["a", ODD, "c", "d"], tmp_path / "b.png")
    a, b = (np.asarray(Image.open(one).convert("L")).astype(int) for one in (path, turned))
    assert a.shape == b.shape and np.abs(a - b).max() > 150
    assert confusion_figure(np.eye(60, dtype=int), [f"class {k}" for k in range(60)], tmp_path / "c.png").exists()


def test_mistakes_are_shown_four_in_a_row(tmp_path):
    pictures = [np.full((20, 20, 3), 40 * k, np.uint8) for k in range(5)] + [np.zeros((20, 20, 1), np.uint8)]
    path = mistakes_figure(pictures, [f"{ODD}\ntaken for {k}" for k in range(6)], tmp_path / "a.png")
    six, four = Image.open(path).size, Image.open(mistakes_figure(pictures[:4], ["x"] * 4, tmp_path / "b.png")).size
    assert six[1] > 1.6 * four[1]
    with pytest.raises(ValueError, match="pictures are none"):
        mistakes_figure([], [], tmp_path / "c.png")


def test_rows_without_a_number_and_a_single_head_are_drawn(tmp_path):
    rows = [("no number", [None]), ("one", [(50.0, None)])]
    path = result_figure("Table 4", "images a class", ("30",), rows, tmp_path / "new" / "a.png")
    assert path == tmp_path / "new" / "a.png" and Image.open(path).width > 100


def test_the_papers_rows_are_grey(tmp_path):
    def coloured(label):
        path = result_figure("t", "images", ("1", "15"), [(label, [(50.0, 1.0), (60.0, 1.0)])], tmp_path / "a.png")
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        return int((np.ptp(pixels, axis=2) > 100).sum())

    assert coloured("paper: the same") == 0 < coloured("ours")
