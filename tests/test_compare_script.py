"""scripts/compare.py as a user runs it, and its worked example of the three backward relus."""

import importlib.util
import re

import numpy as np
import pytest
from PIL import Image
from test_scripts import SCRIPTS, noise, refuses, works

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


@pytest.fixture
def script(monkeypatch):
    """The script's functions; under another name than its own, which a module of the tests has."""
    monkeypatch.syspath_prepend(SCRIPTS)
    spec = importlib.util.spec_from_file_location("compare_script", SCRIPTS / "compare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_picture_and_one_page_that_needs_nothing_else(folder, tmp_path):
    out = tmp_path / "new"
    printed = works("compare", folder / "one.png", folder / "net.h5", "--label", 1, "--steps", 3, "--out", out)
    assert re.search(r"relu5, map \d+: [\d.]+ at row \d+, column \d+; bee: [\d.]+%", printed)
    assert str(out / "compare.png") in printed and str(out / "index.html") in printed
    assert Image.open(out / "compare.png").size[0] > 1400
    page = (out / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 3 and "http" not in page
    assert "which is which?" in page and "Class score: bee" in page and "guided backpropagation: g where both" in page


def test_a_layer_and_a_map_may_be_chosen(folder, tmp_path):
    options = ["--layer", "norm2", "--map", 5, "--steps", 0, "--out", tmp_path]
    assert "norm2, map 5: " in works("compare", folder / "one.png", folder / "net.h5", *options)


def test_the_worked_example_shows_what_the_rules_say(script, monkeypatch):
    shown = []
    numbers = script.numbers
    monkeypatch.setattr(script, "numbers", lambda values: shown.append(np.array(values)) or numbers(values))
    script.worked_example()
    x, y, g, deconvnet, gradient, guided = shown
    np.testing.assert_array_equal(y, np.where(x > 0, x, 0))
    np.testing.assert_array_equal(deconvnet, np.where(g > 0, g, 0))
    np.testing.assert_array_equal(gradient, np.where(x > 0, g, 0))
    np.testing.assert_array_equal(guided, np.where((x > 0) & (g > 0), g, 0))
    assert {(a > 0, b > 0) for a, b in zip(x.flat, g.flat, strict=True)} == {(a, b) for a in (0, 1) for b in (0, 1)}


def test_heat_lies_in_the_middle_of_the_receptive_field(script):
    """One unit of pool1 alone is warm: the warmest pixel is the middle of its field."""
    net = npzf.small_zfnet(2, 64)
    heat = np.zeros(net.shapes["pool1"][:2])
    heat[4, 9] = 2.0
    field = net.fields()["pool1"]
    over = script.overlay_heatmap(net, np.zeros((64, 64, 3), np.uint8), "pool1", heat).sum(2)
    middle = [field.offset[0] + field.stride[0] * at + (field.size[0] - 1) // 2 for at in (4, 9)]
    assert np.unravel_index(over.argmax(), over.shape) == tuple(middle)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--label", 2], "--label is 2, expected 0 to 1"),
        (["--layer", "conv9"], "layer is 'conv9', expected one of conv1"),
        (["--layer", "fc6"], "--layer is fc6, expected a layer with maps"),
        (["--layer", "conv1", "--map", 32], "--map is 32, expected 0 to 31"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(folder, tmp_path, options, named):
    refuses(named, "compare", folder / "one.png", folder / "net.h5", *options, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
