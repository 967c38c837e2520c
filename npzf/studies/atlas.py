"""Figure 2 for every map of a net, and what the paper says of maps in words: how often, for which classes and where they fire.

As in figure 2 an image counts once for a map, with its strongest activation. One pass over the images; memory grows with maps,
classes and sizes of layers, not with the images.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from npzf.backend import to_numpy
from npzf.data import Batch, EvaluationBatches, ImageSet, SquareImages, evaluation_batches
from npzf.losses import softmax
from npzf.network import Network
from npzf.numbers import check_whole
from npzf.studies.histograms import Histograms
from npzf.studies.top import IMAGES, TopActivations
from npzf.sweep import State, sweep

CELLS = 14  # rows and columns of places, at most
Members = tuple[np.ndarray, np.ndarray]  # image n of a batch is in class c, for all such pairs: n (M,), c (M,)


def memberships(targets: np.ndarray) -> Members:
    """The members of classes by targets (N,), one class an image, or (N, classes), above 0 for each of an image's labels."""
    if targets.ndim == 1:
        return np.arange(len(targets)), targets
    images, classes = np.nonzero(targets > 0)
    return images, classes


class LayerStatistics:
    """The activations of one layer's maps, an image counting with its strongest.

    top: the strongest of all images.
    histograms: how often each map had which activation.
    sums (classes, maps): of the activations above 0, by class.
    places (maps, rows, columns): how many activations above 0 lay there, in cells of `cell` x `cell` units; (maps, 1, 1) for a
    vector.
    """

    def __init__(self, shape: tuple[int, ...], count: int, classes: int, dtype: np.dtype):
        *plane, maps = shape
        self.cell = -(-max(plane, default=1) // CELLS)
        cells = [-(-side // self.cell) for side in plane] or [1, 1]
        self.top = TopActivations.empty(maps, count, dtype)
        self.histograms = Histograms(maps)
        self.sums = np.zeros((classes, maps))
        self.places = np.zeros((maps, *cells), np.int64)

    def add(self, y: np.ndarray, indices: np.ndarray, members: Members) -> None:
        """Takes in activations y (N, H, W, C) or (N, C) of the images with these indices (N,) and these members of classes."""
        self.top = self.top.updated(y, indices)
        flat = y.reshape(len(y), -1, y.shape[-1])
        at = flat.argmax(1)
        values = to_numpy(np.take_along_axis(flat, at[:, None], 1)[:, 0])
        if not np.isfinite(values).all():
            raise ValueError("activations are NaN or infinite, expected finite ones: check the net's parameters")
        self.histograms.add(values)
        np.add.at(self.sums, members[1], np.maximum(values, 0)[members[0]])
        rows, columns = np.divmod(to_numpy(at), y.shape[2] if y.ndim == 4 else 1)
        maps, positive = np.broadcast_to(np.arange(y.shape[-1]), at.shape), values > 0
        np.add.at(self.places, (maps[positive], rows[positive] // self.cell, columns[positive] // self.cell), 1)

    def state(self) -> State:
        """All of it, as arrays."""
        parts = {"top": self.top, "histograms": self.histograms}
        arrays = {f"{name}/{key}": array for name, part in parts.items() for key, array in vars(part).items()}
        return arrays | {"sums": self.sums, "places": self.places}

    def restore(self, state: State, shape: tuple[int, ...], done: int) -> None:
        """Goes on from what `state` returned for a layer of this shape after `done` images."""
        self.top = TopActivations(*(state[f"top/{part.name}"] for part in fields(TopActivations)))
        self.top.check(shape, done)
        for key in vars(self.histograms):
            setattr(self.histograms, key, state[f"histograms/{key}"])
        self.sums, self.places = state["sums"], state["places"]


@dataclass(frozen=True)
class MapStatistics:
    """What all maps of some layers did over a set of images.

    layers: name -> LayerStatistics.
    class_images (classes,): number of images of each class.
    images: number of images.
    predictions: index of an image -> the net's class and its probability, for the images in any map's top list; empty where the
    net has no class scores.
    """

    layers: dict[str, LayerStatistics]
    class_images: np.ndarray
    images: int
    predictions: dict[int, tuple[int, float]]

    def top_classes(self, layer: str, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
        """The classes that activate each map most, strongest first, and their mean activations: both (maps, count or fewer).

        The mean is over the images of the class of max(strongest activation, 0); a class without images is left out.
        """
        present = np.flatnonzero(self.class_images)
        means = self.layers[layer].sums[present] / self.class_images[present, None]
        order = np.argsort(-means, axis=0, kind="stable")[:count]
        return present[order].T, np.take_along_axis(means, order, 0).T


class StatisticsAccumulator:
    """MapStatistics, batch by batch."""

    def __init__(self, net: Network, layers: Collection[str], count: int, classes: int):
        """classes: number of those of the targets; 0 for images without classes. ValueError for an unknown layer."""
        self.net, self.choice = net, (tuple(layers), count, classes)
        self.classifies, self.has_targets = len(net.shapes[net.scores_name]) == 1, classes > 0
        groups = classes or (net.shapes[net.scores_name][0] if self.classifies else 1)
        for name in layers:
            if name not in net.layers:
                raise ValueError(f"layer is {name!r}, expected one of {', '.join(net.layers)}")
        self.layers = {name: LayerStatistics(net.shapes[name], count, groups, net.dtype) for name in layers}
        self.class_images = np.zeros(groups, np.int64)
        self.images = 0
        self.predictions: dict[int, tuple[int, float]] = {}

    def add(self, x: np.ndarray, targets: np.ndarray, indices: np.ndarray) -> None:
        """Takes one batch in: x (N, H, W, C), targets (N,) or (N, classes), indices (N,)."""
        scores = self.net.scores_name
        tape = self.net.record(x, {*self.layers, scores} if self.classifies else self.layers)
        p = softmax(to_numpy(tape[scores])) if self.classifies else np.ones((len(x), 1))
        best = p.argmax(1)
        if self.classifies:
            pairs = zip(best.tolist(), p.max(1).tolist(), strict=True)
            self.predictions.update(zip(indices.tolist(), pairs, strict=True))
        members = memberships(targets if self.has_targets else best)
        for name, layer in self.layers.items():
            layer.add(tape[name], indices, members)
        np.add.at(self.class_images, members[1], 1)
        self.images += len(x)
        retained = {i for layer in self.layers.values() for i in np.unique(layer.top.images).tolist()}
        self.predictions = {i: prediction for i, prediction in self.predictions.items() if i in retained}

    def statistics(self) -> MapStatistics:
        """All that was taken in."""
        return MapStatistics(self.layers, self.class_images, self.images, self.predictions)

    def state(self) -> State:
        """All of it, as arrays; layers by their number, for a file takes not every name."""
        ids = np.array(list(self.predictions), np.int64)
        predictions = np.array(list(self.predictions.values()), np.float64).reshape(-1, 2)
        own = {"class_images": self.class_images, "images": np.array(self.images), "image_ids": ids, "predictions": predictions}
        layers = enumerate(self.layers.values())
        return own | {f"layers/{k}/{part}": array for k, layer in layers for part, array in layer.state().items()}

    def restore(self, state: State, done: int) -> None:
        """Goes on from what `state` returned after `done` images."""
        self.class_images, self.images = state["class_images"], int(state["images"])
        pairs = zip(state["predictions"][:, 0].astype(int).tolist(), state["predictions"][:, 1].tolist(), strict=True)
        self.predictions = dict(zip(state["image_ids"].tolist(), pairs, strict=True))
        for k, (name, layer) in enumerate(self.layers.items()):
            layer.restore({part: state[f"layers/{k}/{part}"] for part in layer.state()}, self.net.shapes[name], done)


def map_statistics(
    net: Network,
    images: ImageSet | SquareImages | Iterable[Batch],
    layers: Collection[str],
    *,
    count: int = 9,
    state_file: str | Path | None = None,
) -> MapStatistics:
    """Statistics of every map of these layers over a set of images, with its `count` strongest activations, in one pass.

    Images are grouped by their targets; those of a set without class names, and of plain batches, by the net's prediction, or all
    together if the net has no class scores. state_file: with it, an interrupted pass resumes (sweep). ValueError for an unknown
    layer, a count below 1, activations that are not finite, no images, and the state file of another pass.
    """
    check_whole(count=count)
    if count < 1:
        raise ValueError(f"count is {count}, expected at least 1")
    batches = evaluation_batches(net, images, IMAGES)
    names = batches.images.source.classes if isinstance(batches, EvaluationBatches) else ()
    accumulator = StatisticsAccumulator(net, layers, count, len(names) if any(names) else 0)
    sweep(batches, accumulator, state_file)
    return accumulator.statistics()
