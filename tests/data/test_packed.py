"""PackedImages files: round trip, damage, atomic writing; and the embedded set."""

import io
import multiprocessing
import os
import sys
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.resources import files

import h5py
import numpy as np
import pytest
from PIL import Image
from resealing import changed, replaced

import npzf
from npzf.data import DecodeError, PackedImages, SquareImages, decode, embedded_images, write_packed
from npzf.storage import sealed


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


def read_all(images):
    """In another process: the pixels' bytes, in an order of its own."""
    return {i: images.image(i).tobytes() for i in (3, 0, 4, 1, 2)}


def test_a_packed_jpeg_can_be_reduced(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (400, 200), "teal").save(file, "JPEG")
    write(tmp_path / "set.h5", encoded=[file.getvalue(), *(png(i) for i in range(4))])
    images = PackedImages(tmp_path / "set.h5")
    assert images.reduced(0, 60).shape == (100, 200, 3) and images.image(0).shape == (200, 400, 3)
    np.testing.assert_array_equal(images.reduced(1, 1), pixels(0))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_can_share_it(packed, method, monkeypatch):
    """A pickled copy, and what a forked child has of its parent's; named by a path that only the parent's folder knows."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this system")
    monkeypatch.chdir(packed.parent)
    images = PackedImages(packed.name)
    monkeypatch.chdir(packed.parent.parent)
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        jobs = [pool.submit(read_all, images) for _ in range(6)]
        for job in jobs:
            assert job.result() == {i: pixels(i).tobytes() for i in range(5)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_squares_are_decoded_in_a_forked_child_too(packed):
    """The child has none of its parent's decoding threads."""
    images = SquareImages(PackedImages(packed), 4, limit=0)
    expected = images.take(range(5))[0].tobytes()
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()
    child = fork.Process(target=lambda: results.put(images.take(range(5))[0].tobytes()))
    child.start()
    child.join(20)
    try:
        assert child.exitcode == 0 and results.get() == expected
    finally:
        child.kill()


def test_image_bytes_are_read_when_they_are_asked_for(tmp_path, monkeypatch):
    """A file of 50 MB: opening it takes no memory for them, and an image no more than its own."""
    big = b"\0" * 10_000_000
    write(tmp_path / "set.h5", encoded=[png(0), big, big, big, big])
    tracemalloc.start()
    try:
        images = PackedImages(tmp_path / "set.h5")
        np.testing.assert_array_equal(images.image(0), pixels(0))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_file_written_again_while_it_is_in_use_is_named(packed):
    images = PackedImages(packed)
    write(packed, encoded=[png(4 - i) for i in range(5)])
    with pytest.raises(ValueError, match=r"set\.h5 was written again while it was in use") as caught:
        images.image(0)
    assert not isinstance(caught.value, DecodeError)  # which would leave the image out
    packed.unlink()
    with pytest.raises(FileNotFoundError):
        images.image(0)


def test_bytes_in_chunks_are_refused(packed):
    encoded = np.frombuffer(b"".join(png(i) for i in range(5)), np.uint8)
    changed(packed, replaced("bytes", encoded, chunks=(10,)))
    refused(packed, "bytes of ", "expected it in one piece")


def test_another_part_left_out_is_refused(packed):
    with open(packed, "r+b") as file:
        sealed.seal(file, (600, 700))
    refused(packed, "leave out another part than bytes")


def test_an_image_whose_bytes_have_changed_is_named_and_the_others_are_read(packed):
    with open(packed, "r+b") as file:
        first, _ = sealed.read_seal(file).apart
        file.seek(first + len(png(0)) + len(png(1)) - 20)
        file.write(b"x")
    images = PackedImages(packed)
    with pytest.raises(DecodeError, match=rf"^é/1\.png in {packed} is damaged: its SHA-256 is not the one"):
        images.image(1)
    for i in (0, 2, 3, 4):
        np.testing.assert_array_equal(images.image(i), pixels(i))


def test_more_bytes_than_a_picture_may_have_are_not_read(packed, monkeypatch):
    module = sys.modules[decode.__module__]
    monkeypatch.setattr(module, "HEADERS", 0)
    monkeypatch.setattr(module._Limit, "pixels", len(png(4)) // 4)
    with pytest.raises(DecodeError, match=rf"^é/4\.png in {packed}: the file has \d+ bytes, expected at most 4 for each"):
        write(packed, encoded=[png(0), png(1), png(2), png(3), png(4) + bytes(4)])
        PackedImages(packed).image(4)


def test_the_digest_is_one_of_the_contents(packed, tmp_path):
    write(tmp_path / "again.h5")
    write(tmp_path / "other.h5", encoded=[png(4 - i) for i in range(5)])
    digests = [PackedImages(path).digest for path in (packed, tmp_path / "again.h5", tmp_path / "other.h5")]
    assert digests[0] == digests[1] != digests[2]


def test_names_that_are_no_utf_8(tmp_path):
    odd = os.fsdecode(b"caf\xe9/1.png")
    write(tmp_path / "set.h5", names=[odd, "", "c", "d", "e"])
    assert [PackedImages(tmp_path / "set.h5").name(i) for i in range(2)] == [odd, ""]


def test_same_content_same_bytes(tmp_path):
    write(tmp_path / "a.h5")
    write(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_damaged_image_is_named(tmp_path):
    write(tmp_path / "set.h5", encoded=[png(0), b"words", b"", png(3), png(4)])
    images = PackedImages(tmp_path / "set.h5")
    for i, cause in [(1, "not an image"), (2, "empty")]:
        with pytest.raises(DecodeError, match=f"^é/{i}.png in {images.path}: .*{cause}"):
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
    refused(tmp_path, "is a folder, expected an image set saved by npzf", error=OSError)
    (tmp_path / "words.h5").write_text("words" * 100)
    refused(tmp_path / "words.h5", "does not begin as npzf's files do", "pack the images again")
    whole = packed.read_bytes()
    for part in (0, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.h5").write_bytes(whole[:part])
        refused(tmp_path / "cut.h5", "damaged" if part <= 100 else "cut short")


def test_foreign_file_and_other_version(packed, tmp_path):
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["weights"] = np.zeros(3)
    refused(tmp_path / "foreign.h5", "another program's", "expected an image set saved by npzf")
    npzf.small_zfnet(2, 32, maps=(2, 2, 2, 2, 2), fc_units=0).save(tmp_path / "net.h5")
    refused(tmp_path / "net.h5", "format of", "is 'npzf network', expected 'npzf image set'")
    changed(packed, lambda file: file.attrs.create("version", 4))
    refused(packed, "version of", "is 4, expected 3: pack the images again")


@pytest.mark.parametrize("name", ["offsets", "labels", "names", "split", "sha256", "origin", "licence", "classes"])
def test_missing_part(packed, name):
    changed(packed, lambda file: (file if name in file else file.attrs).__delitem__(name))
    refused(packed, f"{name} of {packed} is missing")


def test_every_bit_but_those_of_images_is_covered(packed):
    whole = packed.read_bytes()
    with open(packed, "rb") as file:
        first, end = sealed.read_seal(file).apart
    for place in {*range(0, first, 61), *range(end, len(whole), 61)}:
        packed.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        refused(packed, "expected an image set saved by npzf")


@pytest.mark.parametrize(
    "name, values, word",
    [
        ("labels", [0, 1, 1, 0, 3], "labels run from 0 to 3, expected 0 to 2"),
        ("labels", [0, -1, 1, 0, 2], "labels run from -1 to 2"),
        ("labels", [0, 1], "offsets of"),
        ("labels", [0.0, 1, 1, 0, 2], "is float64, expected numbers of type int64"),
        ("offsets", [0, 9, 5, 20, 30, 40], "offsets run from 0 to 40, expected from 0 up to"),
        ("offsets", [[0]], "has shape (1, 1), expected (6,)"),
        ("offsets", [-5, 9, 5, 20, 30, 40], "offsets run from -5"),
        ("split", np.array([0, 1, 2, 0, 1], np.uint8), "split runs from 0 to 2"),
        ("names", [1, 2, 3, 4, 5], "is int64, expected text of fixed length"),
        ("names", ["a", "b", "c", "d", "e"], "expected text of fixed length"),
        ("sha256", np.zeros((5, 31), np.uint8), "has shape (5, 31), expected (5, 32)"),
        ("classes", np.bytes_('{"ant": 1}'), "classes are no list of names"),
        ("classes", np.bytes_("[1, 2, 3]"), "classes are no list of names"),
        ("classes", np.bytes_("[" * 10_000), "is damaged"),
    ],
)
def test_contradictions(packed, name, values, word):
    changed(packed, replaced(name, values))
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
