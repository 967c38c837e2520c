"""scripts/compare.py as a user runs it."""

import re

import pytest
from PIL import Image
from test_scripts import noise, refuses, works

import npzf


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An untrained net with names, and a photograph."""
    root = tmp_path_factory.mktemp("compare")
    net = npzf.small_zfnet(2, 64)
    net.classes = ("ant", "bee")
    net.save(root / "net.h5")
    Image.fromarray(noise(1, (80, 100))).save(root / "one.png")
    return root


def test_one_picture_and_one_page_that_needs_nothing_else(folder, tmp_path):
    out = tmp_path / "new"
    printed = works("compare", folder / "net.h5", folder / "one.png", "--label", 1, "--steps", 3, "--out", out)
    assert re.search(r"relu5, map \d+: [\d.]+ at row \d+, column \d+; bee: [\d.]+%", printed)
    assert str(out / "compare.png") in printed and str(out / "index.html") in printed
    assert Image.open(out / "compare.png").size[0] > 1400
    page = (out / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 3 and "http" not in page
    assert "which is which?" in page and "Class score: bee" in page and "guided backpropagation: g where both" in page


def test_a_layer_and_a_map_may_be_chosen(folder, tmp_path):
    options = ["--layer", "norm2", "--map", 5, "--steps", 0, "--out", tmp_path]
    assert "norm2, map 5: " in works("compare", folder / "net.h5", folder / "one.png", *options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--label", 2], "--label is 2, expected 0 to 1"),
        (["--layer", "conv9"], "layer is 'conv9', expected one of conv1"),
        (["--layer", "fc6"], "--layer is 'fc6', expected a layer with maps: conv1"),
        (["--layer", "conv1", "--map", 32], "--map is 32, expected 0 to 31"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(folder, tmp_path, options, named):
    refuses(named, "compare", folder / "net.h5", folder / "one.png", *options, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
