"""Thumbnails laid over each other: what a cell sees, where windows lead back to, and that alignment finds a known crop."""

import numpy as np
import pytest
from PIL import Image

from npzf.transfer.alignment import CELLS, MIDDLE, WIDEST, cells, inverse, similarities
from npzf.transfer.descriptors import SIDE

FINE = 10 * SIDE  # pixels of the scenes that thumbnails are made of


def scene(i):
    """Grey shapes of many sizes: (FINE, FINE) float32."""
    generator = np.random.default_rng(i)
    layers = [generator.normal(0, weight, (side, side)).astype(np.float32) for side, weight in ((3, 60), (7, 40), (15, 25))]
    return 128 + sum(np.asarray(Image.fromarray(x).resize((FINE, FINE), Image.Resampling.BICUBIC)) for x in layers)


def seen(fine, window=(0, 0, 0, 0)):
    """The thumbnail (SIDE, SIDE) of what a window (top, bottom, left, right) leaves of a scene."""
    top, bottom, left, right = (share * FINE for share in window)
    box = (left, top, FINE - right, FINE - bottom)
    return np.asarray(Image.fromarray(fine).resize((SIDE, SIDE), Image.Resampling.BOX, box=box))


def alike(first, second, window=MIDDLE):
    return float(similarities(first[None], second[None], np.array([window], np.float32))[0])


def naive_cells(start, end):
    """The triangles by summing over a hundred points of each pixel."""
    width = (1 - start - end) * SIDE / CELLS
    points = (np.arange(100 * SIDE) + 0.5) / 100
    rows = []
    for k in range(CELLS):
        weights = np.maximum(0, 1 - np.abs(points - (start * SIDE + (k + 0.5) * width)) / width).reshape(SIDE, 100).sum(1)
        rows.append(weights / weights.sum())
    return np.array(rows)


@pytest.mark.parametrize(("start", "end"), [(0.1, 0.1), (0, 0.2), (0.17, 0.03), (0, 0), (-0.02, 0.25)])
def test_a_cell_is_a_triangle_two_cells_wide(start, end):
    got = cells(np.array([0.1, start]), np.array([0.1, end]))
    assert got.shape == (2, CELLS, SIDE) and got.dtype == np.float32
    np.testing.assert_allclose(got[1], naive_cells(start, end), atol=2e-4)


def test_a_window_leads_back_to_where_it_came_from():
    """Cropping the second by 10 % at the top and 5 % at the right moves MIDDLE; seen from there it moves the other way."""
    np.testing.assert_allclose(inverse(np.array([MIDDLE])), [MIDDLE], atol=1e-12)
    windows = np.array([[0.19, 0.09, 0.095, 0.145], [0.12, 0.07, 0.15, 0.11]])
    np.testing.assert_allclose(inverse(inverse(windows)), windows, atol=1e-12)
    whole = inverse(np.array([[0.19, 0.09, 0.1, 0.1]]))  # what remains after 10 % at the top is MIDDLE of 0.72 of the first
    np.testing.assert_allclose(whole, [[0, 0.1 + 0.8 * 0.01 / 0.72, 0.1, 0.1]], atol=1e-12)
    assert inverse(np.array([[0.25, 0.25, 0.0, 0.0]])).min() >= 0 and inverse(np.zeros((1, 4))).max() <= WIDEST


@pytest.mark.parametrize("crop", [(0, 0, 0, 0), (0.1, 0.1, 0.1, 0.1), (0.1, 0, 0.03, 0.07), (0, 0.06, 0.1, 0)])
def test_the_crop_of_a_scene_is_like_it_whichever_is_first(crop):
    """From a start that is off by up to a tenth of the image."""
    whole, part = seen(scene(0)), seen(scene(0), crop)
    assert alike(whole, part) > 0.97 and alike(part, whole) > 0.97
    assert alike(whole, part, (0.14, 0.1, 0.1, 0.13)) > 0.97


def test_other_scenes_and_mirror_images_are_not_alike():
    first = seen(scene(0))
    assert all(alike(first, seen(scene(i))) < 0.7 for i in range(1, 20))
    assert alike(first, first[:, ::-1]) < 0.7


def test_brightness_and_contrast_do_not_count():
    first = seen(scene(1))
    assert alike(first, 0.6 * first + 40) > 0.99
    assert alike(first, 255 - first) < 0


def test_one_edge_that_two_scenes_share_does_not_make_them_alike():
    """A dark half of both would decide if differences themselves were compared, and not their square roots."""
    dark = np.where(np.arange(SIDE) < SIDE // 2, 150, 0)[:, None]
    first, second = (np.float32(0.3 * seen(scene(i)) + dark) for i in (2, 3))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.95
    assert alike(first, second) < 0.8


def test_a_blank_thumbnail_is_like_nothing():
    blank = np.full((SIDE, SIDE), 77, np.float32)
    assert abs(alike(blank, blank)) < 1e-3 and abs(alike(blank, seen(scene(0)))) < 1e-3


def test_pairs_are_decided_one_by_one():
    """Together or alone, to rounding: no pair's alignment depends on which others are hopeful."""
    first = np.stack([seen(scene(i)) for i in range(6)])
    second = np.stack([seen(scene(i if i % 2 else i + 50), (0.05, 0, 0.1, 0.02)) for i in range(6)])
    together = similarities(first, second, np.tile(np.array(MIDDLE, np.float32), (6, 1)))
    np.testing.assert_allclose(together, [alike(a, b) for a, b in zip(first, second, strict=True)], atol=1e-4)
    assert list(together > 0.95) == [False, True] * 3
