"""Table 1 (section 4.3): whether masking the same part of different images changes a net's features alike.

    e_i = x_i - masked x_i           features of image i at one layer, without and with a grey square over the part
    D = sum over pairs i != j of H(sign(e_i), sign(e_j))        H: Hamming distance over the number of features

The paper's numbers are means and deviations of H over the pairs, and so are these. It leaves sign(0) open, and most features of a
rectified layer do not change at all. Both readings are given: 0 as a sign of its own, and without the features that are 0 in an
image of the pair.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PureWindowsPath

import numpy as np

from npzf.backend.arrays import as_batch, generator
from npzf.data import decode, square
from npzf.network import Network
from npzf.numbers import check_seed, check_whole
from npzf.predict import features
from npzf.storage.regular import read_regular

MOST_LANDMARKS = 2**22  # bytes
SIZE = 1 / 6  # of the image's shorter side; open in the paper
RANDOM, RANDOM_SHARED = "random", "random, one place"
PAPER = {  # Table 1: (layer 5, layer 7), each mean and deviation
    "right_eye": ((0.067, 0.007), (0.069, 0.015)),
    "left_eye": ((0.069, 0.007), (0.068, 0.013)),
    "nose": ((0.079, 0.017), (0.069, 0.011)),
    RANDOM: ((0.107, 0.017), (0.073, 0.014)),
}


@dataclass(frozen=True)
class SignChanges:
    """Hamming distances of one part at one layer, each in [0, 1], one a pair of images (for random masks: a pair and set).

    with_zeros: sign(0) is 0 and differs from both others.
    without_zeros: over the features that are 0 in neither image; NaN where there are none.
    zeros: share of zeros among all e.
    """

    with_zeros: np.ndarray
    without_zeros: np.ndarray
    zeros: float


def sign_changes(
    net: Network,
    x: np.ndarray,
    parts: Mapping[str, np.ndarray],
    layers: Collection[str],
    *,
    size: int | None = None,
    random_sets: int = 20,
    seed: int = 0,
) -> dict[str, dict[str, SignChanges]]:
    """Layer -> part -> distances between the sign changes of the images x (N, H, W, C); Table 1.

    parts: name -> (N, 2), row and column of the part's middle in each image. size: side of the square in pixels (default a sixth
    of the shorter side), clipped at the border; its value is 0, the mean image. Two rows are added, of random_sets sets of
    squares at random places wholly inside: "random", a place for each image, as in the paper; and "random, one place", the same
    in all images, which tells the effect of the part from that of its place. ValueError for fewer than two images, a place
    outside of the image, a size out of range, and an unknown layer.
    """
    x = as_batch(x, net.dtype)
    size = _check(x, parts, size, random_sets)
    original = features(net, x, layers)
    changes: dict[str, dict[str, SignChanges]] = {name: {} for name in layers}
    for part, sets in _corners(x.shape[:3], parts, size, random_sets, seed).items():
        # In the batches of the original: features that the square cannot affect keep their bits, and their sign is 0
        activations = [features(net, mask(x, corners, size), layers) for corners in sets]
        for name in layers:
            changes[name][part] = _compare(np.sign(original[name] - y[name]).reshape(len(x), -1) for y in activations)
    return changes


def _check(x: np.ndarray, parts: Mapping[str, np.ndarray], size: int | None, random_sets: int) -> int:
    """The size of the square in pixels; ValueError for what sign_changes refuses."""
    count, *sides = x.shape[:3]
    size = max(1, round(min(sides) * SIZE)) if size is None else size
    if count < 2:
        raise ValueError(f"x has {count} images, expected at least 2")
    check_whole(size=size, random_sets=random_sets)
    if not 1 <= size <= min(sides):
        raise ValueError(f"size is {size}, expected 1 to {min(sides)} pixels")
    if random_sets < 1:
        raise ValueError(f"random_sets is {random_sets}, expected at least 1")
    for name, places in parts.items():
        if np.shape(places) != (count, 2) or np.min(places) < 0 or (np.max(places, axis=0) >= sides).any():
            raise ValueError(f"part {name!r} is {np.asarray(places).tolist()}, expected {count} places inside the image")
    return size


def _corners(
    shape: tuple[int, ...], parts: Mapping[str, np.ndarray], size: int, random_sets: int, seed: int
) -> dict[str, Iterable[np.ndarray]]:
    """Part -> sets of the squares' first rows and columns (N, 2) in images of this shape (N, H, W)."""
    count, *sides = shape
    room = [side - size + 1 for side in sides]
    check_seed(seed)
    each = generator(seed).integers(0, room, (random_sets, count, 2))
    shared = np.repeat(generator(seed, 1).integers(0, room, (random_sets, 1, 2)), count, axis=1)
    sets = {name: [np.rint(np.asarray(places) - (size - 1) / 2).astype(int)] for name, places in parts.items()}
    return sets | {RANDOM: each, RANDOM_SHARED: shared}


def mask(x: np.ndarray, corners: np.ndarray, size: int) -> np.ndarray:
    """x (N, H, W, C) with a size x size square of zeros in each image, its first row and column at corners (N, 2)."""
    x = x.copy()
    for image, (top, left) in zip(x, corners, strict=True):
        image[max(top, 0) : top + size, max(left, 0) : left + size] = 0
    return x


def _compare(sets: Iterable[np.ndarray]) -> SignChanges:
    """The distances of all pairs of images in each set of signs (N, features)."""
    sets = list(sets)
    pairs = [(signs[i], signs[j]) for signs in sets for i, j in combinations(range(len(signs)), 2)]
    with_zeros = np.array([np.mean(a != b) for a, b in pairs])
    products = [(a * b)[a * b != 0] for a, b in pairs]
    without_zeros = np.array([np.mean(product < 0) if product.size else np.nan for product in products])
    return SignChanges(with_zeros, without_zeros, float(np.mean([signs == 0 for signs in sets])))


def read_landmarks(path: str | Path, side: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The images that a landmarks.json names, beside it: uint8 (N, side, side, 3), and part -> rows and columns (N, 2).

    The file holds {"image.jpg": {"nose": [x, y], ...}, ...} with pixels of the original image; images become centre squares
    resized to `side` pixels, and landmarks follow. FileNotFoundError; ValueError for other contents, or names outside its folder.
    """
    path = Path(path)
    text = read_regular(path, MOST_LANDMARKS, "landmarks as JSON")
    try:
        landmarks = json.loads(text.decode("utf-8"))
        names = list(next(iter(landmarks.values())).keys())
        marks = {name: np.array([landmarks[file][name] for file in landmarks], np.float64).reshape(-1, 2) for name in names}
        if not marks:
            raise ValueError("it names no part")
        if any(len(places) != len(landmarks) or not np.isfinite(places).all() for places in marks.values()):
            raise ValueError("a part is not two numbers in each image")
        if elsewhere := [file for file in landmarks if {"", ".."} & set(re.split(r"[/\\]", file)) or PureWindowsPath(file).drive]:
            raise ValueError(f"it names {elsewhere[0][:60]!r}, which does not lie in its folder")
    except (ValueError, TypeError, AttributeError, KeyError, StopIteration, ArithmeticError, RecursionError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ValueError(
            f'{path} is unreadable ({reason}), expected {{"image.jpg": {{"nose": [x, y], ...}}, ...}}, the same parts in each'
        ) from error
    squares, sides = np.empty((len(landmarks), side, side, 3), np.uint8), np.empty((len(landmarks), 2))
    for i, file in enumerate(landmarks):
        photograph = decode(path.parent / file)
        squares[i], sides[i] = square(photograph, side), photograph.shape[1::-1]  # width, height
    shorter = sides.min(1, keepdims=True)
    places = {name: ((xy - (sides - shorter) / 2 + 0.5) * side / shorter - 0.5)[:, ::-1] for name, xy in marks.items()}
    return squares, places
