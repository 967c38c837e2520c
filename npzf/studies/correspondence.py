"""Table 1 (section 4.3): whether a net relates the same part in different images, whose features hiding it changes alike.

    e_i = x_i - masked x_i           features of image i at one layer, without and with a grey square over the part
    D = sum over pairs i != j of H(sign(e_i), sign(e_j))        H: Hamming distance over the number of features

The paper's numbers are means and deviations of H over the pairs, and so are these. What it leaves open is sign(0): most features
of a rectified layer do not change at all. Both readings are given: 0 as a sign of its own, and the places where an image of the
pair has 0 left out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from npzf.backend.arrays import generator
from npzf.data import decode, square
from npzf.network import Network
from npzf.predict import features

SIZE = 1 / 6  # of the image's side; open in the paper
RANDOM, TOGETHER = "random", "random, one place"
PAPER = {  # Table 1: (layer 5, layer 7), each mean and deviation
    "right_eye": ((0.067, 0.007), (0.069, 0.015)),
    "left_eye": ((0.069, 0.007), (0.068, 0.013)),
    "nose": ((0.079, 0.017), (0.069, 0.011)),
    RANDOM: ((0.107, 0.017), (0.073, 0.014)),
}


@dataclass(frozen=True)
class Correspondence:
    """Hamming distances of one part at one layer, each in [0, 1], one a pair of images (for random masks: a pair and set).

    with_zeros: sign(0) is 0 and differs from both others; without_zeros: only places where neither image has 0, NaN where there
    is none; zeros: share of zeros among all e.
    """

    with_zeros: np.ndarray
    without_zeros: np.ndarray
    zeros: float


def correspondence(
    net: Network,
    x: np.ndarray,
    parts: Mapping[str, np.ndarray],
    layers: Collection[str],
    size: int | None = None,
    random_sets: int = 20,
    seed: int = 0,
) -> dict[str, dict[str, Correspondence]]:
    """Layer -> part -> distances, for N images x (N, H, W, C); Table 1.

    parts: name -> (N, 2), row and column of the part's middle in each image; size: side of the square in pixels (default a sixth
    of the shorter side), clipped at the border; its value is 0, the mean image. Two rows are added, of sets of squares at random
    places wholly inside: "random", a place of its own in each image, as in the paper, and "random, one place", the same in all,
    which tells what is due to the part from what is due to its lying at about one place in all images. ValueError for fewer than
    two images, places outside, or a size out of range.
    """
    count, height, width = x.shape[:3]
    size = round(min(height, width) * SIZE) if size is None else size
    if count < 2 or not 1 <= size <= min(height, width) or random_sets < 1:
        raise ValueError(
            f"{count} images, size {size}, random_sets {random_sets}, expected >= 2, 1 to {min(height, width)}, >= 1"
        )
    for name, places in parts.items():
        if np.shape(places) != (count, 2) or np.min(places) < 0 or (np.max(places, axis=0) >= (height, width)).any():
            raise ValueError(f"part {name!r} lies at {np.asarray(places).tolist()}, expected {count} places inside the image")
    untouched = features(net, x, layers)
    room = (height - size + 1, width - size + 1)
    draw = generator(seed).integers(0, room, (random_sets, count, 2))
    together = np.repeat(generator(seed, 1).integers(0, room, (random_sets, 1, 2)), count, axis=1)
    sets = {name: [np.rint(np.asarray(places) - (size - 1) / 2).astype(int)] for name, places in parts.items()}
    found: dict[str, dict[str, Correspondence]] = {name: {} for name in layers}
    for part, corners in (sets | {RANDOM: list(draw), TOGETHER: list(together)}).items():
        # All N images at once, as above: what the square cannot have changed keeps its bits, and its sign is 0.
        seen = [features(net, masked(x, places, size), layers) for places in corners]
        for name in layers:
            found[name][part] = _pairs([np.sign(untouched[name] - one[name]).reshape(count, -1) for one in seen])
    return found


def masked(x: np.ndarray, corners: np.ndarray, size: int) -> np.ndarray:
    """x (N, H, W, C) with a size x size square of zeros in each image, its first row and column at corners (N, 2)."""
    x = x.copy()
    for image, (top, left) in zip(x, corners, strict=True):
        image[max(top, 0) : top + size, max(left, 0) : left + size] = 0
    return x


def _pairs(signs: list[np.ndarray]) -> Correspondence:
    """The distances of all pairs of images in each set of signs (N, features)."""
    pairs = [(one[i], one[j]) for one in signs for i, j in combinations(range(len(one)), 2)]
    counted = np.array([np.mean(a != b) for a, b in pairs])
    both = [(a * b)[a * b != 0] for a, b in pairs]
    dropped = np.array([np.mean(products < 0) if products.size else np.nan for products in both])
    return Correspondence(counted, dropped, float(np.mean([one == 0 for one in signs])))


def read_landmarks(path: str | Path, side: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The images that a landmarks.json names, beside it: uint8 (N, side, side, 3), and name of part -> rows, columns (N, 2).

    The file holds {"image.jpg": {"nose": [x, y], ...}, ...} with pixels of the original image; images become centre squares
    resized to `side` pixels, and landmarks follow. FileNotFoundError; ValueError for other contents.
    """
    path = Path(path)
    try:
        landmarks = json.loads(path.read_text(encoding="utf-8"))
        names = list(next(iter(landmarks.values())).keys())
        marks = {name: np.array([landmarks[file][name] for file in landmarks], np.float64).reshape(-1, 2) for name in names}
        if not marks:
            raise ValueError("it names no part")
    except (ValueError, TypeError, AttributeError, KeyError, StopIteration) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(
            f'{path}: expected {{"image.jpg": {{"nose": [x, y], ...}}, ...}}, the same parts in each ({reason})'
        ) from error
    photographs = [decode(path.parent / file) for file in landmarks]
    sides = np.array([photograph.shape[1::-1] for photograph in photographs], np.float64)  # width, height
    shorter = sides.min(1, keepdims=True)
    places = {name: ((xy - (sides - shorter) / 2 + 0.5) * side / shorter - 0.5)[:, ::-1] for name, xy in marks.items()}
    return np.stack([square(photograph, side) for photograph in photographs]), places
