"""Where squares and crops lie, to the pixel."""

import numpy as np
import pytest
from PIL import Image

from npzf.data import centre_crop, random_crops, square, squashed, ten_crops, with_channels


def places(count=2, height=6, width=6):
    """Images whose pixels say where they are: (n, row, column)."""
    return np.stack(np.indices((count, height, width)), axis=-1).astype(np.uint8)


def test_square_of_the_same_side_is_the_centre_unchanged():
    image = places(1, 4, 8)[0]
    np.testing.assert_array_equal(square(image, 4), image[:, 2:6])
    np.testing.assert_array_equal(square(image.transpose(1, 0, 2), 4), image.transpose(1, 0, 2)[2:6])


def test_square_averages_when_it_shrinks():
    checks = np.where(np.indices((64, 64)).sum(axis=0) % 2, 255, 0).astype(np.uint8)
    small = square(np.stack([checks] * 3, axis=2), 8).astype(int)
    assert small.shape == (8, 8, 3) and np.abs(small - 127.5).max() < 8


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (1, 50), (500, 7)])
def test_square_enlarges_small_and_narrow_images(shape):
    flat = np.full((*shape, 3), (9, 90, 200), np.uint8)
    np.testing.assert_array_equal(square(flat, 16), np.broadcast_to([9, 90, 200], (16, 16, 3)))


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)],
)
def test_square_refuses_other_arrays(image):
    with pytest.raises(ValueError, match=r"expected uint8 \(H, W, 3\)"):
        square(image, 4)


def test_square_refuses_no_side():
    with pytest.raises(ValueError, match="side is 0"):
        square(places()[0], 0)


def test_centre_crop():
    images = places(2, 6, 9)
    np.testing.assert_array_equal(centre_crop(images, 4), images[:, 1:5, 2:6])
    np.testing.assert_array_equal(centre_crop(places(), 6), places())


def test_ten_crops():
    images = places(3, 6, 6)
    crops = ten_crops(images, 4)
    assert crops.shape == (3, 10, 4, 4, 3)
    for crop, (top, left) in enumerate([(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]):
        expected = images[:, top : top + 4, left : left + 4]
        np.testing.assert_array_equal(crops[:, crop], expected)
        np.testing.assert_array_equal(crops[:, crop + 5], expected[:, :, ::-1])


def test_random_crops_reach_every_place_both_ways():
    images = places(250, 5, 6)
    crops = random_crops(images, 4, np.random.default_rng(0))
    seen = set()
    for n, crop in enumerate(crops):
        mirrored = crop[0, 0, 2] > crop[0, 1, 2]
        upright = crop[:, ::-1] if mirrored else crop
        top, left = upright[0, 0, 1:]
        np.testing.assert_array_equal(upright, images[n, top : top + 4, left : left + 4])
        seen.add((int(top), int(left), bool(mirrored)))
    assert len(seen) == 2 * 3 * 2


def test_random_crops_repeat_with_the_generator():
    first, again, other = (random_crops(places(20, 9, 9), 4, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("crop", [centre_crop, ten_crops, lambda s, k: random_crops(s, k, np.random.default_rng(0))])
def test_image_smaller_than_the_crop(crop):
    with pytest.raises(ValueError, match=r"^crop is 7 x 7 pixels, expected 1 x 1 to 6 x 6, the size of the images$"):
        crop(places(), 7)
    with pytest.raises(ValueError, match=r"expected \(N, H, W, C\)"):
        crop(places()[0], 3)


@pytest.mark.parametrize("crop", [centre_crop, ten_crops, lambda s, k: random_crops(s, k, np.random.default_rng(0))])
def test_rows_and_columns(crop):
    images = places(3, 6, 9)
    crops = crop(images, (2, 5)).reshape(3, -1, 2, 5, 3)
    for image, its in zip(images, crops, strict=True):
        for one in its:
            upright = one[:, ::-1] if one[0, 0, 2] > one[0, 1, 2] else one
            top, left = upright[0, 0, 1:]
            np.testing.assert_array_equal(upright, image[top : top + 2, left : left + 5])
    with pytest.raises(ValueError, match="crop is 7 x 5 pixels, expected 1 x 1 to 6 x 9"):
        crop(images, (7, 5))
    with pytest.raises(ValueError, match="crop is 2 x 10 pixels"):
        crop(images, (2, 10))


def test_grey_is_pillows_and_colour_stays():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)
    expected = np.asarray(Image.fromarray(pixels).convert("L"))
    np.testing.assert_array_equal(with_channels(pixels, 1)[..., 0], expected)
    np.testing.assert_array_equal(with_channels(pixels[None], 1)[0, ..., 0], expected)
    assert with_channels(pixels, 3) is pixels
    with pytest.raises(ValueError, match="channels is 4, expected 3 for images"):
        with_channels(pixels, 4)


def test_a_long_strip_is_squashed_without_its_rows_becoming_wide_first(monkeypatch):
    strip = np.repeat(np.arange(0, 200, 2, dtype=np.uint8), 30)[:, None, None].repeat(3, axis=2)
    whole = squashed(strip, 16)
    monkeypatch.setattr("npzf.data.crops.MOST_BETWEEN", 1000)
    assert np.abs(squashed(strip, 16).astype(int) - whole).max() <= 1
    assert squashed(np.zeros((10**7, 1, 3), np.uint8), 64).shape == (64, 64, 3)
