"""The file of overlapping images: names that outlive a move, odd names, and files that do not fit the set."""

import numpy as np
import pytest

from npzf.data import ImageFiles
from npzf.transfer import Pair, read_overlap, write_overlap
from npzf.transfer.overlap_file import short_names


def named(*names):
    """A set of image files that need not exist."""
    return ImageFiles(names, np.zeros(len(names), np.int64), ("",))


def test_a_set_may_lie_elsewhere_when_the_file_is_read(tmp_path):
    target = named("/a/set/ant/1.png", "/a/set/ant/2.png", "/a/set/bee/1.png")
    pairs = [Pair(2, 0, 0.98765, True), Pair(0, 1, 0.95, False), Pair(2, 1, 0.93, False)]
    path = write_overlap(tmp_path / "new" / "o.csv", pairs, target, named("x/one.png", "x/two.png"))
    assert path.read_text().splitlines() == [
        "target,pretraining,similarity,mirrored",
        "bee/1.png,one.png,0.9877,yes",
        "ant/1.png,two.png,0.9500,no",
        "bee/1.png,two.png,0.9300,no",
    ]
    for moved in (
        target,
        named("ant/1.png", "ant/2.png", "bee/1.png"),
        named("../s/ant/1.png", "../s/ant/2.png", "../s/bee/1.png"),
    ):
        indices = read_overlap(path, moved)
        assert indices.dtype == np.int64
        np.testing.assert_array_equal(indices, [0, 2])


def test_names_with_commas_quotes_and_bytes_that_are_no_text_come_back(tmp_path):
    odd = ('a,"b".png', "c\nd.png", b"\xff.png".decode("utf-8", "surrogateescape"), "é.png")
    images = named(*odd)
    path = write_overlap(tmp_path / "o.csv", [Pair(i, 0, 1.0, False) for i in (0, 1, 2)], images, images)
    np.testing.assert_array_equal(read_overlap(path, images), [0, 1, 2])


def test_short_names_of_sets_that_share_no_folder_or_have_one_image():
    assert short_names(named("1.png", "a/2.png")) == ["1.png", "a/2.png"]
    assert short_names(named("/a/b/1.png")) == ["1.png"]
    assert short_names(named("/a/1.png", "b/2.png")) == ["/a/1.png", "b/2.png"]
    assert short_names(named()) == []


def test_a_name_that_two_images_of_a_set_have_is_refused(tmp_path):
    images = named("a/1.png", "a/1.png", "a/2.png")
    path = write_overlap(tmp_path / "o.csv", [Pair(0, 2, 1.0, False)], images, images)
    with pytest.raises(ValueError, match=r"o\.csv names 1 images that the set of 3 has not or has twice, such as '1\.png'"):
        read_overlap(path, images)


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"image,similarity\na.png,1\n"])
def test_what_is_no_such_file_is_refused(tmp_path, content):
    (tmp_path / "o.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"o\.csv is not a file that npzf overlap has written, expected columns target,"):
        read_overlap(tmp_path / "o.csv", named("a.png"))


def test_an_earlier_file_survives_what_goes_wrong(tmp_path):
    images = named("a/1.png", "a/2.png")
    path = write_overlap(tmp_path / "o.csv", [Pair(1, 0, 1.0, False)], images, images)
    with pytest.raises(IndexError):
        write_overlap(path, [Pair(7, 0, 1.0, False)], images, images)
    np.testing.assert_array_equal(read_overlap(path, images), [1])
