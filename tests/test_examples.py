"""The examples run as a first reader would run them, one after the other, and print and save what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import npzf

ROOT = Path(__file__).resolve().parents[1]


def run(folder, example, *arguments):
    """What it prints, in lines."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, ROOT / "examples" / example, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder in which train_by_hand ran for two epochs, and what it printed."""
    folder = tmp_path_factory.mktemp("examples")
    return folder, run(folder, "train_by_hand.py", "2")


def test_train_by_hand_learns(trained):
    folder, printed = trained
    form = r"epoch \d: loss (\d\.\d{3}), validation error (\d+\.\d) %"
    numbers = np.array([re.fullmatch(form, line).groups() for line in printed[:-1]], float)
    assert len(numbers) == 2 and numbers[1, 0] < numbers[0, 0] < np.log(12) + 0.1
    assert numbers[1, 1] < 85  # guessing: 92
    assert "runs/by_hand.h5" in printed[-1]
    assert npzf.load(folder / "runs/by_hand.h5").preprocessing.mean.shape == (64, 64, 3)


def test_look_inside_draws_a_photograph_and_a_projection(trained):
    folder, _ = trained
    first, second = run(folder, "look_inside.py", "runs/by_hand.h5")
    assert re.fullmatch(r"image \d+: conv3 map \d+ is \d+\.\d at row \d+, column \d+", first)
    assert second.startswith("runs/look_inside.png: ")
    picture = np.asarray(Image.open(folder / "runs/look_inside.png"))
    assert picture.shape == (256, 512, 3)
    assert picture[:, 256:].std() > 1 and (picture[:, 256:] == 128).mean() > 0.1  # the unit sees a part of the image


def test_every_example_is_run():
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == {"train_by_hand.py", "look_inside.py"}
