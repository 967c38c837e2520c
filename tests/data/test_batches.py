"""Batches: the same bits from the same seed, wherever an epoch is taken up; and the thread behind them."""

import threading
import time

import numpy as np
import pytest

from npzf.data import (
    DecodeError,
    EvaluationBatches,
    MirroredBatches,
    SquareImages,
    TenCropBatches,
    TrainingBatches,
    centre_crop,
    mean_image,
)
from npzf.preprocessing import Preprocessing


class Pictures:
    """An image set in memory, of squares of side 8; `bad` images fail."""

    classes = ("ant", "bee", "cat")

    def __init__(self, count, bad=()):
        self.targets = np.arange(count, dtype=np.int64) % 3
        self.pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
        self.bad = set(bad)

    def __len__(self):
        return len(self.targets)

    def name(self, i):
        return f"{i}.png"

    def image(self, i):
        if i in self.bad:
            raise DecodeError(f"{i}.png: broken")
        return self.pixels[i]


def training(count=23, size=6, bad=(), limit=2**30, **options):
    options = {"batch": 5} | options
    return TrainingBatches(SquareImages(Pictures(count, bad), 8, limit=limit), size, **options)


def assert_same(ours, theirs):
    ours, theirs = list(ours), list(theirs)
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        for a, b in zip(one, other, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def test_an_epoch_has_every_image_once():
    batches = training()
    triples = list(batches.epoch(0))
    assert len(batches) == len(triples) == 5
    assert [len(x) for x, _, _ in triples] == [5, 5, 5, 5, 3]
    x, targets, indices = triples[0]
    assert x.shape == (5, 6, 6, 3) and x.dtype == np.float32 and x.flags.c_contiguous
    assert targets.dtype == indices.dtype == np.int64
    every = np.concatenate([indices for _, _, indices in triples])
    assert sorted(every) == list(range(23)) and every.tolist() != list(range(23))
    np.testing.assert_array_equal(np.concatenate([targets for _, targets, _ in triples]), every % 3)


def test_crops_come_from_the_image_that_the_index_names():
    batches = training(size=8)
    pixels = batches.images.source.pixels.astype(np.float32)
    mirrored = set()
    for x, _, indices in batches.epoch(3):
        for crop, i in zip(x, indices, strict=True):
            mirror = not np.array_equal(crop, pixels[i])
            np.testing.assert_array_equal(crop[:, ::-1] if mirror else crop, pixels[i])
            mirrored.add(mirror)
    assert mirrored == {True, False}


@pytest.mark.parametrize("start", [0, 1, 3, 4])
def test_starting_inside_an_epoch_gives_the_same_bits(start):
    assert_same(training(seed=7).epoch(2, start), list(training(seed=7).epoch(2))[start:])


def test_starting_at_the_end_gives_nothing():
    assert list(training().epoch(0, start=5)) == []


def test_memory_limit_and_failures_give_the_same_bits():
    options = {"count": 200, "batch": 40, "bad": [3, 99]}
    kept = training(**options)
    assert_same(kept.epoch(1), training(limit=0, **options).epoch(1))
    assert_same(kept.epoch(1, start=2), list(training(**options).epoch(1))[2:])  # failures known, and not yet
    assert sum(len(x) for x, _, _ in kept.epoch(0)) == 198


def test_seed_and_epoch_change_order_and_crops():
    first, epoch, seed = (
        [np.concatenate(part) for part in zip(*training(seed=s).epoch(e), strict=True)] for s, e in [(0, 0), (0, 1), (1, 0)]
    )
    for other in (epoch, seed):
        assert (first[2] != other[2]).any()
        # The same image again, in another epoch or run: cropped elsewhere more often than not.
        moved = first[0][np.argsort(first[2])] != other[0][np.argsort(other[2])]
        assert moved.any(axis=(1, 2, 3)).sum() > 12


def test_each_batch_of_each_epoch_has_its_own_crops():
    batches = training(count=20)
    batches.images.source.pixels[:] = batches.images.source.pixels[0]  # all alike: only the crops differ
    crops = {x.tobytes() for epoch in range(3) for x, _, _ in batches.epoch(epoch)}
    assert len(crops) == 3 * len(batches)


def test_order_and_first_crops_are_drawn_apart():
    batches = training()
    assert batches._generator(4).random() != batches._generator(4, 0).random()


def test_evaluation_has_centre_crops_in_order():
    images = SquareImages(Pictures(23), 8)
    batches = EvaluationBatches(images, 6, batch=10)
    triples = list(batches)
    assert len(batches) == 3 and [len(x) for x, _, _ in triples] == [10, 10, 3]
    x, targets, indices = (np.concatenate(part) for part in zip(*triples, strict=True))
    assert x.dtype == np.float32 and indices.tolist() == list(range(23))
    np.testing.assert_array_equal(x, centre_crop(images.source.pixels, 6))
    np.testing.assert_array_equal(targets, np.arange(23) % 3)
    assert_same(batches, triples)


def test_the_identity_changes_with_whatever_changes_the_batches():
    def identity(kind=EvaluationBatches, count=5, side=8, size=6, batch=2, squash=False, stamps=None):
        pictures = Pictures(count)
        if stamps:
            pictures.stamps = lambda: stamps
        return kind(SquareImages(pictures, side, squash=squash), size, batch).identity()

    changes = [{"kind": TenCropBatches}, {"kind": MirroredBatches}, {"count": 4}, {"side": 9}, {"size": (6, 5)}]
    changes += [{"squash": True}, {"stamps": ((3, 1),) * 5}, {"stamps": ((3, 2),) * 5}]
    assert len({identity(), *(identity(**change) for change in changes)}) == 1 + len(changes)
    assert identity() == identity(batch=3)


def test_a_batch_of_failures_is_left_out():
    batches = EvaluationBatches(SquareImages(Pictures(200, bad=[0, 1]), 8), 8, batch=2)
    triples = list(batches)
    assert len(triples) == 99 and triples[0][2].tolist() == [2, 3]


def test_mean_image():
    images = SquareImages(Pictures(300), 8)
    mean = mean_image(images, 6)
    assert mean.dtype == np.float32
    expected = images.source.pixels[:, 1:7, 1:7].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(mean, expected, rtol=1e-6)
    failing = SquareImages(Pictures(300, bad=[7]), 8)
    without = np.delete(failing.source.pixels, 7, axis=0).astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(mean_image(failing, 8), without, rtol=1e-6)


@pytest.mark.parametrize("mean", [np.array([100.0, 110, 120]), np.full((6, 6, 3), 99.5), [1, 2, 3]])
def test_mean_is_subtracted(mean):
    plain = list(training().epoch(0))
    for (x, _, _), (less, _, _) in zip(plain, training(preprocessing=Preprocessing(mean)).epoch(0), strict=True):
        assert less.dtype == np.float32
        np.testing.assert_array_equal(less, x - np.asarray(mean, np.float32))


@pytest.mark.parametrize("make", [TrainingBatches, EvaluationBatches])
def test_bad_arguments(make):
    images = SquareImages(Pictures(4), 8)
    for shape in [(6,), (8, 8, 3), (6, 6), ()]:
        with pytest.raises(ValueError) as caught:
            make(images, 6, preprocessing=Preprocessing(np.zeros(shape)))
        assert str(caught.value) == f"mean has shape {shape}, expected (3,) or (6, 6, 3)"
    for size in (9, 0):
        with pytest.raises(ValueError, match=rf"^size is {size} pixels, expected 1 to 8, the side of the images$"):
            make(images, size)
    with pytest.raises(ValueError, match="batch is 0"):
        make(images, 6, batch=0)
    with pytest.raises(ValueError, match="size is 9"):
        mean_image(images, 9)


def test_bad_seed_epoch_and_start():
    with pytest.raises(ValueError, match="seed is -1"):
        training(seed=-1)
    with pytest.raises(ValueError, match="epoch is -1"):
        training().epoch(-1)
    for start in (-1, 6):
        with pytest.raises(ValueError, match=f"start is {start}, expected 0 to 5"):
            training().epoch(0, start)


def preparing():
    """The number of threads that prepare batches; those that decode are shared, and stay."""
    return sum(thread.name.startswith("npzf-batches") for thread in threading.enumerate())


def threads_end():
    deadline = time.monotonic() + 5
    while preparing() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not preparing()


def test_leaving_early_ends_the_thread():
    assert threads_end()
    batches = training(count=200).epoch(0)
    next(batches)
    assert preparing() == 1
    batches.close()
    assert threads_end()


def test_leaving_early_prepares_no_more():
    pictures = Pictures(200)
    visits = []
    pictures.image = lambda i: (time.sleep(0.05), visits.append(i), pictures.pixels[i])[2]
    batches = TrainingBatches(SquareImages(pictures, 8), 8, batch=1).epoch(0)
    next(batches)
    batches.close()
    assert len(visits) <= 2  # the batch given and the one in hand


def test_batches_are_prepared_ahead_but_not_without_end():
    pictures = Pictures(200)
    visits = []
    original = pictures.image
    pictures.image = lambda i: (visits.append(i), original(i))[1]
    batches = TrainingBatches(SquareImages(pictures, 8), 8, batch=10).epoch(0)
    next(batches)
    deadline = time.monotonic() + 5
    while len(visits) < 30 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(visits) == 30  # the batch in use and two ahead
    batches.close()


def test_errors_reach_the_consumer():
    order = np.concatenate([indices for _, _, indices in training(count=50).epoch(0)])
    batches = training(count=50, bad=[int(order[12])]).epoch(0)  # one of 50, in the third batch
    assert len(next(batches)[0]) == len(next(batches)[0]) == 5
    with pytest.raises(ValueError, match=rf"1 of 50 images .* {order[12]}\.png: broken"):
        next(batches)
    assert threads_end()
