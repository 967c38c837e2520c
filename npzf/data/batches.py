"""Batches for training and evaluation, and the mean image (section 3: mirrored crops less the mean).

A batch is a triple: x float32 (n, size, size, 3), pixels in [0, 255], scaled; labels int64 (n,);
indices int64 (n,) into the image set. Images that cannot be decoded are left out of their batch.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from npzf.data.crops import centre_crop, random_crops
from npzf.data.square_images import SquareImages
from npzf.preprocessing import Preprocessing

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
PLAIN = Preprocessing()  # pixels as they are
AHEAD = 2  # batches prepared while one is used


class TrainingBatches:
    """Random crops of shuffled images, mirrored half of the time; section 3, with size 224 and batch 128.

    Any batch is fixed by (seed, epoch, its number), so a run can resume in the middle of an epoch.
    ValueError: size above the squares' side, mean of another shape, batch below 1, or seed below 0.
    """

    def __init__(self, squares: SquareImages, size: int, batch: int = 128, preprocessing: Preprocessing = PLAIN, seed: int = 0):
        if seed < 0:
            raise ValueError(f"seed is {seed}; expected 0 or more")
        self.squares, self.size, self.seed = squares, size, seed
        self.batch = _checked_batch(batch)
        self.preprocessing = _checked_scaling(preprocessing, squares, size)

    def __len__(self) -> int:
        """Number of batches in an epoch, with the last, smaller one."""
        return -(-len(self.squares) // self.batch)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """All batches of one epoch (0, 1, ...), from batch `start` on; ValueError: start out of range.

        A batch of which no image can be decoded comes with n = 0, so that the number of batches stays their place.
        """
        if epoch < 0:
            raise ValueError(f"epoch is {epoch}; expected 0 or more")
        if not 0 <= start <= len(self):
            raise ValueError(f"start is {start}; expected 0 to {len(self)}, the batches of an epoch")
        order = self._generator(epoch).permutation(len(self.squares))

        def prepare(b: int) -> Batch:
            pixels, indices = self.squares.take(order[b * self.batch : (b + 1) * self.batch])
            crops = random_crops(pixels, self.size, self._generator(epoch, b))
            return _triple(crops, self.preprocessing, self.squares, indices)

        return _ahead(prepare, range(start, len(self)))

    def _generator(self, *key: int) -> np.random.Generator:
        """Independent random numbers for (seed, epoch) and for (seed, epoch, batch)."""
        # A spawn key: SeedSequence pads entropy with zeros, so (seed, epoch) would equal (seed, epoch, 0).
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


class EvaluationBatches:
    """Centre crops of all images in order; ValueError: as TrainingBatches."""

    def __init__(self, squares: SquareImages, size: int, batch: int = 128, preprocessing: Preprocessing = PLAIN):
        self.squares, self.size = squares, size
        self.batch = _checked_batch(batch)
        self.preprocessing = _checked_scaling(preprocessing, squares, size)

    def __len__(self) -> int:
        """Number of batches, with the last, smaller one."""
        return -(-len(self.squares) // self.batch)

    def __iter__(self) -> Iterator[Batch]:
        """Every image once, in the order of the set; batches of which no image can be decoded are passed over."""
        return self.since(0)

    def since(self, first: int) -> Iterator[Batch]:
        """The same for the images from number `first` on."""

        def prepare(start: int) -> Batch:
            pixels, indices = self.squares.take(range(start, min(start + self.batch, len(self.squares))))
            return _triple(centre_crop(pixels, self.size), self.preprocessing, self.squares, indices)

        for batch in _ahead(prepare, range(first, len(self.squares), self.batch)):
            if len(batch[0]):
                yield batch


def mean_image(squares: SquareImages, size: int) -> np.ndarray:
    """Per-pixel mean of the centre crops, float32 (size, size, 3) in [0, 255] (section 3).

    ValueError: size above the squares' side.
    """
    batches = EvaluationBatches(squares, size)
    total, count = np.zeros((size, size, 3)), 0
    for x, _, _ in batches:
        total += x.sum(axis=0, dtype=np.float64)
        count += len(x)
    return (total / count).astype(np.float32)


def _triple(crops: np.ndarray, preprocessing: Preprocessing, squares: SquareImages, indices: np.ndarray) -> Batch:
    """uint8 crops and their indices -> (x, labels, indices)."""
    return preprocessing.apply(crops), squares.images.labels[indices], indices


def _ahead(prepare: Callable[[int], Batch], keys: Iterable[int]) -> Iterator[Batch]:
    """prepare(key) for each key in order, done in one background thread."""
    # Leaving the loop early closes this generator, which ends the thread once its present batch is done.
    with ThreadPoolExecutor(1) as thread:
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


def _checked_batch(batch: int) -> int:
    """The batch size, in images."""
    if batch < 1:
        raise ValueError(f"batch is {batch}; expected at least 1 image")
    return batch


def _checked_scaling(preprocessing: Preprocessing, squares: SquareImages, size: int) -> Preprocessing:
    """The preprocessing, if it goes with crops of `size` pixels and they with the squares."""
    if not 1 <= size <= squares.side:
        raise ValueError(f"size is {size} pixels; expected 1 to {squares.side}, the side of the squares")
    preprocessing.check((size, size, 3))
    return preprocessing
