"""Near duplicates between the images for pretraining and those of a target set, which section 5.2 leaves out.

There, 44 of 9,144 images of Caltech-101 and 243 of 30,607 of Caltech-256 were in ImageNet too. Two stages: of every pair, a few
numbers of the thumbnails are compared, by products of matrices; those that may be the same are aligned and decided on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from tqdm import tqdm

from npzf.backend.threads import each
from npzf.data import ImageSet
from npzf.transfer.alignment import CELLS, MIDDLE, cells, similarities
from npzf.transfer.descriptors import SIDE, ImageDescriptors, describe_images

THRESHOLD = 0.92  # 2,904 photographs, none of Caltech-101, against 25,000 of Tiny ImageNet: other images reach 0.91
LOWEST = 0.8  # the candidates are complete only for thresholds above
CANDIDATE = 0.75  # correlation of the few numbers; of duplicates it is above, of one in 10,000 other pairs too
WAVES = 8  # horizontal and vertical half waves of the few numbers, together at most
TARGETS, PRETRAINING, ALIGNED = 64, 4096, 1024  # images in a block, and pairs aligned at once

# Where MIDDLE of one image may be in the other (see alignment.py): three sizes in the middle, two of them towards each side.
WINDOWS = np.array(
    [[off] * 4 for off in (0.02, 0.10, 0.17)]
    + [
        [off + down, off - down, off + across, off - across]
        for off in (0.06, 0.135)
        for down, across in ((-0.03, 0), (0.03, 0), (0, -0.03), (0, 0.03))
    ],
    np.float32,
)


@dataclass(frozen=True)
class Pair:
    """Two images that are nearly the same: their similarity, of 1 at most, and whether one is the other's mirror image."""

    target_index: int
    pretraining_index: int
    similarity: float
    mirrored: bool


def overlapping(
    target_images: ImageSet, pretraining_images: ImageSet, threshold: float = THRESHOLD, progress: bool = False
) -> np.ndarray:
    """Indices of the target images that are in the pretraining set too, to be left out: int64, sorted. Section 5.2.

    threshold: as near_duplicates.
    """
    check_threshold(threshold)
    target, pretraining = (describe_images(images, progress) for images in (target_images, pretraining_images))
    return target_indices(near_duplicates(target, pretraining, threshold, progress))


def target_indices(pairs: list[Pair]) -> np.ndarray:
    """The target images of these pairs, each once: int64, sorted."""
    return np.unique(np.array([pair.target_index for pair in pairs], np.int64))


def near_duplicates(
    target: ImageDescriptors, pretraining: ImageDescriptors, threshold: float = THRESHOLD, progress: bool = False
) -> list[Pair]:
    """All pairs of images that are as similar as the threshold or more, the most similar first.

    Found are images that were rescaled or squeezed, cropped by up to 10 % of each side or to their centre square, mirrored,
    recompressed, made grey, or changed a little in brightness or contrast. Within one set (target is pretraining) each pair
    comes once, the later image as its target: without the targets, the first of each group remains. similarity: of the whole
    images or, where that is below the threshold, of their centre squares. ValueError for a threshold outside 0.8 to 1.
    """
    check_threshold(threshold)
    within = target is pretraining
    blocks = [(a, b) for b in range(0, len(pretraining), PRETRAINING) for a in range(0, len(target), TARGETS)]
    if within:
        blocks = [(a, b) for a, b in blocks if a + TARGETS > b]
    found: list[list[Pair]] = [[] for _ in blocks]
    with tqdm(total=len(blocks), desc="comparing", unit="block", leave=False, disable=None if progress else True) as bar:

        def compare(k: int) -> None:
            found[k] = _compared(target, pretraining, *blocks[k], threshold)
            bar.update()

        each(compare, len(blocks))
    pairs = [pair for block in found for pair in block]
    return sorted(pairs, key=lambda pair: (-pair.similarity, pair.target_index, pair.pretraining_index))


def check_threshold(threshold: float) -> None:
    """ValueError for a threshold outside LOWEST to 1."""
    if not LOWEST <= threshold <= 1:
        raise ValueError(f"threshold is {threshold}, expected {LOWEST} to 1")


def _compared(target: ImageDescriptors, pretraining: ImageDescriptors, a: int, b: int, threshold: float) -> list[Pair]:
    """The pairs between the target images from a on and the pretraining images from b on, a block of each."""
    views = [(target.whole, pretraining.whole), (target.squares, pretraining.squares)]
    blocks = [(x[a : a + TARGETS].astype(np.float32), y[b : b + PRETRAINING].astype(np.float32)) for x, y in views]
    if all(np.array_equal(whole, square) for whole, square in zip(*blocks, strict=True)):
        del blocks[1]  # all images are square
    known = np.zeros((len(blocks[0][0]), len(blocks[0][1])), bool)
    if target is pretraining:  # only pairs of an image with an earlier one
        known |= a + np.arange(known.shape[0])[:, None] <= b + np.arange(known.shape[1])
    pairs = []
    for one, other in blocks:
        for i, j, similarity, mirrored in _alike(one, other, ~known, threshold):
            known[i, j] = True
            pairs.append(Pair(a + i, b + j, similarity, mirrored))
    return pairs


def _alike(one: np.ndarray, other: np.ndarray, wanted: np.ndarray, threshold: float) -> Iterator[tuple[int, int, float, bool]]:
    """i, j, similarity and whether it is in the mirror, of thumbnails (N, SIDE, SIDE), (M, SIDE, SIDE) where wanted (N, M)."""
    middles = _numbers(other, _middle())[:, 0]
    numbers = _numbers(one, _projections())
    ways = np.concatenate([numbers, numbers * _mirror()], axis=1)  # (N, 2 * windows, D)
    best = np.full(wanted.shape, CANDIDATE, np.float32)
    for way in range(ways.shape[1]):
        np.maximum(best, ways[:, way] @ middles.T, out=best)
    i, j = np.nonzero((best > CANDIDATE) & wanted)
    for start in range(0, len(i), ALIGNED):
        rows, columns = i[start : start + ALIGNED], j[start : start + ALIGNED]
        way = np.einsum("mwd,md->mw", ways[rows], middles[columns]).argmax(1)
        mirrored, windows = way >= len(WINDOWS), WINDOWS[way % len(WINDOWS)]
        windows = np.where(mirrored[:, None], windows[:, [0, 1, 3, 2]], windows)  # where they are in the mirror image
        turned = np.where(mirrored[:, None, None], one[rows, :, ::-1], one[rows])
        values = similarities(turned, other[columns], windows)
        for k in np.flatnonzero(values >= threshold).tolist():
            yield int(rows[k]), int(columns[k]), float(values[k]), bool(mirrored[k])


def _numbers(thumbnails: np.ndarray, projections: np.ndarray) -> np.ndarray:
    """The few numbers of thumbnails (N, SIDE, SIDE) in each window, of length 1: float32 (N, windows, D)."""
    numbers = thumbnails.reshape(len(thumbnails), -1) @ projections
    numbers = numbers.reshape(len(thumbnails), -1, len(_waves()))
    return numbers / np.sqrt((numbers * numbers).sum(2, keepdims=True) + 1)  # 1: a blank image is like nothing


@cache
def _waves() -> np.ndarray:
    """Half waves (down, across) of the cosines that give the few numbers, the lowest but for the mean: (D, 2)."""
    return np.array([(v, u) for v in range(WAVES + 1) for u in range(WAVES + 1) if 0 < v + u <= WAVES])


@cache
def _projections() -> np.ndarray:
    """What gives a thumbnail's few numbers in each of WINDOWS: float32 (SIDE * SIDE, windows * D)."""
    return _projected(WINDOWS)


@cache
def _middle() -> np.ndarray:
    return _projected(np.array([MIDDLE], np.float32))


def _projected(windows: np.ndarray) -> np.ndarray:
    """Cosines on the cells of windows (M, 4), as functions of the thumbnail: float32 (SIDE * SIDE, M * D)."""
    waves = np.cos(np.pi * np.arange(WAVES + 1)[:, None] * (np.arange(CELLS) + 0.5) / CELLS)
    waves[0] /= np.sqrt(2)
    down, across = (waves @ cells(windows[:, k], windows[:, k + 1]) for k in (0, 2))  # (M, WAVES + 1, SIDE)
    v, u = _waves().T
    products = down[:, v, :, None] * across[:, u, None, :]
    products *= np.hypot(v, u)[:, None, None]  # as slopes have it: photographs differ in high waves, which are weaker
    return np.ascontiguousarray(products.reshape(-1, SIDE * SIDE).T, np.float32)


@cache
def _mirror() -> np.ndarray:
    """The signs that turn the few numbers of an image into those of its mirror image: (D,)."""
    return np.where(_waves()[:, 1] % 2, -1, 1).astype(np.float32)
