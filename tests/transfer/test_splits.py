"""Training and test images of section 5.2: sizes, determinism, and files of our own and of others."""

import json

import numpy as np
import pytest

from npzf.transfer import Split, cross_validation, random_split, read_split, write_split

CLASSES = ("ant", "bee", "cat")
TARGETS = np.repeat(np.arange(3), [70, 12, 9])
NAMES = [f"/data/101_ObjectCategories/{CLASSES[t]}/image_{i:04d}.jpg" for i, t in enumerate(TARGETS)]


def test_each_class_gives_as_many_training_images_and_at_most_fifty_to_test():
    split = random_split(TARGETS, CLASSES, 8)
    assert np.bincount(TARGETS[split.train]).tolist() == [8, 8, 8]
    assert np.bincount(TARGETS[split.test]).tolist() == [50, 4, 1]
    assert not set(split.train) & set(split.test)
    assert len(random_split(TARGETS, CLASSES, 8, most_test=None).test) == len(TARGETS) - 24


def test_a_seed_gives_one_split_and_fewer_images_are_among_more():
    one, again, other = (random_split(TARGETS, CLASSES, 5, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.train, again.train)
    np.testing.assert_array_equal(one.test, again.test)
    assert (one.train != other.train).any()
    assert set(random_split(TARGETS, CLASSES, 2, seed=3).train) < set(one.train)


@pytest.mark.parametrize(
    ("per_class", "options", "named"),
    [
        (9, {}, "class 'cat' has 9 images, expected at least 10: 9 to train on and one to test on"),
        (0, {}, "per_class is 0"),
        (3, {"most_test": 0}, "most_test is 0"),
    ],
)
def test_a_class_with_too_few_images_is_named(per_class, options, named):
    with pytest.raises(ValueError, match=named):
        random_split(TARGETS, CLASSES, per_class, **options)


def test_in_cross_validation_each_image_is_tested_once_and_classes_are_spread():
    splits = cross_validation(TARGETS, 4)
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(len(TARGETS)))
    for split in splits:
        assert sorted([*split.train, *split.test]) == list(range(len(TARGETS)))
        counts = np.bincount(TARGETS[split.test], minlength=3)
        assert counts.tolist()[1] == 3 and counts[2] in (2, 3) and counts[0] in (17, 18)
    sizes = [len(split.test) for split in splits]
    assert max(sizes) - min(sizes) <= 1
    with pytest.raises(ValueError, match="folds is 71"):
        cross_validation(TARGETS, 71)


def test_a_split_is_written_and_read(tmp_path):
    split = random_split(TARGETS, CLASSES, 5, seed=1)
    path = write_split(tmp_path / "split.txt", split, NAMES, "/data/101_ObjectCategories")
    assert path.read_text().splitlines()[0].startswith("train\tant/image_")
    read = read_split(path, NAMES)
    np.testing.assert_array_equal(read.train, split.train)
    np.testing.assert_array_equal(read.test, split.test)


PUBLISHED = {
    "plain": "ant/image_{0:04d}.jpg",
    "with label": "ant/image_{0:04d}.jpg 0",
    "with folder": "101_ObjectCategories/ant/image_{0:04d}.jpg 17",
    "somewhere else": "/home/somebody/caltech/ant/image_{0:04d}.jpg",
    "of Windows": "101_ObjectCategories\\ant\\image_{0:04d}.jpg",
}


@pytest.mark.parametrize("form", PUBLISHED.values(), ids=PUBLISHED)
def test_lists_that_others_publish_are_read(tmp_path, form):
    (tmp_path / "train.txt").write_text("".join(f"{form.format(i)}\r\n" for i in (3, 1)))
    (tmp_path / "test.txt").write_text("".join(f"{form.format(i)}\n" for i in (9, 7, 8)) + "\n")
    read = read_split(tmp_path / "train.txt", NAMES, tmp_path / "test.txt")
    assert read.train.tolist() == [1, 3] and read.test.tolist() == [7, 8, 9]


def test_json_that_others_publish_is_read(tmp_path):
    content = {"train": [["ant/image_0002.jpg", 0, "ant"]], "val": [], "test": ["bee/image_0071.jpg"]}
    (tmp_path / "split.json").write_text(json.dumps(content))
    read = read_split(tmp_path / "split.json", NAMES)
    assert read.train.tolist() == [2] and read.test.tolist() == [71]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("train\tant/image_9999.jpg\n", r"line 1 of .*split.txt names 'ant/image_9999.jpg', expected an image of the set"),
        ("train\tdog/image_0001.jpg\n", "names 'dog/image_0001.jpg'"),
        ("train\tant/image_0001.jpg\ntest\tant/image_0001.jpg\n", "line 2 of .* which line 1 of .* has named already"),
        ("train\tant/image_0001.jpg\n", "names no test images"),
        ("ant/image_0001.jpg\n", "line 1 of .* expected train or test"),
        ("", "names no train images"),
    ],
)
def test_a_split_file_that_cannot_be_meant_is_refused_by_line(tmp_path, text, named):
    (tmp_path / "split.txt").write_text(text)
    with pytest.raises(ValueError, match=named) as caught:
        read_split(tmp_path / "split.txt", NAMES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"train": 3, "test": []}', b'{"train": [[]], "test": []}', b"\xff\xfe"])
def test_json_that_is_no_split_is_refused(tmp_path, content):
    (tmp_path / "split.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"split\.json"):
        read_split(tmp_path / "split.json", NAMES)


def test_a_name_that_could_be_several_images_needs_its_folder(tmp_path):
    names = ["a/1.jpg", "b/1.jpg"]
    (tmp_path / "split.txt").write_text("train\t1.jpg\ntest\tb/1.jpg\n")
    with pytest.raises(ValueError, match="could be 2 images"):
        read_split(tmp_path / "split.txt", names)
    write_split(tmp_path / "split.txt", Split(np.array([0]), np.array([1])), names)
    assert read_split(tmp_path / "split.txt", names).test.tolist() == [1]


def test_labels_stand_behind_any_space_and_marks_of_windows_are_no_names(tmp_path):
    names = [*NAMES, "/data/101_ObjectCategories/dog/my dog 7.jpg"]
    (tmp_path / "train.txt").write_bytes("\ufeffant/image_0003.jpg\t0\r\nant/image_0001.jpg   -1 \r\n".encode())
    (tmp_path / "test.txt").write_text("dog/my dog 7.jpg 3\n")
    read = read_split(tmp_path / "train.txt", names, tmp_path / "test.txt")
    assert read.train.tolist() == [1, 3] and read.test.tolist() == [len(NAMES)]
    (tmp_path / "test.txt").write_text("dog/my dog 7.jpg\n")
    assert read_split(tmp_path / "train.txt", names, tmp_path / "test.txt").test.tolist() == [len(NAMES)]
    content = json.dumps({"train": ["ant/image_0002.jpg"], "test": ["bee/image_0071.jpg"]})
    (tmp_path / "split.json").write_text(content, encoding="utf-8-sig")
    assert read_split(tmp_path / "split.json", names).train.tolist() == [2]


@pytest.mark.parametrize(
    ("train", "test", "named"),
    [
        (b"ant/image_0001.jpg\n", b"\nant/image_9999.jpg 0\n", r"line 2 of .*test\.txt names 'ant/image_9999\.jpg', expected"),
        (
            b"ant/image_0001.jpg\n",
            b"101/ant/image_0001.jpg\n",
            r"line 1 of .*test\.txt .* line 1 of .*train\.txt has named already",
        ),
        (b"ant/image_0001.jpg\n", b"\n\n", "names no test images"),
        (b"", b"ant/image_0001.jpg\n", "names no train images"),
        (b"ant/image_0001.jpg\n", b"\xff\xd8\xff\xe0", r"test\.txt is no text"),
        (b"ant/image_0001.jpg\n", b"bee/\x00\n", r"line 1 of .*test\.txt names"),
        (b"17\n", b"ant/image_0001.jpg\n", r"line 1 of .*train\.txt names '17'"),
    ],
    ids=["missing", "twice", "no test", "no train", "binary", "zero byte", "number"],
)
def test_lists_of_others_that_cannot_be_meant_are_refused_by_line(tmp_path, train, test, named):
    (tmp_path / "train.txt").write_bytes(train)
    (tmp_path / "test.txt").write_bytes(test)
    with pytest.raises(ValueError, match=named) as caught:
        read_split(tmp_path / "train.txt", NAMES, tmp_path / "test.txt")
    assert "\n" not in str(caught.value)


def test_fewer_images_are_the_first_of_more_for_each_size():
    """Nested in each other, and the same for a class whatever the other classes have."""
    splits = [random_split(TARGETS, CLASSES, n, seed=7) for n in (1, 3, 8)]
    assert set(splits[0].train) < set(splits[1].train) < set(splits[2].train)
    alone = random_split(TARGETS[:70], CLASSES[:1], 3, seed=7)
    assert alone.train.tolist() == [i for i in splits[1].train if i < 70]


ODD = ["a\nb.png", '"q".png', "a\x85b.png", "a\u2028b", "\udcff.png", "\udcff\n", "a\tb", "a\\b", '"', '{"a": 1}', " a ", "\x1c"]


@pytest.mark.parametrize("name", ODD)
def test_a_split_holds_every_name_in_one_line(tmp_path, name):
    names = [f"/data/one/{name}", "/data/two/other.png"]
    path = write_split(tmp_path / "split.txt", Split(np.array([0]), np.array([1])), names, "/data")
    assert len(path.read_bytes().splitlines()) == 2
    read = read_split(path, names)
    assert (read.train.tolist(), read.test.tolist()) == ([0], [1])


@pytest.mark.parametrize("name", ['"quoted" by others.png', '"3"', '"unfinished', "[1]"])
def test_names_of_others_that_begin_as_json_stay(tmp_path, name):
    (tmp_path / "split.txt").write_text(f"train\tone/{name}\ntest\ttwo/other.png\n")
    read = read_split(tmp_path / "split.txt", [f"/data/one/{name}", "/data/two/other.png"])
    assert (read.train.tolist(), read.test.tolist()) == ([0], [1])
