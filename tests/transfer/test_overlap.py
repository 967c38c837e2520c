"""Near duplicates: planted copies of every kind are found, other images are not, and what was found can be read again."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter
from test_scripts import refuses, works

from npzf.data import ClassFolders, ImageFiles
from npzf.transfer import describe_images, near_duplicates, overlapping, read_overlap, write_overlap
from npzf.transfer.descriptors import SIDE

COUNT = 12  # pictures


def picture(i, size=(160, 120)):
    """Soft shapes of many sizes, as a photograph has: (H, W, 3) uint8."""
    generator = np.random.default_rng(i)
    layers = np.zeros((size[1], size[0], 3))
    for cells, weight in ((4, 90), (9, 60), (20, 40)):
        coarse = Image.fromarray(generator.integers(0, 256, (cells, cells, 3), np.uint8))
        layers += weight * np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), float) / 255
    return Image.fromarray(np.clip(layers + 20, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.5))


def recompressed(image, quality=30):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


CHANGES = {
    "none": lambda image: image,
    "rescaled": lambda image: image.resize((60, 45), Image.Resampling.BICUBIC),
    "squeezed": lambda image: image.resize((64, 64), Image.Resampling.BICUBIC),
    "cropped": lambda image: image.crop((10, 9, 152, 117)),
    "cropped all round": lambda image: image.crop((16, 12, 144, 108)),
    "centre square": lambda image: image.crop((20, 0, 140, 120)),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "recompressed": recompressed,
    "brighter": lambda image: image.point(lambda v: min(255, v * 1.15)),
    "grey": lambda image: image.convert("L").convert("RGB"),
}


@pytest.fixture
def folder(tmp_path):
    """Pictures of a pretraining set; of the target set five are changed copies, the others are new."""

    def made(change):
        for name in ("pretraining", "target"):
            (tmp_path / name / "things").mkdir(parents=True)
        for i in range(COUNT):
            picture(i).save(tmp_path / "pretraining" / "things" / f"{i:02d}.png")
            copy = CHANGES[change](picture(i)) if i < 5 else picture(100 + i)
            copy.save(tmp_path / "target" / "things" / f"{i:02d}.png")
        return ClassFolders(tmp_path / "pretraining"), ClassFolders(tmp_path / "target")

    return made


@pytest.mark.parametrize("change", CHANGES)
def test_planted_copies_are_found_and_nothing_else(folder, change):
    pretraining, target = folder(change)
    pairs = near_duplicates(describe_images(target), describe_images(pretraining))
    assert sorted((pair.target_index, pair.pretraining_index) for pair in pairs) == [(i, i) for i in range(5)]
    assert all(pair.mirrored == (change == "mirrored") for pair in pairs)
    similarities = [pair.similarity for pair in pairs]
    assert similarities == sorted(similarities, reverse=True) and similarities[-1] >= 0.92
    np.testing.assert_array_equal(overlapping(target, pretraining), np.arange(5))


def test_within_one_set_each_pair_comes_once_and_none_with_itself(tmp_path):
    for i, of in enumerate((0, 1, 0, 2, 1)):
        CHANGES["recompressed"](picture(of)).save(tmp_path / f"{i}.png")
    images = ImageFiles([tmp_path / f"{i}.png" for i in range(5)], np.zeros(5, np.int64), ("",))
    described = describe_images(images)
    pairs = near_duplicates(described, described)
    assert sorted((pair.target_index, pair.pretraining_index) for pair in pairs) == [(2, 0), (4, 1)]


def test_images_that_show_nothing_are_like_nothing(tmp_path):
    for i in range(4):
        Image.fromarray(np.full((40, 50, 3), 60 * i, np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "4.png").write_bytes(b"damaged")
    images = ImageFiles([tmp_path / f"{i}.png" for i in range(5)], np.zeros(5, np.int64), ("",))
    described = describe_images(images)
    assert list(described.failures) == [4] and not described.whole[4].any() and described.whole.shape == (5, SIDE, SIDE)
    assert near_duplicates(described, described) == []


@pytest.mark.parametrize("threshold", [0.5, 1.1, float("nan")])
def test_a_threshold_for_which_candidates_are_not_complete_is_refused(tmp_path, threshold):
    picture(0).save(tmp_path / "0.png")
    described = describe_images(ImageFiles([tmp_path / "0.png"], np.zeros(1, np.int64), ("",)))
    with pytest.raises(ValueError, match=r"threshold is .*, expected 0\.8 to 1"):
        near_duplicates(described, described, threshold)


def test_the_script_writes_what_other_commands_leave_out(folder, tmp_path):
    _, target = folder("recompressed")
    options = ["--out", tmp_path / "overlap.csv", "--sheet", tmp_path / "pairs.png"]
    printed = works("overlap", tmp_path / "pretraining", tmp_path / "target", *options)
    assert "5 of 12 images (41.67%) overlap, in 5 pairs" in printed
    assert Image.open(tmp_path / "pairs.png").size[0] > 500
    np.testing.assert_array_equal(read_overlap(tmp_path / "overlap.csv", target), np.arange(5))
    (tmp_path / "target" / "things" / "03.png").unlink()
    with pytest.raises(ValueError, match=r"overlap\.csv names 1 images that the set of 11 has not"):
        read_overlap(tmp_path / "overlap.csv", ClassFolders(tmp_path / "target"))
    refuses("--out is", "overlap", tmp_path / "pretraining", tmp_path / "target", "--out", tmp_path / "overlap.txt")
    refuses("threshold is 0.1", "overlap", tmp_path / "pretraining", tmp_path / "target", "--threshold", 0.1)


def test_a_file_that_names_no_images_is_refused(tmp_path):
    picture(0).save(tmp_path / "0.png")
    images = ImageFiles([tmp_path / "0.png"], np.zeros(1, np.int64), ("",))
    (tmp_path / "wrong.csv").write_text("image,other\na,b\n")
    with pytest.raises(ValueError, match=r"wrong\.csv is not a file that npzf overlap has written"):
        read_overlap(tmp_path / "wrong.csv", images)
    with pytest.raises(FileNotFoundError, match=r"none\.csv does not exist"):
        read_overlap(tmp_path / "none.csv", images)
    assert read_overlap(write_overlap(tmp_path / "empty.csv", [], images, images), images).size == 0
