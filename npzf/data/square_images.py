"""Every image of a set as its centre square (section 3: resized and cropped to 256 x 256), decoded once if memory allows."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from npzf.data.crops import check_channels, square, squashed, with_channels
from npzf.data.decode import DecodeError
from npzf.data.protocols import ImageSet
from npzf.data.targets import checked_targets
from npzf.numbers import check_whole

THREADS = min(8, os.cpu_count() or 1)

LARGEST_SIDE = 10_000  # pixels

log = logging.getLogger("npzf")


class SquareImages:
    """Centre squares of `side` pixels of an image set, kept in memory if all of them fit in `limit` bytes.

    channels: 3 for red, green and blue, or 1 for grey, as the net takes them. squash: the whole image instead of its centre
    square, its sides made alike.

    A larger set is decoded again at each visit. Images that cannot be decoded are logged once, left out, and listed in
    `failures` (index -> message). ValueError for other channels, or if the set's targets do not have the form of
    ImageSet.targets.
    """

    def __init__(self, source: ImageSet, side: int, limit: int = 2**30, channels: int = 3, squash: bool = False):
        check_channels(channels)
        check_whole(side=side)
        if not 1 <= side <= LARGEST_SIDE:
            raise ValueError(f"side is {side}, expected 1 to {LARGEST_SIDE} pixels")
        checked_targets(source)
        self.source, self.side, self.channels, self.squash = source, side, channels, squash
        self.failures: dict[int, str] = {}
        self._decoded = np.zeros(len(source), bool)
        fits = len(source) * side * side * channels <= limit
        self._squares = np.empty((len(source), side, side, channels), np.uint8) if fits else None

    def __len__(self) -> int:
        """Number of images, those included that cannot be decoded."""
        return len(self.source)

    def take(self, indices: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of the images that can be decoded: uint8 (n, side, side, channels), and their indices, int64 (n,).

        ValueError if more than 1 % of the set cannot be decoded.
        """
        indices = np.asarray(indices, np.int64)
        missing = [i for i in indices.tolist() if i not in self.failures and not self._decoded[i]]
        fresh = self._decode(missing)
        if 100 * len(self.failures) > len(self):
            count, first = len(self.failures), self.failures[min(self.failures)]
            raise ValueError(f"{count} of {len(self)} images cannot be decoded, expected at most 1 %; one is {first}")
        good = indices[np.array([i not in self.failures for i in indices.tolist()], bool)]
        if self._squares is not None:
            return self._squares[good], good
        pixels = np.empty((len(good), self.side, self.side, self.channels), np.uint8)
        for n, i in enumerate(good.tolist()):
            pixels[n] = fresh[i]
        return pixels, good

    def _decode(self, indices: list[int]) -> dict[int, np.ndarray]:
        """Decodes these images: index -> square, unless all squares are kept. Failures are recorded."""
        squares = {}
        for i, result in zip(indices, _threads().map(self._square, indices), strict=True):
            if isinstance(result, str):
                # Two iterators may meet the same image at once: only the first to record it logs it.
                if self.failures.setdefault(i, result) is result:
                    log.warning("left out: %s", result)
            elif self._squares is None:
                squares[i] = result
            else:
                self._squares[i] = result
                self._decoded[i] = True
        return squares

    def _square(self, i: int) -> np.ndarray | str:
        """The square of image i, or why it cannot be decoded."""
        try:
            pixels = self.source.image(i)
            return with_channels(squashed(pixels, self.side) if self.squash else square(pixels, self.side), self.channels)
        except DecodeError as error:
            return str(error)
        except MemoryError:
            return f"{self.source.name(i)}: there is not enough memory for it"


@cache
def _threads() -> ThreadPoolExecutor:
    """The threads that decode, the same for all image sets."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="npzf-decode")


if hasattr(os, "register_at_fork"):  # a forked child has none of its parent's threads
    os.register_at_fork(after_in_child=_threads.cache_clear)
