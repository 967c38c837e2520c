"""scripts/make_embedded.py, on a small folder of the same layout."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from npzf.data import PackedImages, embedded_images

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, ROOT / "scripts/make_embedded.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=False)


def test_it_makes_a_packed_file(tmp_path):
    for name in (*embedded_images().classes, "BACKGROUND_Google"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for i in range(22):
            Image.new("RGB", (9, 7), (i, i, i)).save(tmp_path / "in" / name / f"image_{i:04}.jpg")
    done = run(tmp_path / "in", "--out", tmp_path / "out.h5")
    assert done.returncode == 0, done.stderr
    assert "watch               2         20" in done.stdout
    assert np.bincount(PackedImages(tmp_path / "out.h5", "validation").targets).tolist() == [20] * 12
    train = PackedImages(tmp_path / "out.h5", "train")
    assert np.bincount(train.targets).tolist() == [2] * 12
    assert train.image(0).shape == (128, 128, 3) and train.name(0).startswith("Faces_easy/image_")


def test_it_names_missing_classes(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 2 and f"{tmp_path} lacks Faces_easy, Leopards" in done.stderr
