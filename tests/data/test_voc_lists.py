"""VOC's lists: which are of images and which of classes, and lines that VOC does not write."""

import pytest
from voc_folders import put_list

from npzf.data.voc_lists import Lists


@pytest.fixture
def root(tmp_path):
    """Lists train, val and my_val, and the classes train, car and traffic_light."""
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    put_list(tmp_path, "train", ["1", "2", "3"])
    put_list(tmp_path, "val", ["4"])
    put_list(tmp_path, "my_val", ["5"])
    for name in ("train_train", "car_train", "traffic_light_train"):
        put_list(tmp_path, name, [("1", 1), ("2", -1), ("3", 0)])
    put_list(tmp_path, "train_val", [("4", 1)])
    put_list(tmp_path, "car_my_val", [("5", -1)])
    return tmp_path


def lists(root):
    return Lists(root / "ImageSets" / "Main")


def test_the_class_train_in_the_list_val_is_no_list_of_images(root):
    found = lists(root)
    assert sorted(found.of_classes) == [
        *(("car", "my_val"), ("car", "train"), ("traffic_light", "train"), ("train", "train"), ("train", "val"))
    ]
    assert found.images("train") == ("1", "2", "3") and found.images("my_val") == ("5",)
    with pytest.raises(ValueError, match=r"list_name is 'train_val', expected a list in .*Main: my_val, train, val$"):
        found.images("train_val")


def test_labels_are_put_in_the_order_of_the_images(root):
    put_list(root, "car_train", [("3", 0), ("1", 1), ("2", -1)])
    assert lists(root).labels("car", "train").tolist() == [1, -1, 0]


def test_a_list_may_have_an_underscore(root):
    put_list(root, "hard_train", ["3"])
    assert lists(root).images("hard_train") == ("3",)


def test_hidden_files_and_lists_of_classes_without_their_list_are_left_out(root):
    put_list(root, "car_night", [("1", 1)])
    (root / "ImageSets" / "Main" / "._val.txt").write_bytes(b"\xff\x00")
    assert not any(name == "night" for _, name in lists(root).of_classes)


def refused(root, named, call):
    with pytest.raises(ValueError, match=named) as caught:
        call(lists(root))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ([], r"train\.txt is empty, expected an image a line"),
        (["1", "2", "1"], r"train\.txt names 1 twice, expected each image once"),
        (["1", "2 -1"], r"train\.txt has a line '2 -1', expected one image"),
        (["1 2 3"], r"train\.txt has a line '1 2 3'"),
    ],
)
def test_a_list_of_images_that_is_none(root, lines, named):
    put_list(root, "train", lines)
    refused(root, named, lambda found: found.images("train"))


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (["1 1", "2 -1", "3"], r"car_train\.txt has a line '3', expected an image and 1, 0 or -1"),
        (["1 1", "2 -1", "3 2"], r"car_train\.txt has a line '3 2'"),
        (["1 1", "2 -1"], r"car_train\.txt and train\.txt differ in 1 images, expected the same; one is 3"),
        (["1 1", "2 -1", "3 0", "9 1"], "one is 9"),
        (["1 1", "2 -1", "3 0", "1 1"], r"car_train\.txt names 1 twice"),
    ],
)
def test_a_list_of_a_class_that_is_none(root, lines, named):
    put_list(root, "car_train", lines)
    refused(root, named, lambda found: found.labels("car", "train"))


def test_a_list_that_is_not_text(root):
    (root / "ImageSets" / "Main" / "train.txt").write_bytes(b"\xff\xfe1\n")
    refused(root, r"train\.txt is not text", lambda found: found)


def test_a_folder_without_lists(tmp_path):
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    refused(tmp_path, "list_name is 'train', expected a list in .*: none is there", lambda found: found.images("train"))
