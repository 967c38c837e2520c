"""Figure 2 for every map of a net, and what the paper says of maps in words: how often, for which classes and where they fire.

As in figure 2 an image counts once for a map, with its strongest activation. One pass over the images, and memory that grows
with maps, classes and sizes of layers, not with the images.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np

from npzf import cuda
from npzf.losses import softmax
from npzf.network import Network
from npzf.studies.top import Top

BINS = 32  # of a histogram, a power of two; between 17 and 32 of them are in use
CELLS = 14  # at most so many rows and columns of places


class Histograms:
    """How often each map had which value: `silent` (maps,) counts those not above 0, `counts` (maps, BINS) the others.

    Bin b holds values from b to b + 1 times `widths` (maps,), a power of two that doubles, bins merging in pairs, when a value
    lies beyond the last bin. So no range has to be known beforehand, and the order of the values makes no difference.
    """

    def __init__(self, maps: int):
        self.silent = np.zeros(maps, np.int64)
        self.counts = np.zeros((maps, BINS), np.int64)
        self._exponents = np.full(maps, -1000, np.int64)  # all bins together end at two to this power

    def add(self, values: np.ndarray) -> None:
        """Counts values (N, maps), finite."""
        positive = values > 0
        self.silent += (~positive).sum(0)
        needed = np.frexp(values.max(0))[1]  # the smallest power of two above the largest value
        self._widen(np.where(positive.any(0), np.maximum(needed, self._exponents), self._exponents))
        maps = np.nonzero(positive)[1]
        bins = np.ldexp(values[positive].astype(np.float64), -self._exponents[maps]) * BINS
        np.add.at(self.counts, (maps, bins.astype(np.int64)), 1)

    def _widen(self, exponents: np.ndarray) -> None:
        doublings = np.minimum(exponents - self._exponents, BINS)[:, None]
        merged = np.zeros_like(self.counts)
        np.add.at(merged, (np.arange(len(merged))[:, None], np.arange(BINS) >> doublings), self.counts)
        self.counts, self._exponents = merged, exponents

    @property
    def widths(self) -> np.ndarray:
        """Of one bin of each map (maps,), in units of the activation; 0 for a map that was never active."""
        return np.where(self.counts.any(1), np.ldexp(1.0 / BINS, self._exponents), 0.0)


class Maps:
    """What the maps of one layer did, an image counting with its strongest activation.

    top: the strongest of all; histograms; sums (classes, maps): of the activations above 0, by class; places (maps, rows,
    columns): how many activations above 0 fell there, in cells of `cell` x `cell` units (a vector has one place).
    """

    def __init__(self, shape: tuple[int, ...], count: int, classes: int, dtype: np.dtype):
        *plane, maps = shape
        self.cell = -(-max(plane, default=1) // CELLS)
        cells = [-(-side // self.cell) for side in plane] or [1, 1]
        self.top = Top.empty(maps, count, dtype)
        self.histograms = Histograms(maps)
        self.sums = np.zeros((classes, maps))
        self.places = np.zeros((maps, *cells), np.int64)

    def add(self, y: np.ndarray, indices: np.ndarray, classes: np.ndarray) -> None:
        """Activations y (N, H, W, C) or (N, C) of the images of these indices (N,) and classes (N,)."""
        self.top = self.top.merged(y, indices)
        flat = y.reshape(len(y), -1, y.shape[-1])
        at = flat.argmax(1)
        values = cuda.host(np.take_along_axis(flat, at[:, None], 1)[:, 0])
        if not np.isfinite(values).all():
            raise ValueError("activations are NaN or infinite, expected finite ones: the net's parameters may be")
        self.histograms.add(values)
        np.add.at(self.sums, classes, np.maximum(values, 0))
        rows, columns = np.divmod(cuda.host(at), y.shape[2] if y.ndim == 4 else 1)
        maps, positive = np.broadcast_to(np.arange(y.shape[-1]), at.shape), values > 0
        np.add.at(self.places, (maps[positive], rows[positive] // self.cell, columns[positive] // self.cell), 1)


@dataclass
class Survey:
    """The set, images of each class (classes,) and number of images, and all layers looked at, by name.

    answers: for each image that is among some map's strongest, the net's class and its probability; empty if it does not
    classify.
    """

    class_images: np.ndarray
    layers: dict[str, Maps] = field(default_factory=dict)
    images: int = 0
    answers: dict[int, tuple[int, float]] = field(default_factory=dict)

    def exciting(self, layer: str, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
        """The classes that excite each map most, strongest first, and their mean activations: both (maps, count or fewer).

        The mean is over the images of the class of max(strongest activation, 0); a class without images is left out.
        """
        seen = np.flatnonzero(self.class_images)
        means = self.layers[layer].sums[seen] / self.class_images[seen, None]
        order = np.argsort(-means, axis=0, kind="stable")[:count]
        return seen[order].T, np.take_along_axis(means, order, 0).T


def survey(net: Network, batches: Iterable[tuple], layers: Collection[str], count: int = 9, classes: int = 0) -> Survey:
    """Looks at the images once: the `count` strongest activations of every map of these layers, and the numbers of Maps.

    batches: (x (N, H, W, C), labels, indices (N,)) triples; classes: how many the labels have, 0 for images without labels,
    which are put into the class that the net says, or all into one if it does not classify. ValueError for an unknown layer,
    activations that are not finite, or no images.
    """
    classifies = len(net.shapes[net.last]) == 1
    groups = classes or (net.shapes[net.last][0] if classifies else 1)
    found = Survey(np.zeros(groups, np.int64))
    for x, labels, indices in batches:
        ys = net.activations(x, {*layers, net.last} if classifies else layers)
        if classifies:
            probabilities = softmax(cuda.host(ys[net.last]))
            said = probabilities.argmax(1)
            answers = zip(said.tolist(), probabilities.max(1).tolist(), strict=True)
            found.answers.update(zip(indices.tolist(), answers, strict=True))
        group = labels if classes else said if classifies else np.zeros(len(x), np.int64)
        for name in layers:
            if name not in found.layers:
                found.layers[name] = Maps(ys[name].shape[1:], count, groups, ys[name].dtype)
            found.layers[name].add(ys[name], indices, group)
        np.add.at(found.class_images, group, 1)
        found.images += len(x)
        among = {i for maps in found.layers.values() for i in np.unique(maps.top.images).tolist()}
        found.answers = {i: answer for i, answer in found.answers.items() if i in among}
    if not found.images:
        raise ValueError("there are no images to look at, expected at least one")
    return found
