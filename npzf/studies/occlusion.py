"""Figure 7: which parts of an image a net's prediction depends on: a grey square slides over it, and the scores are recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from npzf.backend import to_numpy
from npzf.backend.arrays import as_batch
from npzf.losses import softmax
from npzf.network import Network
from npzf.numbers import check_finite, check_whole
from npzf.regions import Region
from npzf.studies.labels import Labels, class_labels

SIZE, STEP = 1 / 5, 1 / 20  # of the image's shorter side; open in the paper
PER_IMAGE = ("probability", "prediction", "original_probability", "strongest_map", "activity", "original_activity")


@dataclass(frozen=True)
class OcclusionMap:
    """What a net makes of N images with the occluder at R x C places; `[n]` is image n's alone, without the axis N.

    probability (N, R, C): of the label (figure 7 d).
    prediction (N, R, C): the most probable class (e).
    original_probability (N,): of the label, without an occluder.
    centres_y (R,), centres_x (C,): the middles of the occluder, in pixels.
    size: the occluder's side, in pixels.
    With a layer, and None otherwise:
    strongest_map (N,): the map with the largest activation without an occluder; whether the paper means this or the largest
    total is open.
    activity (N, R, C): the total activity of that map (b).
    original_activity (N,): the same without an occluder.
    """

    probability: np.ndarray
    prediction: np.ndarray
    original_probability: np.ndarray
    centres_y: np.ndarray
    centres_x: np.ndarray
    size: int
    strongest_map: np.ndarray | None = None
    activity: np.ndarray | None = None
    original_activity: np.ndarray | None = None

    def __getitem__(self, n: int) -> OcclusionMap:
        return replace(self, **{name: getattr(self, name)[n] for name in PER_IMAGE if getattr(self, name) is not None})


def occlusion_map(
    net: Network,
    x: np.ndarray,
    labels: Labels,
    *,
    size: int | None = None,
    step: int | None = None,
    grey: float = 0.0,
    batch: int = 64,
    layer: str | None = None,
) -> OcclusionMap:
    """Slides a size x size square of value grey over each image of x (N, H, W, C); figure 7 (d), (e), and with a layer (b).

    labels: a class, or one an image (N,). size, and step from place to place, in pixels: by default a fifth and a twentieth of
    the shorter side. grey in units of x, in which 0 is the mean image; batch: places in one pass. Only what the square can
    affect is computed again: the same numbers to rounding. A progress bar shows on a terminal. ValueError for a label, size, step
    or batch out of range, an unknown layer, and a net without class scores.
    """
    x = as_batch(x, net.dtype)
    labels = class_labels(net, labels, len(x))
    if layer is not None and layer not in net.layers:
        raise ValueError(f"layer is {layer!r}, expected one of {', '.join(net.layers)}")
    check_whole(batch=batch)
    if batch < 1:
        raise ValueError(f"batch is {batch}, expected at least 1 place")
    occluder = _Occluder.over(x.shape[1:3], size, step, grey)
    with tqdm(total=len(x) * occluder.places, desc="occluder", unit="place", leave=False, disable=None) as bar:
        # Image by image: the activations of all layers are held while the square slides
        maps = [_occlude(net, one[None], label, layer, occluder, batch, bar) for one, label in zip(x, labels, strict=True)]
    return _stack(maps)


@dataclass(frozen=True)
class _Occluder:
    """A square of `size` pixels and value grey, its first row at one of tops (R,) and its first column at one of lefts (C,)."""

    size: int
    grey: float
    tops: np.ndarray
    lefts: np.ndarray

    @classmethod
    def over(cls, sides: Sequence[int], size: int | None, step: int | None, grey: float) -> _Occluder:
        """Over images of these sides (H, W); ValueError for a size or step out of range."""
        shorter = min(sides)
        size = max(1, round(shorter * SIZE)) if size is None else size
        step = max(1, round(shorter * STEP)) if step is None else step
        check_whole(size=size, step=step)
        check_finite(grey=grey)
        if not 1 <= size <= shorter:
            raise ValueError(f"size is {size}, expected 1 to {shorter} pixels")
        if step < 1:
            raise ValueError(f"step is {step}, expected at least 1 pixel")
        return cls(size, grey, *(np.arange(0, side - size + 1, step) for side in sides))

    @property
    def places(self) -> int:
        """Number of places."""
        return len(self.tops) * len(self.lefts)

    def regions(self, x: np.ndarray, batch: int) -> Iterator[Region]:
        """The square at every place of x (1, H, W, C), in raster order, up to `batch` places together."""
        rows, columns = (places.reshape(-1) for places in np.meshgrid(self.tops, self.lefts, indexing="ij"))
        for start in range(0, self.places, batch):
            part = slice(start, start + batch)
            values = np.full_like(x, self.grey, shape=(len(rows[part]), self.size, self.size, x.shape[3]))
            yield Region(values, np.zeros(len(values), int), rows[part], columns[part])


def _occlude(
    net: Network, x: np.ndarray, label: int, layer: str | None, occluder: _Occluder, batch: int, bar: tqdm
) -> OcclusionMap:
    """The map of one image x (1, H, W, C), without the axis N."""
    tape, scores = net.record(x, list(net.layers)), net.scores_name
    names = {scores} if layer is None else {scores, layer}
    original = softmax(to_numpy(tape[scores]))[0, label]
    strongest = None if layer is None else _strongest_map(to_numpy(tape[layer]))
    p, activity = [], []
    for region in occluder.regions(x, batch):
        y = {name: to_numpy(activation) for name, activation in tape.update(region, names).items()}
        p.append(softmax(y[scores]))
        if layer is not None:
            activity.append(total_activity(y[layer])[:, strongest])
        bar.update(len(region.rows))
    plane = (len(occluder.tops), len(occluder.lefts))
    probabilities, middle = np.concatenate(p), (occluder.size - 1) / 2
    occlusion = OcclusionMap(
        probabilities[:, label].reshape(plane),
        probabilities.argmax(1).reshape(plane),
        original,
        occluder.tops + middle,
        occluder.lefts + middle,
        occluder.size,
    )
    if layer is None:
        return occlusion
    total = total_activity(to_numpy(tape[layer]))[0, strongest]
    return replace(occlusion, strongest_map=strongest, activity=np.concatenate(activity).reshape(plane), original_activity=total)


def _strongest_map(y: np.ndarray) -> Any:
    """The map with the largest activation in y (1, H, W, C) or (1, C)."""
    return y.reshape(-1, y.shape[-1]).max(0).argmax()


def _stack(maps: Sequence[OcclusionMap]) -> OcclusionMap:
    """One OcclusionMap of N images from those of each, whose places are the same."""
    first = maps[0]
    present = [name for name in PER_IMAGE if getattr(first, name) is not None]
    arrays: dict[str, Any] = {name: np.stack([getattr(one, name) for one in maps]) for name in present}
    return replace(first, **arrays)


def total_activity(y: np.ndarray) -> np.ndarray:
    """Sum over the places of each map of what is above 0: y (N, H, W, C) or (N, C) -> (N, C)."""
    return np.maximum(y, 0).reshape(len(y), -1, y.shape[-1]).sum(1)
