"""scripts/explain.py: one picture for one photograph, and one line for what cannot be explained."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import npzf

SCRIPT = Path(__file__).parents[1] / "scripts" / "explain.py"


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    net = npzf.small_zfnet(3, 64, seed=1)
    net.classes = ("ant", "bee", "a $x_1$ <class>")
    net.save(folder / "net.h5")
    pixels = np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "photo.png")
    return folder


def test_draws_one_picture(files):
    out = files / "out" / "explained.png"
    done = run(files / "net.h5", files / "photo.png", "--out", out, "--maps", 3)
    assert done.returncode == 0, done.stderr
    assert "photo.png: centre square of 90 x 50 pixels, resized to 64 x 64" in done.stdout
    for name in ("ant", "bee", "a $x_1$ <class>"):
        assert name in done.stdout
    width, height = Image.open(out).size
    assert width > 1000 and height > 1000


def test_a_net_without_classes_is_asked_what_it_sees(files):
    npzf.truncated(npzf.small_zfnet(3, 64, seed=1), "pool5").save(files / "maps.h5")
    out = files / "out" / "maps.png"
    done = run(files / "maps.h5", files / "photo.png", "--out", out, "--maps", 9, "--layers", "conv5")
    assert done.returncode == 0, done.stderr
    assert "no classes: the net ends in maps, pool5" in done.stdout
    assert np.asarray(Image.open(out).convert("L")).std() > 10


def test_bad_input_is_one_line(files):
    (files / "text.jpg").write_text("no picture")
    cases = [
        (files / "net.h5", files / "text.jpg"),
        (files / "photo.png", files / "photo.png"),
        (files / "net.h5", files / "photo.png", "--layers", "fc6"),
    ]
    for arguments in cases:
        done = run(*arguments, "--out", files / "never.png")
        assert done.returncode == 2
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert not (files / "never.png").exists()
