"""Figure 7: which parts of an image a net's answer depends on: a grey square slides over it and the answer is read off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from npzf.losses import softmax
from npzf.network import Network

SIZE, STEP = 1 / 5, 1 / 20  # of the image's side; open in the paper


@dataclass(frozen=True)
class Occlusion:
    """What the net answers with the occluder at each place: arrays (rows, columns) over centres_y, centres_x (pixels).

    probability: of the label (d); best: the most probable class (e); untouched: the label's probability without an occluder;
    size: the occluder's side in pixels.
    """

    probability: np.ndarray
    best: np.ndarray
    untouched: float
    centres_y: np.ndarray
    centres_x: np.ndarray
    size: int


def occlusion(
    net: Network,
    x: np.ndarray,
    label: int,
    size: int | None = None,
    step: int | None = None,
    grey: float = 0.0,
    batch: int = 64,
) -> Occlusion:
    """Slides a size x size square of value grey over one image x (H, W, C) by `step` pixels; figure 7 (d) and (e).

    size, step in pixels (default a fifth and a twentieth of the shorter side); grey in units of the net's input, in which 0 is
    the mean image. ValueError for a label, size or step out of range.
    """
    height, width = x.shape[:2]
    size = round(min(height, width) * SIZE) if size is None else size
    step = max(1, round(min(height, width) * STEP)) if step is None else step
    classes = net.shapes[net.last][0]
    if not 0 <= label < classes:
        raise ValueError(f"label is {label}, expected 0 to {classes - 1}")
    if not 1 <= size <= min(height, width) or step < 1:
        raise ValueError(f"size is {size}, step {step}, expected size from 1 to {min(height, width)} pixels, step >= 1")
    tops, lefts = (np.arange(0, side - size + 1, step) for side in (height, width))
    p = np.concatenate([softmax(net.forward(xs)) for xs in _occluded(x, tops, lefts, size, grey, batch)])
    p = p.reshape(len(tops), len(lefts), classes)
    untouched = float(softmax(net.forward(x[None]))[0, label])
    middle = (size - 1) / 2
    return Occlusion(p[..., label], p.argmax(-1), untouched, tops + middle, lefts + middle, size)


def _occluded(x, tops, lefts, size, grey, batch) -> Iterator[np.ndarray]:
    """Batches (n, H, W, C) of x with the occluder at every place, in raster order."""
    places = [(top, left) for top in tops for left in lefts]
    for start in range(0, len(places), batch):
        part = places[start : start + batch]
        xs = np.repeat(x[None], len(part), axis=0)
        for image, (top, left) in zip(xs, part, strict=True):
            image[top : top + size, left : left + size] = grey
        yield xs
