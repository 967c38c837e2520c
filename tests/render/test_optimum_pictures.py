"""Sheets and circles of optimal inputs, and the labelled rows and frames that they share with figure 4."""

import numpy as np
import pytest
from PIL import Image

from npzf.render import GreatCircles, enlarge, optimum_film, optimum_sheet
from npzf.render.sheets import PALE_INK, labelled_grid, lettering, text_width, write_frames

ANGLES = [-60.0, 0.0, 60.0]


def circles(side=120, channels=3, title="conv5, map 3: 12.5"):
    """2 directions, 3 angles; below 30, darker than any letter."""
    pictures = np.random.default_rng(0).integers(0, 30, (2, 3, side, side, channels), dtype=np.uint8)
    return GreatCircles(title, pictures, np.array([[0.5, 1, 0.25], [0.125, 1, -0.02]]), ANGLES)


def corner_of_tiles(sheet):
    """First row and column of the pictures: letters are never as dark."""
    return np.argwhere((sheet < 30).all(axis=-1)).min(axis=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_has_each_picture_in_its_row_and_column_and_words_around(channels):
    """Letters of 120 / 6 = 20 pixels, on lines of 40, pictures 5 pixels apart; a row is a picture and a line."""
    one = circles(channels=channels)
    sheet = optimum_sheet([one])
    top, left = corner_of_tiles(sheet)
    for d, a in np.ndindex(2, 3):
        y, x = top + d * (120 + 40 + 5), left + a * (120 + 5)
        np.testing.assert_array_equal(sheet[y : y + 120, x : x + 120], np.broadcast_to(one.pictures[d, a], (120, 120, 3)))
        note = lettering([["50 %", "100 %", "25 %"], ["12 %", "100 %", "-2 %"]][d][a], 20, 40, 120, align="middle", ink=PALE_INK)
        np.testing.assert_array_equal(sheet[y + 120 : y + 160, x : x + 120], note)
        if d == 0:
            head = lettering(["-60°", "0°", "60°"][a], 20, 40, 120, align="middle")
            np.testing.assert_array_equal(sheet[y - 45 : y - 5, x : x + 120], head)
    np.testing.assert_array_equal(sheet[:32, 12:], lettering(one.title, 20, 32, sheet.shape[1] - 12))


def test_blocks_stand_side_by_side_and_then_below():
    block = optimum_sheet([circles()])
    height, width = block.shape[:2]
    sheet = optimum_sheet([circles(), circles(), circles()])
    assert sheet.shape == (2 * height + 12, 2 * width + 12, 3)
    np.testing.assert_array_equal(sheet[:height, width + 12 :], block)
    np.testing.assert_array_equal(sheet[height + 12 :, :width], block)
    assert (sheet[height + 12 :, width + 12 :] == 255).all()


def test_small_pictures_are_enlarged_and_long_titles_fit():
    one = circles(side=11, title="fire9/squeeze1x1, map 1023: 0.00123456789, and a little more than that")
    sheet = optimum_sheet([one])
    top, left = corner_of_tiles(sheet)
    np.testing.assert_array_equal(sheet[top : top + 110, left : left + 110], enlarge(one.pictures[0, 0], 10))
    assert (sheet[:32, -12:] == 255).all() and (sheet[:32] < 100).any()


def test_a_film_swings_through_the_angles_and_back_and_rests_at_the_optimum(tmp_path):
    one = circles()
    with Image.open(optimum_film(one, tmp_path / "new" / "a.webp")) as moving:
        assert moving.n_frames == 4
        times = []
        for frame, angle in enumerate([0, 1, 2, 1]):
            moving.seek(frame)
            shown = np.asarray(moving.convert("RGB"))
            times.append(moving.info["duration"])
            top, left = corner_of_tiles(shown)
            for d in range(2):
                x = left + d * 125
                np.testing.assert_array_equal(shown[top : top + 120, x : x + 120], one.pictures[d, angle])
            title = f"conv5, map 3: 12.5, at {ANGLES[angle]:.0f}°"
            np.testing.assert_array_equal(shown[:32, 12:], lettering(title, 20, 32, shown.shape[1] - 12))
    assert times == [80, 640, 80, 640]


def test_the_letters_of_a_films_title_keep_their_size(tmp_path):
    """Where they have to be small, as the longest title has: beside "at 0°" there is room for larger ones."""
    one = circles(title="fire9/expand3x3, map 200: 1234")
    with Image.open(optimum_film(one, tmp_path / "a.webp")) as moving:
        heads = []
        for frame in (0, 1):
            moving.seek(frame)
            heads.append(np.asarray(moving.convert("RGB"))[:32, 12:])
    room = heads[0].shape[1] - 12
    sizes = [max(s for s in range(8, 21) if text_width(f"{one.title}, at {angle}", s) <= room) for angle in ("-60°", "0°")]
    assert sizes[0] < sizes[1] < 20
    for head, angle in zip(heads, ("-60°", "0°"), strict=True):
        np.testing.assert_array_equal(head, lettering(f"{one.title}, at {angle}", sizes[0], 32, head.shape[1]))


def test_frames_keep_their_times_as_gif(tmp_path):
    frames = [np.full((8, 8, 3), grey, np.uint8) for grey in (0, 100, 255)]
    with Image.open(write_frames(frames, tmp_path / "a.gif", [100, 200, 300])) as moving:
        times, greys = [], []
        for k in range(moving.n_frames):
            moving.seek(k)
            times.append(moving.info["duration"])
            greys.append(moving.convert("RGB").getpixel((4, 4))[0])
    assert (times, greys) == ([100, 200, 300], [0, 100, 255])


def test_rows_without_notes_are_a_gap_apart():
    tiles = circles().pictures
    sheet = labelled_grid(tiles, ["a", "b", "c"], ["1", "2"])
    top, left = corner_of_tiles(sheet)
    np.testing.assert_array_equal(sheet[top + 125 : top + 245, left : left + 120], tiles[1, 0])


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda p: optimum_sheet([]), "units are none, expected at least one"),
        (
            lambda p: optimum_sheet([GreatCircles("a", circles().pictures, np.ones((2, 2)), ANGLES)]),
            "shares and angles are .*, expected .2, 3. and 3",
        ),
        (
            lambda p: optimum_sheet([GreatCircles("a", circles().pictures, np.ones((2, 3)), [0])]),
            "shares and angles are .*, expected .2, 3. and 3",
        ),
        (
            lambda p: optimum_sheet([GreatCircles("a", np.ones((2, 3, 4, 4, 3)), np.ones((2, 3)), ANGLES)]),
            "pictures are float64 .*, expected uint8 .directions",
        ),
        (lambda p: optimum_film(circles(), p / "a.mp4"), r"path is .*a.mp4, expected a name that ends in .webp or .gif"),
        (
            lambda p: write_frames([np.zeros((2, 2, 3), np.uint8)], p / "a.gif", [1, 2]),
            "times are 2 for 1 frames, expected one each",
        ),
        (lambda p: labelled_grid(circles().pictures, ["a"], ["1", "2"]), r"names, heads and notes are .2, 1., expected .2, 3."),
        (
            lambda p: labelled_grid(circles().pictures, "abc", "12", "", ["abc"]),
            r"names, heads and notes are .2, 3, 3., expected .2, 3, 3, 3.",
        ),
    ],
)
def test_what_does_not_match_is_refused(tmp_path, call, named):
    with pytest.raises(ValueError, match=named):
        call(tmp_path)
    assert list(tmp_path.iterdir()) == []
