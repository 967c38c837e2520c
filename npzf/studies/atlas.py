"""Figure 2 for every map of a net, and what the paper says of maps in words: how often, for which classes and where they fire.

As in figure 2 an image counts once for a map, with its strongest activation. One pass over the images, and memory that grows
with maps, classes and sizes of layers, not with the images.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields
from pathlib import Path

import numpy as np

from npzf.backend import to_numpy
from npzf.losses import softmax
from npzf.network import Network
from npzf.studies.top import TopActivations
from npzf.sweep import State, sweep

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
        self.exponents = np.full(maps, -1000, np.int64)  # all bins together end at two to this power

    def add(self, values: np.ndarray) -> None:
        """Counts values (N, maps), finite."""
        positive = values > 0
        self.silent += (~positive).sum(0)
        needed = np.frexp(values.max(0))[1]  # the smallest power of two above the largest value
        self._widen(np.where(positive.any(0), np.maximum(needed, self.exponents), self.exponents))
        maps = np.nonzero(positive)[1]
        bins = np.ldexp(values[positive].astype(np.float64), -self.exponents[maps]) * BINS
        np.add.at(self.counts, (maps, bins.astype(np.int64)), 1)

    def _widen(self, exponents: np.ndarray) -> None:
        doublings = np.minimum(exponents - self.exponents, BINS)[:, None]
        merged = np.zeros_like(self.counts)
        np.add.at(merged, (np.arange(len(merged))[:, None], np.arange(BINS) >> doublings), self.counts)
        self.counts, self.exponents = merged, exponents

    @property
    def widths(self) -> np.ndarray:
        """Of one bin of each map (maps,), in units of the activation; 0 for a map that was never active."""
        return np.where(self.counts.any(1), np.ldexp(1.0 / BINS, self.exponents), 0.0)


class LayerStatistics:
    """What the maps of one layer did, an image counting with its strongest activation.

    top: the strongest of all; histograms; sums (classes, maps): of the activations above 0, by class; places (maps, rows,
    columns): how many activations above 0 fell there, in cells of `cell` x `cell` units (a vector has one place).
    """

    def __init__(self, shape: tuple[int, ...], count: int, classes: int, dtype: np.dtype):
        *plane, maps = shape
        self.cell = -(-max(plane, default=1) // CELLS)
        cells = [-(-side // self.cell) for side in plane] or [1, 1]
        self.top = TopActivations.empty(maps, count, dtype)
        self.histograms = Histograms(maps)
        self.epoch_totals = np.zeros((classes, maps))
        self.places = np.zeros((maps, *cells), np.int64)

    def add(self, y: np.ndarray, indices: np.ndarray, classes: np.ndarray) -> None:
        """Activations y (N, H, W, C) or (N, C) of the images of these indices (N,) and classes (N,)."""
        self.top = self.top.updated(y, indices)
        flat = y.reshape(len(y), -1, y.shape[-1])
        at = flat.argmax(1)
        values = to_numpy(np.take_along_axis(flat, at[:, None], 1)[:, 0])
        if not np.isfinite(values).all():
            raise ValueError("activations are NaN or infinite, expected finite ones: the net's parameters may be")
        self.histograms.add(values)
        np.add.at(self.epoch_totals, classes, np.maximum(values, 0))
        rows, columns = np.divmod(to_numpy(at), y.shape[2] if y.ndim == 4 else 1)
        maps, positive = np.broadcast_to(np.arange(y.shape[-1]), at.shape), values > 0
        np.add.at(self.places, (maps[positive], rows[positive] // self.cell, columns[positive] // self.cell), 1)

    def state(self) -> State:
        """All of it, as arrays."""
        both = {"top": self.top, "histograms": self.histograms}
        inside = {f"{name}/{part}": array for name, one in both.items() for part, array in vars(one).items()}
        return inside | {"sums": self.epoch_totals, "places": self.places}

    def restore(self, state: State) -> None:
        """Goes on from what state gave."""
        self.top = TopActivations(*(state[f"top/{part.name}"] for part in fields(TopActivations)))
        for part in vars(self.histograms):
            setattr(self.histograms, part, state[f"histograms/{part}"])
        self.epoch_totals, self.places = state["sums"], state["places"]


class MapStatistics:
    """What all maps of some layers did over a set of images.

    layers: name -> LayerStatistics; class_images (classes,): images of each class; images: in all; answers: for each image that is among
    some map's strongest, the net's class and its probability; empty if it does not classify.
    """

    def __init__(self, net: Network, layers: Collection[str], count: int, classes: int):
        """classes: of the labels; 0 for images without labels, as for survey. ValueError for an unknown layer."""
        self.net, self.choice = net, (tuple(layers), count, classes)
        self.classifies, self.labelled = len(net.shapes[net.output_name]) == 1, classes > 0
        groups = classes or (net.shapes[net.output_name][0] if self.classifies else 1)
        unknown = [name for name in layers if name not in net.layers]
        if unknown:
            raise ValueError(f"layer is {unknown[0]!r}, expected one of {', '.join(net.layers)}")
        self.layers = {name: LayerStatistics(net.shapes[name], count, groups, net.dtype) for name in layers}
        self.class_images = np.zeros(groups, np.int64)
        self.images = 0
        self.answers: dict[int, tuple[int, float]] = {}

    def add(self, x: np.ndarray, labels: np.ndarray, indices: np.ndarray) -> None:
        """Looks at one batch: x (N, H, W, C), labels (N,), indices (N,)."""
        ys = self.net.record(x, {*self.layers, self.net.output_name} if self.classifies else self.layers)
        group = labels if self.labelled else np.zeros(len(x), np.int64)
        if self.classifies:
            probabilities = softmax(to_numpy(ys[self.net.output_name]))
            said = probabilities.argmax(1)
            group = labels if self.labelled else said
            answers = zip(said.tolist(), probabilities.max(1).tolist(), strict=True)
            self.answers.update(zip(indices.tolist(), answers, strict=True))
        for name, maps in self.layers.items():
            maps.add(ys[name], indices, group)
        np.add.at(self.class_images, group, 1)
        self.images += len(x)
        among = {i for maps in self.layers.values() for i in np.unique(maps.top.images).tolist()}
        self.answers = {i: answer for i, answer in self.answers.items() if i in among}

    def state(self) -> State:
        """All of it, as arrays."""
        said = np.array(list(self.answers), np.int64), np.array(list(self.answers.values()), np.float64).reshape(-1, 2)
        state = {"class_images": self.class_images, "images": np.array(self.images), "asked": said[0], "answers": said[1]}
        return state | {f"{name}/{part}": array for name, maps in self.layers.items() for part, array in maps.state().items()}

    def restore(self, state: State) -> None:
        """Goes on from what state gave."""
        self.class_images, self.images = state["class_images"], int(state["images"])
        said = zip(state["answers"][:, 0].astype(int).tolist(), state["answers"][:, 1].tolist(), strict=True)
        self.answers = dict(zip(state["asked"].tolist(), said, strict=True))
        for name, maps in self.layers.items():
            maps.restore({part: state[f"{name}/{part}"] for part in maps.state()})

    def top_classes(self, layer: str, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
        """The classes that excite each map most, strongest first, and their mean activations: both (maps, count or fewer).

        The mean is over the images of the class of max(strongest activation, 0); a class without images is left out.
        """
        seen = np.flatnonzero(self.class_images)
        means = self.layers[layer].epoch_totals[seen] / self.class_images[seen, None]
        order = np.argsort(-means, axis=0, kind="stable")[:count]
        return seen[order].T, np.take_along_axis(means, order, 0).T


def map_statistics(
    net: Network,
    batches: Iterable[tuple],
    layers: Collection[str],
    count: int = 9,
    classes: int = 0,
    state_file: str | Path | None = None,
) -> MapStatistics:
    """Looks at the images once: the `count` strongest activations of every map of these layers, and the numbers of LayerStatistics.

    batches: (x (N, H, W, C), labels, indices (N,)) triples; classes: how many the labels have, 0 for images without labels,
    which are put into the class that the net says, or all into one if it does not classify. state_file: a file with which an
    interrupted pass goes on (npzf.sweep). ValueError for an unknown layer, activations that are not finite, no images,
    or the file of another pass.
    """
    found = MapStatistics(net, layers, count, classes)
    sweep(batches, found, state_file)
    return found
