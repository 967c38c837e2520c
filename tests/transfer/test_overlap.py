"""Near duplicates: planted copies of every kind are found, other images are not, and what was found can be read again."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from test_scripts import refuses, works

from npzf.data import ClassFolders, ImageFiles
from npzf.transfer import ImageDescriptors, describe_images, near_duplicates, overlap, overlapping, read_overlap, write_overlap
from npzf.transfer.descriptors import SIDE

LEOPARDS = Path(__file__).parents[3] / "shared" / "data" / "caltech101" / "101_ObjectCategories" / "Leopards"
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
    "cropped at the left and mirrored": lambda image: image.crop((16, 0, 160, 120)).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
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
    assert all(pair.mirrored == ("mirrored" in change) for pair in pairs)
    similarities = [pair.similarity for pair in pairs]
    assert similarities == sorted(similarities, reverse=True) and similarities[-1] >= 0.92
    np.testing.assert_array_equal(overlapping(target, pretraining), np.arange(5))


def test_alignment_starts_near_where_the_mirror_image_lies(folder, monkeypatch):
    """Copies without a tenth at their left, mirrored: turned back, the middle of the original begins at their left edge."""
    pretraining, target = folder("cropped at the left and mirrored")
    starts = []

    def spied(first, second, windows, decide=overlap.similarities):
        starts.extend(windows)
        return decide(first, second, windows)

    monkeypatch.setattr(overlap, "similarities", spied)
    pairs = near_duplicates(describe_images(target), describe_images(pretraining))
    assert len(pairs) == 5 and all(pair.mirrored for pair in pairs)
    assert np.mean([left < right for _, _, left, right in starts]) > 0.8


def test_within_one_set_each_pair_comes_once_and_none_with_itself(tmp_path):
    for i, of in enumerate((0, 1, 0, 2, 1)):
        CHANGES["recompressed"](picture(of)).save(tmp_path / f"{i}.png")
    images = ImageFiles([tmp_path / f"{i}.png" for i in range(5)], np.zeros(5, np.int64), ("",))
    described = describe_images(images)
    pairs = near_duplicates(described, described)
    assert sorted((pair.target_index, pair.pretraining_index) for pair in pairs) == [(2, 0), (4, 1)]


@pytest.fixture
def many(tmp_path):
    """Fifteen pictures, every third of which is an earlier one again, smaller; odd ones mirrored; and the pairs."""
    for i in range(15):
        image = picture(i - 2).resize((80, 60)) if i % 3 == 2 else picture(i)
        image = CHANGES["mirrored"](image) if i % 2 else image
        image.save(tmp_path / f"{i:02d}.png")
    images = ImageFiles([tmp_path / f"{i:02d}.png" for i in range(15)], np.zeros(15, np.int64), ("",))
    return images, [(i, i - 2) for i in range(2, 15, 3)]


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 3, 1), (4, 7, 2), (7, 2, 1000)])
def test_blocks_of_any_size_find_the_same_pairs(many, sizes, monkeypatch):
    images, expected = many
    described = describe_images(images)
    for name, size in zip(("TARGETS", "PRETRAINING", "ALIGNED"), sizes, strict=True):
        monkeypatch.setattr(overlap, name, size)
    found = near_duplicates(described, described)
    assert sorted((pair.target_index, pair.pretraining_index) for pair in found) == expected
    other = ImageDescriptors(described.whole.copy(), described.squares.copy(), {})  # equal, but another set
    both_ways = near_duplicates(described, other)
    assert not any(pair.mirrored for pair in found)
    itself = [(i, i) for i in range(15)]
    assert sorted((pair.target_index, pair.pretraining_index) for pair in both_ways) == sorted(
        itself + expected + [(j, i) for i, j in expected]
    )


def test_any_number_of_threads_gives_the_same_bits(many, set_threads, monkeypatch):
    monkeypatch.setattr(overlap, "TARGETS", 2)
    found = []
    for count in (1, 3):
        set_threads(count)
        described = describe_images(many[0])
        found.append(near_duplicates(described, described))
    assert found[0] == found[1] and len(found[0]) == 5


def test_centre_squares_of_wide_pictures_are_found_by_their_squares(tmp_path):
    for i in range(4):
        wide = picture(i, (240, 120))
        wide.save(tmp_path / f"{i}.png")
        wide.crop((60, 0, 180, 120)).resize((64, 64)).save(tmp_path / f"{i}_square.png")
    sets = [ImageFiles([tmp_path / f"{i}{end}.png" for i in range(4)], np.zeros(4, np.int64), ("",)) for end in ("", "_square")]
    wide, square = (describe_images(images) for images in sets)
    pairs = near_duplicates(wide, square)
    assert sorted((pair.target_index, pair.pretraining_index) for pair in pairs) == [(i, i) for i in range(4)]
    as_whole = [ImageDescriptors(described.whole, described.whole, {}) for described in (wide, square)]
    assert near_duplicates(*as_whole) == []


def test_leopards_of_caltech_101_come_twice_the_second_time_mirrored():
    """Images 101 to 200 of the class are 1 to 100 in the mirror."""
    if not LEOPARDS.is_dir():
        pytest.skip(f"{LEOPARDS} is missing: Caltech-101")
    files = [LEOPARDS / f"image_{number:04d}.jpg" for first in (1, 101) for number in range(first, first + 20)]
    images = describe_images(ImageFiles(files, np.zeros(40, np.int64), ("",)))
    pairs = near_duplicates(images, images)
    assert sorted((pair.target_index, pair.pretraining_index) for pair in pairs) == [(i + 20, i) for i in range(20)]
    assert all(pair.mirrored for pair in pairs)


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


def test_the_script_on_one_set_twice_and_without_pairs(folder, tmp_path):
    """However its folder is written; copies in the set are targets, their originals are not."""
    folder("none")
    for i in range(2):
        recompressed(picture(i)).save(tmp_path / "pretraining" / "things" / f"copy{i}.jpg")
    (tmp_path / "pretraining" / "things" / "broken.png").write_bytes(b"damaged")
    options = ["--out", tmp_path / "o.csv", "--sheet", tmp_path / "o.png"]
    printed = works("overlap", tmp_path / "pretraining", tmp_path / "target" / ".." / "pretraining", *options)
    assert "\n15 images\n" in printed and "2 of 15 images (13.33%) overlap, in 2 pairs" in printed
    assert "1 images could not be decoded and were left out" in printed and "broken.png: not an image" in printed
    names = [line.split(",")[:2] for line in (tmp_path / "o.csv").read_text().splitlines()[1:]]
    assert sorted(names) == [["copy0.jpg", "00.png"], ["copy1.jpg", "01.png"]]
    (tmp_path / "o.png").unlink()
    (tmp_path / "new" / "things").mkdir(parents=True)
    picture(500).save(tmp_path / "new" / "things" / "0.png")
    printed = works("overlap", tmp_path / "pretraining", tmp_path / "new", *options)
    assert "0 of 1 images (0.00%) overlap, in 0 pairs" in printed and "o.png is not written" in printed
    assert (tmp_path / "o.csv").read_text() == "target,pretraining,similarity,mirrored\n" and not (tmp_path / "o.png").exists()
    refuses("none does not exist", "overlap", tmp_path / "none", tmp_path / "new", "--out", tmp_path / "o.csv")
    refuses("--sheet is o.jpg", "overlap", tmp_path / "none", tmp_path / "new", "--sheet", "o.jpg")
