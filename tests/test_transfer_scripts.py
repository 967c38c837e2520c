"""The scripts of section 5.2 as a user runs them: what they print, write and refuse."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from test_scripts import refuses, works

import npzf
from npzf.data import ClassFolders, EvaluationBatches, SquareImages

pytest.importorskip("sklearn", reason="scikit-learn is not installed: no classifier can be fitted")

COLOURS = {"blue": (30, 40, 200), "green": (20, 180, 60), r"red $\frac{1$": (200, 30, 20)}
COUNT = 9  # images a class


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photographs of one colour a class with much noise, and an untrained net of a part of small_zfnet's layers."""
    root = tmp_path_factory.mktemp("transfer")
    for name, colour in COLOURS.items():
        (root / "photos" / name).mkdir(parents=True)
        for i in range(COUNT):
            noise = np.random.default_rng([i, len(name)]).normal(0, 40, (50, 70, 3))
            pixels = np.clip(noise + colour, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / "photos" / name / f"image_{i:04d}.png")
    net = npzf.small_zfnet(5, 64, maps=(8, 8, 8, 8, 8), fc_units=6, weight_init="he")
    net.save(root / "net.h5")
    return root


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_transfer_makes_a_net_for_these_classes(folder, tmp_path):
    out = tmp_path / "mine"
    arguments = [folder / "net.h5", folder / "photos", "--layers", "pool5", "--folds", 3, "--out", out]
    printed = works("transfer", *arguments)
    assert "27 of 27 photographs right" in printed and "no photograph was mistaken" in printed
    assert "npzf explain" in printed and "accuracy in cross-validation, mean over classes: 100.0 +- 0.0 %" in printed
    difference = float(printed.partition("differ by at most ")[2].split()[0])
    assert difference < 1e-4
    names = ["answers.csv", "confusion.csv", "confusion.png", "curve.csv", "curve.png", "features.h5", "net.h5", "results.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert [row["training images a class"] for row in rows_of(out / "curve.csv")] == ["1", "2", "3", "6"]
    answers = rows_of(out / "answers.csv")
    assert len(answers) == 27 and all(row["class"] == row["answer"] for row in answers)
    net = npzf.load(out / "net.h5")
    assert net.classes == tuple(COLOURS)
    images = ClassFolders(folder / "photos")
    predictions = npzf.predict(net, EvaluationBatches(SquareImages(images, 73), 64, preprocessing=net.preprocessing)).argmax(1)
    assert (predictions == images.targets).all()
    assert "features are read from" in works("transfer", *arguments, "--no-curve")
    assert "top-1 error 0.00 %" in works("evaluate", out / "net.h5", folder / "photos")


def test_transfer_shows_the_mistakes_that_it_makes(folder, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(folder / "photos", mixed)
    for name in COLOURS:  # a photograph of another class in each
        other = next(one for one in COLOURS if one != name)
        shutil.copy(folder / "photos" / other / "image_0000.png", mixed / name / "wrong.png")
    options = ["--layers", "pool5", "--folds", 2, "--no-curve", "--classifier", "softmax", "--crops", 2]
    printed = works("transfer", folder / "net.h5", mixed, *options, "--out", tmp_path / "out")
    assert "27 of 30 photographs right" in printed and "the net judges one crop" in printed
    assert Image.open(tmp_path / "out" / "mistakes.png").size[0] > 500
    wrong = [row for row in rows_of(tmp_path / "out" / "answers.csv") if row["class"] != row["answer"]]
    assert all("wrong.png" in row["image"] or "image_0000" in row["image"] for row in wrong) and len(wrong) == 3


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda photos: [shutil.rmtree(photos / name) for name in list(COLOURS)[1:]], "number of classes is 1 ('blue')"),
        (lambda photos: [file.unlink() for file in sorted((photos / "green").iterdir())[1:]], "class 'green' has 1 image"),
        (lambda photos: (photos / "green" / "image_0003.png").write_bytes(b"no image"), "1 of 27 images cannot be decoded"),
    ],
    ids=["one class", "one image", "damaged image"],
)
def test_transfer_refuses_what_cannot_be_learned_from(folder, tmp_path, change, named):
    photos = tmp_path / "photos"
    shutil.copytree(folder / "photos", photos)
    change(photos)
    refuses(named, "transfer", folder / "net.h5", photos, "--out", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.h5"))


def test_table_4_with_the_papers_numbers_and_from_scratch(folder, tmp_path):
    arguments = [folder / "net.h5", folder / "photos", "--per-class", 2, 5, "--folds", 2, "--layers", "pool5"]
    arguments += ["--scratch", "--epochs", 1, "--scratch-folds", 1, "--out", tmp_path]
    printed = works("table4", *arguments)
    assert "net.h5, svm on pool5: 2 in " in printed and "net.h5, softmax on pool5" in printed and "paper: from scratch" in printed
    rows = {(row["method"], row["training images a class"]): row for row in rows_of(tmp_path / "table4.csv")}
    assert float(rows["net.h5, svm on pool5", "5"]["mean"]) > 90
    assert rows["net.h5, from scratch", "5"]["splits"] == "1" and rows["net.h5, svm on pool5", "2"]["splits"] == "2"
    assert Image.open(tmp_path / "table4.png").size[0] > 500
    assert sorted(path.name for path in (tmp_path / "splits").iterdir()) == [
        f"{n}-a-class-seed-{seed}.txt" for n in (2, 5) for seed in (0, 1)
    ]
    first = (tmp_path / "splits" / "2-a-class-seed-0.txt").read_text().splitlines()
    assert sum(line.startswith("train\t") for line in first) == 6 and "train\tblue/image_" in first[0]
    stored = json.loads((tmp_path / "results.json").read_text())
    again = works("table4", *arguments)
    assert json.loads((tmp_path / "results.json").read_text()) == stored  # nothing was computed twice
    again, replaced = again.partition("Table 4")[2].split("replaced ")
    assert again == printed.partition("Table 4")[2] and replaced.startswith("6 earlier outputs in ")


def test_table_4_takes_the_splits_of_others(folder, tmp_path):
    arguments = [folder / "net.h5", folder / "photos", "--layers", "pool5", "--classifiers", "svm", "--c", 1, "--out", tmp_path]
    (tmp_path / "train.txt").write_text(
        "".join(f"{name}/image_000{i}.png {k}\n" for k, name in enumerate(COLOURS) for i in (0, 1))
    )
    (tmp_path / "test.txt").write_text("".join(f"{name}/image_0005.png {k}\n" for k, name in enumerate(COLOURS)))
    lists = ["--split-lists", tmp_path / "train.txt", tmp_path / "test.txt"]
    assert "1 given" in works("table4", *arguments, *lists)
    assert float(rows_of(tmp_path / "table4.csv")[0]["mean"]) == 100
    (tmp_path / "test.txt").write_text("blue/image_0099.png 0\n")
    refuses("line 1 of", "table4", *arguments, *lists)
    refuses(
        "--scratch and --without are for random splits", "table4", *arguments, "--split-files", split_file(tmp_path), "--scratch"
    )


def split_file(folder):
    path = folder / "split.txt"
    path.write_text("".join(f"{part}\t{name}/image_000{i}.png\n" for name in COLOURS for i, part in enumerate(("train", "test"))))
    return path


def test_table_5_prints_the_papers_numbers_where_there_are_some(folder, tmp_path):
    arguments = [folder / "net.h5", folder / "photos", "--per-class", 2, 3, "--folds", 1, "--classifiers", "svm", "--c", 1]
    printed = works("table5", *arguments, "--out", tmp_path)
    assert "Table 5: photos" in printed and "paper: pretrained on ImageNet" in printed
    assert len(rows_of(tmp_path / "table5.csv")) == 2


def test_table_7_has_a_column_for_each_layer(folder, tmp_path):
    printed = works(
        "table7", folder / "net.h5", folder / "photos", "--per-class", 4, "--folds", 2, "--c", 1, "--cells", 2, "--out", tmp_path
    )
    assert "1 norm1_2x2" in printed and "7 relu7" in printed and "86.2" in printed
    rows = rows_of(tmp_path / "table7.csv")
    assert {row["method"] for row in rows} == {"net.h5, svm", "net.h5, softmax", "paper, svm", "paper, softmax"}
    assert [row["layer"] for row in rows if row["method"] == "net.h5, svm"][-1] == "7 relu7"
    assert Image.open(tmp_path / "table7.png").size[0] > 500


def test_figure_9_goes_as_far_as_the_classes_reach(folder, tmp_path):
    printed = works(
        "figure9", folder / "net.h5", folder / "photos", "--folds", 2, "--paper", "101", "--layers", "pool5", "--out", tmp_path
    )
    assert "1 a class, seed 0: " in printed and "6 a class, seed 1: " in printed and "10 a class" not in printed
    assert len([row for row in rows_of(tmp_path / "figure9.csv") if row["method"].startswith("net.h5")]) == 4
    assert Image.open(tmp_path / "figure9.png").size[0] > 500


@pytest.mark.parametrize(
    ("command", "options", "named"),
    [
        ("figure9", ["--per-class", 9], "has 9 images, expected at least 10"),
        ("figure9", ["--per-class", 0], "--per-class is 0"),
        ("table4", ["--per-class", 2, "--folds", 0], "--folds is 0"),
        ("table4", ["--per-class", 2, "--c", 1, 0], "--c is 0, expected a number above 0"),
        ("table7", ["--per-class", 2, "--layers", "conv9"], "--layers has 'conv9'"),
        ("table7", ["--per-class", 2, "--cells", -1], "--cells is -1"),
    ],
)
def test_what_cannot_be_done_is_said_first(folder, tmp_path, command, options, named):
    refuses(named, command, folder / "net.h5", folder / "photos", *options, "--out", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.csv"))
