"""VOC's folder as an image set: positive, difficult and negative; lists that count more than annotations; what is missing."""

import logging
from pathlib import Path

import numpy as np
import pytest
from voc_folders import annotation, put_list, voc_folder

from npzf.data import ImageSet, SquareImages, TrainingBatches, VOCFolder, checked_targets, is_voc_folder

VOC5 = Path(__file__).parents[2] / ".." / "shared" / "data" / "voc5"

TRAIN = {
    "2008_000002": [("train", 0), ("person", 1)],
    "000001": [("person", 1), ("person", 0), ("person", 1)],
    "000003": [("car", 1), ("car", 1), ("train", None)],
}
LABELS = {  # by hand: bus car person train; the bus is in val only
    "2008_000002": [-1, -1, 0, 1],
    "000001": [-1, -1, 1, -1],
    "000003": [-1, 0, -1, 1],
}
VAL = {"000004": [("bus", 0)], "000005": [("car", 0), ("train", 1)]}


@pytest.fixture
def root(tmp_path):
    return voc_folder(tmp_path / "VOC2012", {"train": TRAIN, "val": VAL})


def labels(images):
    assert not (images.targets & images.difficult).any()
    return (images.targets.astype(int) - ~(images.targets | images.difficult)).tolist()


def test_labels_are_those_of_the_annotations(root):
    images = VOCFolder(root)
    assert images.classes == ("bus", "car", "person", "train")
    assert images.ids == tuple(TRAIN)
    assert labels(images) == list(LABELS.values())
    assert images.targets.dtype == images.difficult.dtype == bool


def test_every_list_has_the_classes_of_the_folder(root):
    put_list(root, "trainval", [*TRAIN, *VAL])
    val, both = VOCFolder(root, "val"), VOCFolder(root, list_name="trainval")
    assert val.classes == both.classes == VOCFolder(root).classes
    assert labels(val) == [[1, -1, -1, -1], [-1, 1, -1, 0]]
    assert labels(both) == [*LABELS.values(), *labels(val)]


def test_it_is_an_image_set(root):
    images = VOCFolder(root)
    assert isinstance(images, ImageSet) and checked_targets(images) is images.targets
    assert images.name(1) == str(root / "JPEGImages" / "000001.jpg")
    assert len(images) == 3 and images.image(0).shape == (10, 12, 3)
    _, targets, indices = next(TrainingBatches(SquareImages(images, 8), 7).epoch(0))
    np.testing.assert_array_equal(targets, images.targets[indices])


def test_the_list_of_a_class_counts_and_a_difference_is_said(root, caplog):
    put_list(root, "person_train", [("000003", -1), ("000001", 0), ("2008_000002", 0)])
    images = VOCFolder(root)
    assert [row[2] for row in labels(images)] == [0, 0, -1]
    assert [row[:2] + row[3:] for row in labels(images)] == [row[:2] + row[3:] for row in LABELS.values()]
    assert [r.getMessage().partition("VOC2012: ")[2] for r in caplog.records] == [
        "person_train.txt differs from the annotations for 1 images; the list counts"
    ]


def test_lists_that_agree_are_not_spoken_of(root, caplog):
    for c, name in enumerate(["bus", "car", "person", "train"]):
        put_list(root, f"{name}_train", [(image, row[c]) for image, row in LABELS.items()])
    assert labels(VOCFolder(root)) == list(LABELS.values())
    assert not caplog.records


def test_lists_of_all_classes_need_no_annotations(root, caplog):
    for c, name in enumerate(["bus", "car", "person", "train"]):
        put_list(root, f"{name}_train", [(image, row[c]) for image, row in LABELS.items()])
    (root / "Annotations" / "000001.xml").unlink()
    assert labels(VOCFolder(root)) == list(LABELS.values())
    for file in (root / "Annotations").iterdir():
        file.unlink()
    (root / "Annotations").rmdir()
    assert labels(VOCFolder(root)) == list(LABELS.values()) and not caplog.records


def test_images_of_a_secret_test_list_are_ignored_in_every_class(root, caplog):
    voc_folder(root, {"test": {"000007": None, "000008": None}})
    with caplog.at_level(logging.WARNING, "npzf"):
        images = VOCFolder(root, "test")
    assert images.difficult.all() and not images.targets.any() and images.classes == ("bus", "car", "person", "train")
    assert "has no annotations of test.txt: its images are ignored in classes without a list" in caplog.text
    put_list(root, "car_test", [("000007", 1), ("000008", -1)])
    assert labels(VOCFolder(root, "test")) == [[0, 1, 0, 0], [0, -1, 0, 0]]


def test_hidden_annotations_are_left_out(root):
    (root / "Annotations" / "._000001.xml").write_bytes(b"\0")
    assert len(VOCFolder(root)) == 3


def refused(named, *arguments, kind=ValueError):
    with pytest.raises(kind, match=named) as caught:
        VOCFolder(*arguments)
    assert "\n" not in str(caught.value)


def test_another_list(root):
    refused(r"list_name is 'test', expected a list in .*Main: train, val$", root, "test")
    refused(r"list_name is '\.\./Main/train'", root, "../Main/train")


def test_missing_images_are_counted_and_one_is_named(root):
    put_list(root, "train", [*TRAIN, "000099", "../Annotations/000001"])
    refused(r"JPEGImages lacks 2 images of train\.txt; one is 000099\.jpg", root)


def test_an_empty_list(root):
    put_list(root, "val", [])
    refused(r"val\.txt is empty", root, "val")


def test_some_annotations_are_missing(root):
    (root / "Annotations" / "000001.xml").unlink()
    refused(r"Annotations lacks 1 annotations of train\.txt; one is 000001\.xml", root)


def test_an_image_without_objects(root):
    (root / "Annotations" / "000001.xml").write_text(annotation())
    refused(r"000001\.xml has no object, expected at least one", root)
    assert len(VOCFolder(root, "val")) == 2


def test_a_broken_annotation_is_named(root):
    (root / "Annotations" / "000001.xml").write_text("<annotation>")
    refused(r"000001\.xml cannot be read as an annotation \(no element found", root)


def test_a_folder_without_classes(tmp_path):
    refused("has no lists of classes and no annotated objects", voc_folder(tmp_path, {"test": {"1": None}}), "test")


def test_other_folders(tmp_path):
    refused("does not exist, expected VOC's folders", tmp_path / "none", kind=FileNotFoundError)
    (tmp_path / "file").write_text("")
    refused("is not a folder", tmp_path / "file", kind=NotADirectoryError)
    (tmp_path / "JPEGImages").mkdir()
    refused("has no JPEGImages or no ImageSets/Main, expected VOC's folders", tmp_path)
    assert not is_voc_folder(tmp_path) and not is_voc_folder(tmp_path / "file")


def test_real_photographs():
    if not VOC5.is_dir():
        pytest.skip(f"{VOC5} is missing: real photographs in VOC's layout")
    train, val = VOCFolder(VOC5), VOCFolder(VOC5, "val")
    assert train.classes == val.classes == ("bus", "car", "cat", "person", "train")
    assert len(train) == len(val) == 201 and val.targets[:, 4].sum() == 74
    assert (train.targets.sum(1) > 1).sum() > 50 and not train.difficult.any()
    assert train.image(0).dtype == np.uint8
