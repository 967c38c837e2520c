"""What tells image sets apart, and what does not: where they lie, and when their files were written."""

import os
import shutil

import numpy as np
import pytest
from tiny_training import LabelledPictures, Pictures

from npzf.data import ClassFolders, ImageFiles, PackedImages, Subset, image_digest, write_packed
from npzf.data.embedded import embedded_images


@pytest.fixture
def folder(tmp_path):
    for name in ("ant/1.png", "ant/deep/2.png", "bee/3.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(name.encode())
    return tmp_path / "set"


def test_a_set_may_be_moved_copied_and_named_otherwise(folder, tmp_path, monkeypatch):
    expected = image_digest(ClassFolders(folder))
    assert len(expected) == 64
    shutil.copytree(folder, tmp_path / "elsewhere" / "deep")
    os.utime(tmp_path / "elsewhere" / "deep" / "bee" / "3.png", (1, 1))
    assert image_digest(ClassFolders(tmp_path / "elsewhere" / "deep")) == expected
    monkeypatch.chdir(tmp_path)
    assert image_digest(ClassFolders("set")) == image_digest(ClassFolders("./set/")) == expected


CHANGES = {
    "fewer": lambda folder: (folder / "ant/1.png").unlink(),
    "more": lambda folder: (folder / "ant/4.png").write_bytes(b""),
    "renamed": lambda folder: (folder / "ant/1.png").rename(folder / "ant/4.png"),
    "another class": lambda folder: (folder / "ant/1.png").rename(folder / "bee/1.png"),
    "size": lambda folder: (folder / "ant/1.png").write_bytes(b"another size"),
    "class renamed": lambda folder: (folder / "ant").rename(folder / "aunt"),
    "deeper": lambda folder: (folder / "ant/deep").rename(folder / "ant/deeper"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_files_that_change_make_another_set(folder, change):
    before = image_digest(ClassFolders(folder))
    change(folder)
    assert image_digest(ClassFolders(folder)) != before


def test_names_of_any_bytes_have_a_digest(folder):
    (folder / "bee" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    assert len(image_digest(ClassFolders(folder))) == 64


def test_the_order_counts(folder):
    images = ClassFolders(folder)
    digests = {image_digest(Subset(images, order)) for order in ([0, 1, 2], [1, 0, 2], [0, 1], [0])}
    assert len(digests) == 4 and image_digest(Subset(images, [0, 1, 2])) == image_digest(images)


def test_targets_and_difficult_labels_count():
    digests = {image_digest(images) for images in (Pictures(7), Pictures(6), LabelledPictures(7))}
    digests.add(image_digest(LabelledPictures(7, difficult=np.zeros((7, 3), bool))))
    digests.add(image_digest(LabelledPictures(7, difficult=np.ones((7, 3), bool))))
    assert len(digests) == 5


def packed(path, encoded):
    count = len(encoded)
    options = {"targets": [0] * count, "names": [f"{i}.png" for i in range(count)], "split": [0, 1] * (count // 2)}
    write_packed(path, encoded, classes=["ant"], origin="here", licence="none", **options)
    return [PackedImages(path, split) for split in ("train", "validation", None)]


def test_of_a_packed_file_the_content_counts(tmp_path):
    one = [image_digest(images) for images in packed(tmp_path / "a.h5", [b"a", b"b"])]
    same = [image_digest(images) for images in packed(tmp_path / "b.h5", [b"a", b"b"])]
    other = [image_digest(images) for images in packed(tmp_path / "c.h5", [b"a", b"c"])]
    assert len(set(one)) == 3 and not set(one) & set(other)
    assert image_digest(embedded_images("train")) != image_digest(embedded_images("validation"))
    assert image_digest(Subset(embedded_images("train"), [1, 2])) != image_digest(Subset(embedded_images("train"), [1, 3]))
    assert len(same) == 3


def test_one_file_and_none(folder):
    one = ImageFiles([folder / "ant/1.png"], np.zeros(1, np.int64), ("ant",))
    none = ImageFiles([], np.zeros(0, np.int64), ("ant",))
    assert image_digest(one) != image_digest(none)
