"""Every image of a set as its centre square, decoded once (section 3: resized and cropped to 256 x 256)."""

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from npzf.data.class_folders import ClassFolders
from npzf.data.crops import square
from npzf.data.decode import DecodeError
from npzf.data.packed import PackedImages

THREADS = min(8, os.cpu_count() or 1)

log = logging.getLogger("npzf")


class SquareImages:
    """Centre squares of `side` pixels of an image set, kept in memory if all of them fit in `limit` bytes.

    A larger set is decoded again at each visit. Images that cannot be decoded are logged once, left out, and
    listed in `failures` (index -> message).
    """

    def __init__(self, images: ClassFolders | PackedImages, side: int, limit: int = 2**30):
        self.images, self.side = images, side
        self.failures: dict[int, str] = {}
        self._decoded = np.zeros(len(images), bool)
        fits = len(images) * side * side * 3 <= limit
        self._kept = np.empty((len(images), side, side, 3), np.uint8) if fits else None

    def __len__(self) -> int:
        """Number of images, with those that fail."""
        return len(self.images)

    def take(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Those of the images that can be decoded: uint8 (n, side, side, 3), and their indices, int64 (n,).

        ValueError: more than 1 % of the set has failed.
        """
        indices = np.asarray(indices, np.int64)
        missing = [i for i in indices.tolist() if i not in self.failures and not self._decoded[i]]
        fresh = self._decode(missing) if missing else {}
        if 100 * len(self.failures) > len(self):
            count, first = len(self.failures), self.failures[min(self.failures)]
            raise ValueError(f"{count} of {len(self)} images cannot be decoded, over 1 %; one is {first}")
        found = indices[np.array([i not in self.failures for i in indices.tolist()], bool)]
        if self._kept is not None:
            return self._kept[found], found
        pixels = np.empty((len(found), self.side, self.side, 3), np.uint8)
        for n, i in enumerate(found.tolist()):
            pixels[n] = fresh[i]
        return pixels, found

    def _decode(self, indices: list[int]) -> dict[int, np.ndarray]:
        """SquareImages of these images, index -> pixels; failures are noted, and squares kept where all fit."""
        squares = {}
        with ThreadPoolExecutor(THREADS) as pool:
            for i, result in zip(indices, pool.map(self._square, indices), strict=True):
                if isinstance(result, str):
                    # Two iterators may meet the same image at once: only the first to note it logs it.
                    if self.failures.setdefault(i, result) is result:
                        log.warning("left out: %s", result)
                elif self._kept is None:
                    squares[i] = result
                else:
                    self._kept[i] = result
                    self._decoded[i] = True
        return squares

    def _square(self, i: int) -> np.ndarray | str:
        """The square of image i, or why it cannot be decoded."""
        try:
            return square(self.images.image(i), self.side)
        except DecodeError as error:
            return str(error)
