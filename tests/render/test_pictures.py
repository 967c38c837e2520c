"""Pictures: zero is mid-grey, scales are kept, and every pixel of a grid is where it should be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from npzf.render import enlarge, filter_sheet, grid, save_png, to_grey, to_grey_each, to_grey_robust
from npzf.render.pictures import robust_scale


def signed(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_zero_is_mid_grey_and_the_scale_reaches_the_ends():
    row = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]).reshape(1, 5, 1)
    picture, scale = to_grey(row)
    assert picture.dtype == np.uint8 and picture.shape == row.shape
    np.testing.assert_array_equal(picture.ravel(), [1, 64, 128, 192, 255])
    assert scale == 2.0


@pytest.mark.parametrize("channels", [1, 3])
def test_both_signs_are_treated_alike(channels):
    x = signed(2, 9, 7, channels)
    np.testing.assert_array_equal(to_grey(x)[0].astype(int) - 128, 128 - to_grey(-x)[0].astype(int))


@given(st.floats(1e-300, 1e300), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_picture_does_not_depend_on_the_unit(unit, seed):
    x = signed(3, 4, 3, seed=seed)
    difference = to_grey(x)[0].astype(int) - to_grey(x * unit)[0]
    assert abs(difference).max() <= 1  # rounding alone


def test_a_given_scale_clips_and_is_returned():
    picture, scale = to_grey(np.array([-9.0, 0.0, 2.0, 9.0]).reshape(1, 4, 1), scale=4)
    np.testing.assert_array_equal(picture.ravel(), [1, 128, 192, 255])
    assert scale == 4.0


def test_all_zero_is_all_mid_grey_and_its_scale_can_be_given_back():
    picture, scale = to_grey(np.zeros((4, 4, 3), np.float32))
    assert (picture == 128).all() and scale == 0.0
    assert (to_grey(np.zeros((4, 4, 3)), scale)[0] == 128).all()


def test_the_smallest_float_is_not_lost():
    assert to_grey(np.full((1, 1, 1), np.float32(1e-45)))[0].item() == 255


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_is_refused(bad):
    x = signed(4, 4, 3)
    x[1, 2, 0] = bad
    with pytest.raises(ValueError, match="signed has NaN or infinity, expected finite"):
        to_grey(x)
    with pytest.raises(ValueError, match="signed has NaN or infinity, expected finite"):
        to_grey_each(x[None])


@pytest.mark.parametrize("scale", [-1, np.nan, np.inf, 0])
def test_a_scale_that_is_no_scale_is_refused(scale):
    with pytest.raises(ValueError, match=r"scale is .*, expected a positive finite number"):
        to_grey(signed(4, 4, 3), scale)


@pytest.mark.parametrize("shape", [(4, 4, 96), (4, 4, 2), (4, 3)])
def test_other_maps_are_refused_with_advice(shape):
    with pytest.raises(ValueError, match=r"H, W, 1 or 3.*one by one"):
        to_grey(np.zeros(shape))


def test_each_picture_with_its_own_scale():
    x = signed(4, 5, 6, 3) * np.array([1, 100, 0, 1e-6]).reshape(4, 1, 1, 1)
    pictures, scales = to_grey_each(x)
    for k in range(4):
        alone, scale = to_grey(x[k])
        np.testing.assert_array_equal(pictures[k], alone)
        assert scales[k] == scale
    with pytest.raises(ValueError, match=r"signed has shape .*, expected \(N, H, W, C\)"):
        to_grey_each(x[0])


def test_enlarge_repeats_every_pixel():
    x = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    big = enlarge(x, 3)
    assert big.shape == (6, 6, 3)
    for offset in np.ndindex(3, 3):
        np.testing.assert_array_equal(big[offset[0] :: 3, offset[1] :: 3], x)
    with pytest.raises(ValueError, match="factor is 0, expected a whole number"):
        enlarge(x, 0)


@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 4), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_every_pixel_of_a_grid(count, columns, gap, h, w):
    tiles = np.random.default_rng(count).integers(0, 255, (count, h, w, 3), dtype=np.uint8)
    picture = grid(tiles, columns, gap, background=255)
    rows = -(-count // columns)
    expected = np.full((rows * h + (rows - 1) * gap, columns * w + (columns - 1) * gap, 3), 255)
    for k in range(count):
        i, j = divmod(k, columns)
        for y, x in np.ndindex(h, w):
            expected[i * (h + gap) + y, j * (w + gap) + x] = tiles[k, y, x]
    np.testing.assert_array_equal(picture, expected)


def test_tiles_of_differing_size_and_channels_are_centred():
    tall, flat = np.full((5, 2, 3), 10, np.uint8), np.full((1, 4, 1), 20, np.uint8)
    picture = grid([tall, flat], 2, gap=1, background=200)
    assert picture.shape == (5, 9, 3)
    expected = np.full((5, 9), 200)
    expected[:, 1:3] = 10
    expected[2, 5:9] = 20
    np.testing.assert_array_equal(picture, np.repeat(expected[..., None], 3, axis=2))


def test_grid_refuses_what_is_no_tile():
    with pytest.raises(ValueError, match="tiles, columns and gap are 0, 3, 2, expected at least 1, 1 and 0"):
        grid([], 3)
    with pytest.raises(ValueError, match=r"tile is .*, expected uint8"):
        grid(np.zeros((2, 4, 4, 3)), 3)
    with pytest.raises(ValueError, match=r"tile is .*, expected uint8"):
        grid(np.zeros((2, 4, 4, 96), np.uint8), 3)


def test_filters_each_about_its_own_zero():
    weight = signed(6, 5, 5, 3) * np.array([1, 9, 1, 1, 0.1, 0]).reshape(6, 1, 1, 1)
    picture = filter_sheet(weight, zoom=2)
    assert picture.shape == (2 * 10 + 1, 3 * 10 + 2, 3)
    for k in range(6):
        top, left = k // 3 * 11, k % 3 * 11
        tile = picture[top : top + 10 : 2, left : left + 10 : 2]
        np.testing.assert_array_equal(tile, to_grey(weight[k])[0])


def test_filters_on_one_scale_show_which_dominates():
    weight = signed(6, 5, 5, 3)
    weight[0] *= 100
    picture = filter_sheet(weight, zoom=1, scale=float(abs(weight).max()))
    assert np.ptp(picture[:5, :5]) > 100 and np.ptp(picture[:5, 6:11]) < 10


@pytest.mark.parametrize("channels", [1, 3])
def test_png_gives_back_pixels_and_text(tmp_path, channels):
    picture, scale = to_grey(signed(9, 7, channels))
    path = save_png(picture, tmp_path / "new" / "p.png", scale=scale, layer="conv3", note="größer ≥ 1")
    with Image.open(path) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), np.broadcast_to(picture, (9, 7, 3)))
        assert float(image.text["scale"]) == scale
        assert image.text["layer"] == "conv3" and image.text["note"] == "größer ≥ 1"


@pytest.mark.parametrize("bad", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)])
def test_png_refuses_what_is_no_picture(tmp_path, bad):
    with pytest.raises(ValueError, match=r"tile is .*, expected uint8"):
        save_png(bad, tmp_path / "p.png")
    assert not list(tmp_path.iterdir())


def test_a_few_bright_dots_do_not_decide_the_scale():
    picture = signed(96, 96, 3)
    picture[0, 0] = 5.0
    assert robust_scale(picture) == pytest.approx(np.quantile(np.abs(picture), 0.997)) and robust_scale(-picture) == robust_scale(
        picture
    )
    picture[0, 0] = 100.0
    assert robust_scale(picture) == 40.0
    assert robust_scale(np.zeros((3, 3, 3))) == 0.0
    drawn, scale = to_grey_robust(picture)
    assert scale == 40.0 and drawn[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(drawn, to_grey(picture, 40.0)[0])
