"""What counts as an image set in a folder, and how the rest is refused."""

import logging

import numpy as np
import pytest
from PIL import Image

from npzf.data import ClassFolders, DecodeError


def put(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, 2), (value, 0, 0)).save(path, "PNG")


def test_classes_files_and_targets_are_sorted(tmp_path):
    for name in ["zebra/b.png", "zebra/a.PNG", "ant/deep/er/2.JpG", "ant/1.tiff", "BACKGROUND_Google/x.png"]:
        put(tmp_path / name)
    put(tmp_path / "ant" / "3.webp", 77)
    for name in ["ant/.hidden.png", "ant/.cache/x.png", ".git/x.png"]:
        put(tmp_path / name)
    (tmp_path / "ant" / "notes.txt").write_text("not an image")
    images = ClassFolders(tmp_path)
    assert images.classes == ("ant", "zebra")
    expected = ["ant/1.tiff", "ant/3.webp", "ant/deep/er/2.JpG", "zebra/a.PNG", "zebra/b.png"]
    assert [images.name(i) for i in range(len(images))] == [str(tmp_path / name) for name in expected]
    assert images.targets.dtype == np.int64 and images.targets.tolist() == [0, 0, 0, 1, 1]
    assert images.image(1).shape == (2, 3, 3) and images.image(1)[0, 0].tolist() == [77, 0, 0]


def test_background_can_be_counted(tmp_path):
    put(tmp_path / "BACKGROUND_Google" / "x.png")
    put(tmp_path / "ant" / "x.png")
    assert ClassFolders(tmp_path, without=()).classes == ("BACKGROUND_Google", "ant")
    assert ClassFolders(str(tmp_path), without=("ant",)).classes == ("BACKGROUND_Google",)


def test_damaged_image_is_named(tmp_path):
    (tmp_path / "ant").mkdir()
    (tmp_path / "ant" / "bad.jpg").write_text("words")
    with pytest.raises(DecodeError, match=r"bad\.jpg: not an image"):
        ClassFolders(tmp_path).image(0)


def test_stray_images_are_mentioned(tmp_path, caplog):
    put(tmp_path / "ant" / "x.png")
    put(tmp_path / "stray.png")
    with caplog.at_level(logging.WARNING, "npzf"):
        assert len(ClassFolders(tmp_path)) == 1
    assert f"{tmp_path}: 1 images lie outside" in caplog.text


def refused(path, error, *words):
    with pytest.raises(error) as caught:
        ClassFolders(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    for word in words:
        assert word in message


def test_bad_folders_are_refused_in_one_line(tmp_path):
    layout = "expected one folder for each class"
    refused(tmp_path / "gone", FileNotFoundError, "does not exist", layout)
    put(tmp_path / "file.png")
    refused(tmp_path / "file.png", NotADirectoryError, "is not a folder", layout)
    refused(tmp_path, ValueError, "no class folders and 1 images directly in it", layout)
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", ValueError, "no class folders and no images", layout)


def test_class_folder_of_text_files_is_refused(tmp_path):
    put(tmp_path / "ant" / "x.png")
    (tmp_path / "bee").mkdir()
    (tmp_path / "bee" / "x.txt").write_text("words")
    refused(tmp_path, ValueError, "class folder 'bee' of", "has no images", ".jpg", "without=('bee',)")
    assert ClassFolders(tmp_path, without=("bee",)).classes == ("ant",)
