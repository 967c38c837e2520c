"""SquareImages: the memory limit changes nothing, failures are named, counted, and refused above 1 %."""

import logging
import threading

import numpy as np
import pytest

from npzf.data import DecodeError, SquareImages, square
from npzf.data.square_images import THREADS


class Pictures:
    """An image set in memory; `bad` images fail, and visits are counted."""

    classes = ("ant", "bee", "cat")

    def __init__(self, count, bad=()):
        self.targets = np.arange(count, dtype=np.int64) % 3
        self.bad, self.visits = set(bad), np.zeros(count, int)

    def __len__(self):
        return len(self.targets)

    def name(self, i):
        return f"{i}.png"

    def image(self, i):
        self.visits[i] += 1
        if i in self.bad:
            raise DecodeError(f"{i}.png: broken")
        return np.random.default_rng(i).integers(0, 256, (11, 9, 3), np.uint8)


def test_take_gives_squares_in_the_order_asked():
    pictures = Pictures(10)
    pixels, found = SquareImages(pictures, 8).take([7, 2, 2, 9])
    assert pixels.dtype == np.uint8 and pixels.shape == (4, 8, 8, 3) and found.tolist() == [7, 2, 2, 9]
    for pixel, i in zip(pixels, found, strict=True):
        np.testing.assert_array_equal(pixel, square(pictures.image(int(i)), 8))


def test_memory_limit_gives_the_same_bits():
    needed = 10 * 8 * 8 * 3
    kept_set, streamed_set = Pictures(10), Pictures(10)
    kept, streamed = SquareImages(kept_set, 8, limit=needed), SquareImages(streamed_set, 8, limit=needed - 1)
    for indices in ([3, 1, 4], [1, 5, 9], [3, 1, 4]):
        for ours, theirs in zip(kept.take(indices), streamed.take(indices), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert kept_set.visits.max() == 1 and streamed_set.visits[1] == 3


@pytest.mark.parametrize("limit", [2**30, 0])
def test_failures_are_left_out_and_logged_once(limit, caplog):
    images = SquareImages(Pictures(200, bad=[5, 7]), 8, limit=limit)
    with caplog.at_level(logging.WARNING, "npzf"):
        for _ in range(2):
            pixels, found = images.take([4, 5, 6, 7])
            assert found.tolist() == [4, 6] and len(pixels) == 2
        pixels, found = images.take([7])
        assert found.tolist() == [] and pixels.shape == (0, 8, 8, 3)
    assert images.failures == {5: "5.png: broken", 7: "7.png: broken"}
    assert [record.getMessage() for record in caplog.records] == [
        "left out: 5.png: broken",
        "left out: 7.png: broken",
    ]


def test_more_than_one_percent_is_refused():
    images = SquareImages(Pictures(200, bad=[5, 50, 150]), 8)
    images.take(range(100))  # two of 200: exactly 1 %
    with pytest.raises(ValueError, match=r"^3 of 200 images cannot be decoded, expected at most 1 %; one is 5\.png: broken$"):
        images.take(range(100, 200))


def test_other_errors_are_not_swallowed():
    pictures = Pictures(5)
    pictures.image = lambda i: 1 / 0
    with pytest.raises(ZeroDivisionError):
        SquareImages(pictures, 8).take([0])


def test_the_decoding_threads_are_the_same_for_all_batches():
    images = SquareImages(Pictures(40), 8, limit=0)
    seen = set()
    original = images.source.image
    images.source.image = lambda i: (seen.add(threading.current_thread()), original(i))[1]
    for start in range(0, 40, 2):
        images.take([start, start + 1])
    assert seen <= set(threading.enumerate())  # all of them still there
    assert 1 <= len(seen) <= THREADS
    assert threading.current_thread() not in seen
