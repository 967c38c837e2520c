"""Batches for training and evaluation, and the mean image (section 3: mirrored crops less the mean).

A batch is a triple: x float32 (n, rows, columns, 3), preprocessed; targets (n,) or (n, classes), as in ImageSet; indices int64
(n,) into the image set. Images that cannot be decoded are left out of their batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from npzf.data.crops import Size, centre_crop, random_crops, ten_crops
from npzf.data.image_files import file_stamps
from npzf.data.protocols import Batch
from npzf.data.square_images import SquareImages
from npzf.geometry import pair
from npzf.numbers import check_seed, check_whole
from npzf.preprocessing import Preprocessing

PIXELS = Preprocessing()  # x is the pixels themselves
AHEAD = 2  # batches prepared while one is used


class TrainingBatches:
    """Random crops of shuffled images, mirrored half of the time; section 3, with size 224 and batch 128.

    size: of the crops, in pixels; batch: in images. A batch depends on (seed, epoch, its number) only, so a run can resume in the
    middle of an epoch. ValueError if size is above the images' side, mean of another shape, batch below 1, or seed below 0.
    """

    def __init__(self, images: SquareImages, size: Size, batch: int = 128, preprocessing: Preprocessing = PIXELS, seed: int = 0):
        check_seed(seed)
        _check(images, size, batch, preprocessing)
        self.images, self.size, self.batch = images, pair(size), batch
        self.preprocessing, self.seed = preprocessing, seed

    def __len__(self) -> int:
        """Number of batches in an epoch, including the last, smaller one."""
        return -(-len(self.images) // self.batch)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """All batches of one epoch (0, 1, ...), from batch `start` on; ValueError if start is out of range.

        A batch whose images all fail to decode is yielded empty (n = 0), so that batch numbers stay aligned.
        """
        if epoch < 0:
            raise ValueError(f"epoch is {epoch}, expected 0 or more")
        if not 0 <= start <= len(self):
            raise ValueError(f"start is {start}, expected 0 to {len(self)}, the batches of an epoch")
        order = self._generator(epoch).permutation(len(self.images))

        def prepare(number: int) -> Batch:
            pixels, indices = self.images.take(order[number * self.batch : (number + 1) * self.batch])
            crops = random_crops(pixels, self.size, self._generator(epoch, number))
            return self.preprocessing.apply(crops), self.images.source.targets[indices], indices

        return _ahead(prepare, range(start, len(self)))

    def _generator(self, *key: int) -> np.random.Generator:
        """Independent random numbers for (seed, epoch) and for (seed, epoch, batch)."""
        # A spawn key: SeedSequence pads entropy with zeros, so (seed, epoch) would equal (seed, epoch, 0).
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


class EvaluationBatches:
    """Centre crops of all images in order; arguments and errors as for TrainingBatches."""

    crops = 1  # of an image

    def __init__(self, images: SquareImages, size: Size, batch: int = 128, preprocessing: Preprocessing = PIXELS):
        _check(images, size, batch, preprocessing)
        self.images, self.size, self.batch = images, pair(size), batch
        self.preprocessing = preprocessing

    def __len__(self) -> int:
        """Number of batches, including the last, smaller one."""
        return -(-len(self.images) // self.batch)

    @property
    def image_count(self) -> int:
        """Number of images, those included that cannot be decoded."""
        return len(self.images)

    def identity(self) -> tuple:
        """Everything that the batches depend on, besides the preprocessing: crops, sizes, names, and when files were changed."""
        images = self.images
        names = tuple(images.source.name(i) for i in range(len(images)))
        return self.crops, self.size, images.side, images.squash, names, file_stamps(images.source)

    def __iter__(self) -> Iterator[Batch]:
        """Every image once, in the order of the set; a batch whose images all fail to decode is left out."""
        return self.since(0)

    def since(self, first: int) -> Iterator[Batch]:
        """The batches of the images from index `first` on."""

        def prepare(start: int) -> Batch:
            pixels, indices = self.images.take(range(start, min(start + self.batch, len(self.images))))
            return self.preprocessing.apply(self._crops(pixels)), self.images.source.targets[indices], indices

        for batch in _ahead(prepare, range(first, len(self.images), self.batch)):
            if len(batch[0]):
                yield batch

    def _crops(self, pixels: np.ndarray) -> np.ndarray:
        """(n, side, side, 3) -> the crops that the net sees."""
        return centre_crop(pixels, self.size)


class TenCropBatches(EvaluationBatches):
    """The same with ten crops of each image (section 5.1), one after the other: x is (10 n, rows, columns, 3)."""

    crops = 10

    def _crops(self, pixels: np.ndarray) -> np.ndarray:
        return ten_crops(pixels, self.size).reshape(-1, *self.size, pixels.shape[3])


class MirroredBatches(EvaluationBatches):
    """The same with the centre crop of each image and its mirror image: x is (2 n, rows, columns, 3)."""

    crops = 2

    def _crops(self, pixels: np.ndarray) -> np.ndarray:
        centre = centre_crop(pixels, self.size)
        return np.stack([centre, centre[:, :, ::-1]], 1).reshape(-1, *self.size, pixels.shape[3])


def mean_image(images: SquareImages, size: Size) -> np.ndarray:
    """Per-pixel mean of the centre crops, float32 (rows, columns, C) in [0, 255] (section 3).

    ValueError if size is above the images' side.
    """
    total, count = np.zeros((*pair(size), images.channels)), 0
    for x, _, _ in EvaluationBatches(images, size):
        total += x.sum(axis=0, dtype=np.float64)
        count += len(x)
    return (total / count).astype(np.float32)


def _ahead(prepare: Callable[[int], Batch], keys: Iterable[int]) -> Iterator[Batch]:
    """prepare(key) for each key in order, AHEAD of them in one background thread."""
    # Leaving the loop early closes this generator, which ends the thread once its current batch is done.
    with ThreadPoolExecutor(1, thread_name_prefix="npzf-batches") as thread:
        pending: deque = deque()
        try:
            for key in keys:
                pending.append(thread.submit(prepare, key))
                if len(pending) > AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for job in pending:
                job.cancel()


def _check(images: SquareImages, size: Size, batch: int, preprocessing: Preprocessing) -> None:
    """ValueError unless crops of this size can be taken from the images, and the preprocessing fits them."""
    check_whole(batch=batch)
    if batch < 1:
        raise ValueError(f"batch is {batch}, expected at least 1 image")
    rows, columns = pair(size)
    if not 1 <= min(rows, columns) <= max(rows, columns) <= images.side:
        raise ValueError(f"size is {size} pixels, expected 1 to {images.side}, the side of the images")
    preprocessing.check((rows, columns, images.channels))
