"""A folder of photographs without classes: what counts as an image of it, and how the rest is refused."""

import numpy as np
import pytest
from PIL import Image

from npzf.data import DecodeError
from npzf.data.image_folder import ImageFolder


def put(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, 2), (value, 0, 0)).save(path, "PNG")


def test_files_are_sorted_and_have_one_class_without_a_name(tmp_path):
    for name in ["b.png", "a.JPG", ".hidden.png", "deep/c.png"]:
        put(tmp_path / name)
    put(tmp_path / "c.webp", 77)
    (tmp_path / "notes.txt").write_text("not an image")
    images = ImageFolder(str(tmp_path))
    assert [images.name(i) for i in range(len(images))] == [str(tmp_path / name) for name in ("a.JPG", "b.png", "c.webp")]
    assert images.classes == ("",)
    assert images.targets.dtype == np.int64 and images.targets.tolist() == [0, 0, 0]
    assert images.image(2).shape == (2, 3, 3) and images.image(2)[0, 0].tolist() == [77, 0, 0]


def test_damaged_image_is_named(tmp_path):
    (tmp_path / "bad.jpg").write_text("words")
    with pytest.raises(DecodeError, match=r"bad\.jpg: not an image"):
        ImageFolder(tmp_path).image(0)


def test_bad_folders_are_refused_in_one_line(tmp_path):
    put(tmp_path / "classes" / "ant" / "a.png")
    put(tmp_path / "file.png")
    cases = [
        (tmp_path / "gone", FileNotFoundError, "does not exist"),
        (tmp_path / "file.png", NotADirectoryError, "is not a folder"),
        (tmp_path / "classes", ValueError, "has no images"),
    ]
    for path, error, words in cases:
        with pytest.raises(error, match=words) as caught:
            ImageFolder(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
        assert "expected a folder with images directly in it" in str(caught.value)
