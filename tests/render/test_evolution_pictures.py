"""Figure 4 as a strip and as an animation: a row a map, a column or a frame an epoch."""

import numpy as np
import pytest
from PIL import Image

from npzf.render import animation, enlarge, strip
from npzf.render.sheets import lettering

EPOCHS, MAPS = [1, 5, 64], [3, 250]


def pictures(side=60, channels=3):
    # 2 maps, 3 epochs; below 30, darker than any letter
    return np.random.default_rng(0).integers(0, 30, (2, 3, side, side, channels), dtype=np.uint8)


def corner_of_tiles(sheet):
    """First row and column of the pictures: letters are never as dark."""
    return np.argwhere((sheet < 30).all(axis=-1)).min(axis=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_picture_is_in_its_row_and_column(channels):
    tiles = pictures(channels=channels)
    sheet = strip(tiles, EPOCHS, MAPS)
    top, left = corner_of_tiles(sheet)
    for m, e in np.ndindex(2, 3):
        y, x = top + m * 62, left + e * 62
        np.testing.assert_array_equal(sheet[y : y + 60, x : x + 60], np.broadcast_to(tiles[m, e], (60, 60, 3)))


def test_labels_do_not_touch_the_pictures():
    one, other = strip(pictures(), EPOCHS, MAPS), strip(pictures(), [2, 7, 99], [4, 777])
    (top, left), (other_top, other_left) = corner_of_tiles(one), corner_of_tiles(other)
    np.testing.assert_array_equal(one[top:, left:-12], other[other_top:, other_left:-12])
    for e in range(3):
        x = left + e * 62
        np.testing.assert_array_equal(one[top - 26 : top - 2, x : x + 60], lettering(str(EPOCHS[e]), 12, 24, 60, align="middle"))


def test_small_pictures_are_enlarged():
    sheet = strip(pictures(side=7), EPOCHS, MAPS)
    top, left = corner_of_tiles(sheet)
    np.testing.assert_array_equal(sheet[top : top + 49, left : left + 49], enlarge(pictures(side=7)[0, 0], 7))


def test_lists_that_do_not_match_are_refused(tmp_path):
    with pytest.raises(ValueError, match="epochs are 2, expected 3, one for each column"):
        strip(pictures(), [1, 2], MAPS)
    with pytest.raises(ValueError, match="maps are 1, expected 2, one for each row"):
        strip(pictures(), EPOCHS, [1])
    with pytest.raises(ValueError, match=r"pictures are float64 .*, expected uint8 \(maps, epochs, h, w, 1 or 3\)"):
        strip(pictures().astype(float), EPOCHS, MAPS)
    with pytest.raises(ValueError, match=r"path is .*a.mp4, expected a name that ends in .webp or .gif"):
        animation(pictures(), EPOCHS, tmp_path / "a.mp4")


def test_webp_holds_every_frame_exactly(tmp_path):
    path = animation(pictures(), EPOCHS, tmp_path / "new" / "a.webp")
    with Image.open(path) as moving:
        assert moving.n_frames == 3
        for e in range(3):
            moving.seek(e)
            frame = np.asarray(moving.convert("RGB"))
            top, left = corner_of_tiles(frame)
            label = lettering(f"epoch {EPOCHS[e]}", 14, 28, 122)
            np.testing.assert_array_equal(frame[top - 28 : top, left : left + 122], label)
            np.testing.assert_array_equal(frame[top : top + 60, left : left + 60], pictures()[0, e])
            np.testing.assert_array_equal(frame[top : top + 60, left + 62 : left + 122], pictures()[1, e])


def test_gif_has_its_frames_and_times(tmp_path):
    with Image.open(animation(pictures(), EPOCHS, tmp_path / "a.gif", seconds=0.5)) as moving:
        assert moving.n_frames == 3
        times = []
        for e in range(3):
            moving.seek(e)
            times.append(moving.info["duration"])
    assert times == [500, 500, 1500]
