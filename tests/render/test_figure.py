"""Texts of figures: names are drawn as they are, neither obeyed nor taken for formulas."""

import warnings

import pytest
from PIL import Image

from npzf.render.figure import LINE, legend_label, make_legible, new_figure, save_figure, style

NAMES = ["$x^2$", "$\\frac{$", "a\udcffb", "\x1b[2J", "\u202ecat", "日本 🐕", "_hidden", "x" * 3000]


def drawn(name, path):
    with style():
        figure = new_figure(4, 4)
        axes = figure.subplots()
        axes.plot([0, 1], label=legend_label(name))
        axes.set_title(name)
        axes.set(xlabel=name, ylabel=name)
        axes.set_xticks([0, 1], [name, "b"])
        axes.text(0, 0, name)
        figure.legend()
        save_figure(figure, path)
        return figure


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_drawn_without_a_word(tmp_path, name, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "constrained_layout not applied")  # of 3,000 letters there are four here
        figure = drawn(name, tmp_path / "a.png")
    texts = [text.get_text() for text in figure.axes[0].texts + figure.legends[0].texts]
    assert len(texts) == 2 and all(text.strip().isprintable() and text.strip() for text in texts)
    assert all(not text.get_parse_math() for text in figure.axes[0].texts)
    assert Image.open(tmp_path / "a.png").text["Software"] == "npzf"
    assert capsys.readouterr() == ("", "")


def test_lines_are_shortened_one_by_one():
    figure = new_figure(3, 3)
    text = figure.text(0, 0, f"{'a' * 3000}\nb\x1b")
    make_legible(figure)
    first, second = text.get_text().split("\n")
    assert len(first) == LINE and second == r"b\x1b"


def test_names_of_ticks_are_legible_when_they_are_drawn():
    figure = new_figure(3, 3)
    axes = figure.subplots()
    axes.set_xticks([0, 1], ["a\udcff", "$b"])
    make_legible(figure)
    figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == [r"a\xff", "$b"]
