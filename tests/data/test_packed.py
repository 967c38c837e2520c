"""PackedImages files: round trip, damage, atomic writing; and the embedded set."""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import h5py
import numpy as np
import pytest
from PIL import Image

from npzf.data import DecodeError, PackedImages, embedded_images, write_packed


def pixels(i):
    return np.random.default_rng(i).integers(0, 256, (4 + i, 5, 3), np.uint8)


def png(i):
    file = io.BytesIO()
    Image.fromarray(pixels(i)).save(file, "PNG")
    return file.getvalue()


def content(**changes):
    return {
        "encoded": [png(i) for i in range(5)],
        "targets": [0, 1, 1, 0, 2],
        "names": [f"é/{i}.png" for i in range(5)],
        "split": [0, 1, 0, 1, 0],
        "classes": ["ant", "bee", "céphalopode"],
        "origin": "drawn at random",
        "licence": "CC0",
    } | changes


def write(path, **changes):
    arguments = content(**changes)
    write_packed(path, arguments.pop("encoded"), **arguments)


@pytest.fixture
def packed(tmp_path):
    write(tmp_path / "set.h5")
    return tmp_path / "set.h5"


@pytest.mark.parametrize("split, chosen", [(None, [0, 1, 2, 3, 4]), ("train", [0, 2, 4]), ("validation", [1, 3])])
def test_round_trip(packed, split, chosen):
    images = PackedImages(packed, split)
    assert len(images) == len(chosen)
    assert images.classes == ("ant", "bee", "céphalopode")
    assert (images.origin, images.licence) == ("drawn at random", "CC0")
    assert images.targets.dtype == np.int64 and images.targets.tolist() == [[0, 1, 1, 0, 2][i] for i in chosen]
    for i, original in enumerate(chosen):
        assert images.name(i) == f"é/{original}.png"
        np.testing.assert_array_equal(images.image(i), pixels(original))


def test_threads_can_share_it(packed):
    images = PackedImages(packed)
    with ThreadPoolExecutor(8) as pool:
        for i, image in zip(list(range(5)) * 40, pool.map(images.image, list(range(5)) * 40), strict=True):
            np.testing.assert_array_equal(image, pixels(i))


def test_same_content_same_bytes(tmp_path):
    write(tmp_path / "a.h5")
    write(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_damaged_image_is_named(tmp_path):
    write(tmp_path / "set.h5", encoded=[png(0), b"words", b"", png(3), png(4)])
    images = PackedImages(tmp_path / "set.h5")
    for i, cause in [(1, "not an image"), (2, "empty")]:
        with pytest.raises(DecodeError, match=f"^é/{i}.png: .*{cause}"):
            images.image(i)
    np.testing.assert_array_equal(images.image(3), pixels(3))


def refused(path, *words, error=ValueError):
    with pytest.raises(error) as caught:
        PackedImages(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    for word in words:
        assert word in message


def test_missing_text_and_truncated_files(packed, tmp_path):
    refused(tmp_path / "gone.h5", "does not exist", error=FileNotFoundError)
    refused(tmp_path, "not a packed image set")
    (tmp_path / "words.h5").write_text("words" * 100)
    refused(tmp_path / "words.h5", "not a packed image set")
    whole = packed.read_bytes()
    for part in (0, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.h5").write_bytes(whole[:part])
        refused(tmp_path / "cut.h5", "damaged")


def test_foreign_file_and_other_version(packed, tmp_path):
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["weights"] = np.zeros(3)
    refused(tmp_path / "foreign.h5", "format is None", "expected 'npzf-images' version 1")
    with h5py.File(packed, "r+") as file:
        file.attrs["version"] = 2
    refused(packed, "version 2", "expected 'npzf-images' version 1")


@pytest.mark.parametrize("name", ["bytes", "offsets", "labels", "names", "split", "origin", "licence", "classes"])
def test_missing_part(packed, name):
    with h5py.File(packed, "r+") as file:
        del (file if name in file else file.attrs)[name]
    refused(packed, f"{name} is missing")


@pytest.mark.parametrize(
    "name, values, word",
    [
        ("labels", [0, 1, 1, 0, 3], "labels run from 0 to 3, expected 0 to 2"),
        ("labels", [0, -1, 1, 0, 2], "labels run from -1 to 2"),
        ("labels", [0, 1], "(5, 2, 5, 5)"),
        ("labels", [0.0, 1, 1, 0, 2], "labels is float64"),
        ("offsets", [0, 9, 5, 20, 30, 40], "offsets run from 0 to 40, expected from 0 up to"),
        ("offsets", [[0]], "offsets is int64 (1, 1)"),
        ("split", np.array([0, 1, 2, 0, 1], np.uint8), "split runs from 0 to 2"),
        ("names", [1, 2, 3, 4, 5], "not a packed image set"),
    ],
)
def test_contradictions(packed, name, values, word):
    with h5py.File(packed, "r+") as file:
        del file[name]
        file[name] = values
    refused(packed, word)


def test_unknown_and_empty_splits(tmp_path, packed):
    with pytest.raises(ValueError, match="split is 'test', expected 'train', 'validation' or None"):
        PackedImages(packed, "test")
    write(tmp_path / "train.h5", split=[0] * 5)
    with pytest.raises(ValueError, match=r"train\.h5 has no images in split 'validation'"):
        PackedImages(tmp_path / "train.h5", "validation")


@pytest.mark.parametrize(
    "changes", [{"targets": [0, 1, 2, 3, 0]}, {"split": [0, 0, 0, 0, 256]}, {"names": ["a"]}, {"classes": []}]
)
def test_writing_refuses_contradictions(tmp_path, changes):
    with pytest.raises(ValueError, match=r"set\.h5: "):
        write(tmp_path / "set.h5", **changes)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_failed_writing_leaves_the_old_file(packed, monkeypatch, broken):
    def fail(*_):
        raise OSError("disk full")

    before = packed.read_bytes()
    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="disk full"):
        write(packed, origin="another")
    assert packed.read_bytes() == before and list(packed.parent.iterdir()) == [packed]


def test_embedded_set():
    train, validation, both = embedded_images(), embedded_images("validation"), embedded_images(None)
    assert len(train.classes) == 12 and train.classes == validation.classes == tuple(sorted(train.classes))
    assert np.bincount(validation.targets).tolist() == [20] * 12
    expected = dict.fromkeys(train.classes, 80) | {"grand_piano": 79, "butterfly": 71, "sunflower": 65}
    assert dict(zip(train.classes, np.bincount(train.targets).tolist(), strict=True)) == expected
    names = [both.name(i) for i in range(len(both))]
    assert len(set(names)) == len(names) == len(train) + len(validation)
    assert all(name.split("/")[0] == both.classes[target] for name, target in zip(names, both.targets, strict=True))
    assert train.origin == "Caltech-101, Fei-Fei, Fergus, Perona 2004" and train.licence == "CC BY 4.0"
    assert all(both.image(i).shape == (128, 128, 3) for i in range(0, len(both), 50))


def test_embedded_file_is_small():
    assert len((files("npzf.data") / "embedded.h5").read_bytes()) <= 6_000_000
