"""The scripts on a folder like PASCAL VOC's: training and evaluating with several labels an image, and what is refused."""

import csv

import pytest
from test_scripts import SMALL, class_folders, refuses, works
from voc_folders import voc_folder

import npzf

OBJECTS = [[("cat", 0)], [("car", 0), ("cat", 1)], [("cat", 0), ("car", 0)], [("car", 0)], [("bus", 0), ("cat", 0)], [("bus", 0)]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """VOC's folder with lists train and val, and a folder of class folders of the same classes."""
    root = tmp_path_factory.mktemp("voc")
    lists = {name: {f"{name}_{i}": objects for i, objects in enumerate(OBJECTS)} for name in ("train", "val")}
    voc_folder(root / "VOC", lists, size=(80, 70))
    class_folders(root / "classes", ["bus", "car", "cat"], 2)
    return root


@pytest.fixture(scope="module")
def trained_on_voc(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "voc"
    sets = [folders / "VOC", folders / "VOC"]
    return out, works("train", *sets, *SMALL, "--loss", "binary", "--epochs", 2, "--rate", 1e-3, "--out", out)


def test_train_takes_the_lists_train_and_val(trained_on_voc):
    out, printed = trained_on_voc
    assert "training on 6 images, testing on 6" in printed and "try" not in printed
    assert npzf.load(out / "best.h5").classes == ("bus", "car", "cat")
    rows = list(csv.DictReader((out / "log.csv").open()))
    assert [float(row["validation_error"]) < 100 for row in rows] == [True, True]


def test_training_on_voc_goes_on_with_its_loss(folders, trained_on_voc):
    sets = [folders / "VOC", folders / "VOC"]
    printed = works("train", *sets, "--resume", trained_on_voc[0] / "checkpoint.h5", "--epochs", 3)
    assert "epoch 3/3: loss 0." in printed


@pytest.mark.parametrize("split", ["train", "validation"])
def test_evaluate_prints_average_precisions(folders, trained_on_voc, split):
    printed = works("evaluate", trained_on_voc[0] / "best.h5", folders / "VOC", "--split", split, "--crops", 10)
    lines = printed.splitlines()[1:]
    assert [line.split("%")[1].strip() for line in lines[:3]] == ["bus", "car", "cat"]
    assert lines[3].startswith("6 images, 10 crops: loss ") and lines[4].startswith("mean average precision ")
    mean = sum(float(line.split()[0]) for line in lines[:3]) / 3
    assert float(lines[4].split()[3]) == pytest.approx(mean, abs=0.011)


REFUSED = {
    "no loss": (
        ["{root}/VOC", "{root}/VOC"],
        "one class an image, as the loss 'softmax' takes; 'binary' and 'hinge' take several",
    ),
    "one class": (
        ["{root}/classes", "{root}/classes", "--loss", "binary"],
        "several labels an image, as the loss 'binary' takes",
    ),
    "one of them": (["{root}/VOC", "{root}/classes", "--loss", "binary"], "several labels an image, as the loss 'binary' takes"),
}


@pytest.mark.parametrize(("arguments", "named"), REFUSED.values(), ids=REFUSED)
def test_train_refuses_a_loss_for_other_targets(folders, tmp_path, arguments, named):
    refuses(named, "train", *[a.format(root=folders) for a in arguments], *SMALL, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_list_that_is_not_there(folders, trained_on_voc, tmp_path):
    voc_folder(tmp_path, {"train": {"1": [("cat", 0)]}}, size=(80, 70))
    refuses("list_name is 'val', expected a list in", "evaluate", trained_on_voc[0] / "best.h5", tmp_path)


def test_pictures_are_drawn_of_vocs_images(folders, trained_on_voc, tmp_path):
    net = trained_on_voc[0] / "best.h5"
    works("visualize", net, folders / "VOC", "--layers", "conv1", "--maps", 2, "--count", 1, "--out", tmp_path)
    assert list(tmp_path.glob("*.png"))
