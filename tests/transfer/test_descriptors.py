"""Thumbnails of a set: whole and square, from JPEGs at a fraction of their size, without the images that cannot be decoded."""

import logging

import numpy as np
import pytest
from PIL import Image

from npzf.data import DecodeError, ImageFiles
from npzf.transfer.descriptors import SIDE, TOGETHER, describe_images


class Pixels:
    """An image set of arrays; None cannot be decoded."""

    classes = ("",)

    def __init__(self, images):
        self.images, self.targets, self.asked = images, np.zeros(len(images), np.int64), []

    def __len__(self):
        return len(self.images)

    def name(self, i):
        return f"{i}.png"

    def image(self, i):
        self.asked.append(i)
        if self.images[i] is None:
            raise DecodeError(f"{i}.png: no pixels")
        return self.images[i]


def stripes(height, width):
    """Grey that rises from column to column: uint8 (H, W, 3)."""
    return np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8)[None, :, None], (height, width, 3))


@pytest.mark.parametrize(("height", "width"), [(2 * SIDE, 4 * SIDE), (4 * SIDE, 2 * SIDE), (2 * SIDE, 2 * SIDE)])
def test_a_whole_image_is_squeezed_and_its_centre_square_is_not(height, width):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    described = describe_images(Pixels([image]))
    grey = np.asarray(Image.fromarray(image).convert("L"), float)
    whole = grey.reshape(SIDE, height // SIDE, SIDE, width // SIDE).mean((1, 3))
    top, left = (height - 2 * SIDE) // 2, (width - 2 * SIDE) // 2
    square = grey[top : top + 2 * SIDE, left : left + 2 * SIDE].reshape(SIDE, 2, SIDE, 2).mean((1, 3))
    for got, expected in ((described.whole[0], whole), (described.squares[0], square)):
        assert got.dtype == np.uint8 and got.shape == (SIDE, SIDE)
        assert np.abs(got - expected).max() <= 1.5  # rounded twice, once along each axis


def test_an_image_smaller_than_its_thumbnail_is_enlarged():
    described = describe_images(Pixels([np.full((1, 1, 3), 90, np.uint8), np.full((3, 1, 3), 200, np.uint8)]))
    assert (described.whole[0] == 90).all() and (described.squares[1] == 200).all()


def test_each_image_is_decoded_once_and_keeps_its_place():
    count = TOGETHER + 3  # more than the threads are given at once
    images = Pixels([np.full((4, 4, 3), i % 251, np.uint8) for i in range(count)])
    described = describe_images(images)
    assert sorted(images.asked) == list(range(count)) and len(described) == count
    np.testing.assert_array_equal(described.whole[:, 0, 0], np.arange(count) % 251)


def test_images_that_cannot_be_decoded_are_logged_and_stay_black(caplog):
    with caplog.at_level(logging.WARNING, logger="npzf"):
        described = describe_images(Pixels([None, stripes(40, 60), None]))
    assert described.failures == {0: "0.png: no pixels", 2: "2.png: no pixels"}
    assert [record.getMessage() for record in caplog.records] == ["left out: 0.png: no pixels", "left out: 2.png: no pixels"]
    assert not described.whole[[0, 2]].any() and not described.squares[[0, 2]].any() and described.whole[1].any()


def test_another_error_is_not_taken_for_a_bad_image():
    images = Pixels([stripes(40, 60)])
    images.image = lambda i: 1 / 0
    with pytest.raises(ZeroDivisionError):
        describe_images(images)


def test_a_large_jpeg_gives_the_thumbnail_of_all_its_pixels(tmp_path):
    """Though its file is decoded at an eighth of its size."""
    coarse = Image.fromarray(np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8))
    coarse.resize((1200, 900), Image.Resampling.BICUBIC).save(tmp_path / "a.jpg", quality=95)
    files = ImageFiles([tmp_path / "a.jpg"], np.zeros(1, np.int64), ("",))
    reduced, full = describe_images(files), describe_images(Pixels([files.image(0)]))
    assert files.reduced(0, 3 * SIDE).shape == (113, 150, 3)
    assert np.abs(reduced.whole.astype(int) - full.whole).mean() < 3  # at 113 rows, half a row beyond the picture
