"""Folders, photographs and classes of any names a file system has: scripts take them, and show what a terminal would obey."""

import csv
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_scripts import noise, run

import npzf

NOT_UTF_8 = sys.platform == "linux"  # whose file systems take any bytes
ANT = os.fsdecode(b"ant\xff") if NOT_UTF_8 else "ant"
CLASSES = (ANT, "_bee\n\x1b[31m$x^2", "\u202ecat 🐕 <b>" + "t" * 220)
FILES = (
    os.fsdecode(b"\xff\xfe.png") if NOT_UTF_8 else "x.png",
    "a\nb.png",
    "$\\frac{$.png",
    "x" * 251 + ".png",
    "A.png",
    '"q".png',
)
OUT = os.fsdecode(b"out \xff\x1b[2J") if NOT_UTF_8 else "out \x1b[2J"


def works(script, *arguments):
    """What it prints, in which nothing is left that a terminal would obey."""
    done = run(script, *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.replace("\n", "").isprintable()
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A net with such classes, and its images."""
    root = tmp_path_factory.mktemp("odd")
    net = npzf.small_zfnet(len(CLASSES), 64)
    net.classes = CLASSES
    net.save(root / "net.h5")
    for k, name in enumerate(CLASSES):
        (root / "$images$" / name).mkdir(parents=True)
        for i, file in enumerate(FILES):
            picture = noise(10 * k + i) // 2
            picture[..., k] += 120
            Image.fromarray(picture).save(root / "$images$" / name / file, "png")
    return root


def test_train_and_evaluate(folder, tmp_path):
    images, out = folder / "$images$", tmp_path / OUT
    works("train", images, images, "--size", 64, "--batch", 9, "--epochs", 1, "--out", out)
    assert sorted(npzf.load(out / "best.h5").classes) == sorted(CLASSES)
    assert "18 images, 1 crop" in works("evaluate", out / "best.h5", images)


STUDIES = {
    "visualize": ["{images}", "--layers", "conv1", "--maps", 2, "--tiles"],
    "atlas": ["{images}", "--layers", "conv1"],
    "explain": ["{photo}", "--layers", "conv1", "--out", "{out}/picture.png"],
    "occlusion": ["{photo}", "--step", 16, "--size", 20, "--others", "{images}", "--out", "{out}/picture.png"],
    "compare": ["{photo}", "--steps", 1],
    "invariance": ["{photo}", "--out", "{out}/picture.png"],
    "table4": ["{images}", "--layers", "pool5", "--per-class", 2, "--folds", 1, "--c", 1],
    "figure9": ["{images}", "--layers", "pool5", "--per-class", 2, 3, "--folds", 1, "--c", 1],
    "transfer": ["{images}", "--layers", "pool5", "--folds", 2, "--c", 1, "--no-curve"],
    "convert": ["--out", "{out}/net.onnx"],
}


@pytest.mark.parametrize("script", STUDIES)
def test_a_script_with_odd_names(folder, tmp_path, script):
    if script in ("table4", "figure9", "transfer"):
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    if script == "convert":
        pytest.importorskip("onnx", reason="onnx is not installed")
    images, out = folder / "$images$", tmp_path / OUT
    words = {"images": images, "photo": images / CLASSES[1] / FILES[0], "out": out}
    given = [str(word).format(**words) for word in STUDIES[script]]
    works(script, folder / "net.h5", *given, *([] if "--out" in given else ["--out", out]))
    assert any(path.is_file() for path in out.rglob("*"))
    for page in out.rglob("*.html"):
        assert "\x1b" not in page.read_text("utf-8") and "<b>" not in page.read_text("utf-8").partition("<script>")[0]
    if script == "convert":
        assert npzf.from_onnx(out / "net.onnx").classes == CLASSES


def test_a_table_reads_the_split_that_it_has_written(folder, tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    arguments = [folder / "net.h5", folder / "$images$", "--layers", "pool5", "--c", 1, "--classifiers", "svm"]
    works("table4", *arguments, "--per-class", 2, "--folds", 1, "--out", tmp_path / "first")
    split = next((tmp_path / "first" / "splits").iterdir())
    works("table4", *arguments, "--split-files", split, "--out", tmp_path / "second")
    with open(tmp_path / "second" / "table4.csv", encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file)))


def test_an_overlap_is_read_again(folder, tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    images = folder / "$images$"
    (tmp_path / "one").mkdir()
    Image.open(images / CLASSES[1] / FILES[1]).save(tmp_path / "one" / "b\nc.png")
    works("overlap", tmp_path / "one", images, "--out", tmp_path / "o.csv", "--sheet", tmp_path / "o.png")
    arguments = ["--layers", "pool5", "--c", 1, "--per-class", 2, "--folds", 1, "--classifiers", "svm"]
    printed = works("table4", folder / "net.h5", images, *arguments, "--without", tmp_path / "o.csv", "--out", tmp_path / "out")
    assert "1 images are left out" in printed


def test_names_of_classes_from_a_file_are_shown(folder, tmp_path):
    (tmp_path / "names.txt").write_text("a\x1b[2J\n\u202eb\nc$d$\n", "utf-8")
    photo = folder / "$images$" / CLASSES[1] / FILES[0]
    printed = works("explain", folder / "net.h5", photo, "--classes", tmp_path / "names.txt", "--out", tmp_path / "a.png")
    assert r"a\x1b[2J" in printed and r"\u202eb" in printed


@pytest.mark.parametrize("script", ["evaluate", "visualize", "explain", "train", "transfer", "overlap", "convert"])
def test_what_is_missing_is_named_in_one_line(tmp_path, script):
    missing = tmp_path / (os.fsdecode(b"no\xff\n\x1b[2J.h5") if NOT_UTF_8 else "no\n\x1b[2J.h5")
    others = {"convert": ["--out", tmp_path / "a.h5"]}.get(script, [missing])
    done = run(script, missing, *others)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("error: ")
    assert r"\n\x1b[2J.h5" in done.stderr and done.stderr[:-1].isprintable()


def test_a_dog_in_two_cases_is_two_classes(tmp_path):
    """On file systems that tell them apart."""
    for k, name in enumerate(("Dog", "dog")):
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.fromarray(noise(k)).save(tmp_path / "images" / name / "a.png")
    if len(list((tmp_path / "images").iterdir())) == 1:
        pytest.skip("the file system does not tell capitals apart")
    npzf.small_zfnet(2, 64).save(tmp_path / "net.h5")
    works("atlas", tmp_path / "net.h5", tmp_path / "images", "--layers", "conv1", "--out", tmp_path / "out")
    assert '"classes":["Dog","dog"]' in (tmp_path / "out" / "data.js").read_text("ascii")


def test_pictures_of_escaped_names_hold_them_as_text(tmp_path):
    from npzf.render import save_png

    path = save_png(np.zeros((4, 4, 3), np.uint8), tmp_path / "a.png", image=f"{ANT}\x00\x1b")
    assert Image.open(path).text["image"] == (r"ant\xff\x00\x1b" if NOT_UTF_8 else r"ant\x00\x1b")
    assert isinstance(path, Path)
