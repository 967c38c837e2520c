"""Figure 2: the strongest activations of each map over a set of images, projected down, beside the patches that caused them.

Of each image only a map's strongest place counts, so nine activations come from nine images. A patch is the unit's receptive
field, clipped at the image's border last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from npzf.backend import to_numpy
from npzf.data import Batch, ImageSet, SquareImages, centre_crop, fit_to_net
from npzf.deconvnet import project, project_units
from npzf.network import Network
from npzf.numbers import check_whole
from npzf.sweep import State, sweep

IMAGES = 32  # images in one pass
UNITS = 32  # units projected in one pass
Pictures = list[list[np.ndarray]]  # maps, each with pictures (h, w, C), strongest first


@dataclass(frozen=True)
class TopActivations:
    """The strongest activations of a layer's maps, strongest first: four arrays (maps, count).

    values: the activations.
    images: index into the set, -1 where there are fewer images than count.
    rows, columns: the unit's place in the map; 0 in a fully connected layer.
    """

    values: np.ndarray
    images: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def empty(cls, maps: int, count: int, dtype: np.dtype) -> TopActivations:
        """No activation yet."""
        places = [np.full((maps, count), -1, np.int64) for _ in range(3)]
        return cls(np.full((maps, count), -np.inf, dtype), *places)

    def check(self, shape: tuple[int, ...], images: int) -> None:
        """ValueError for what so many images cannot have made of a layer of this shape, (H, W, C) or (F,)."""
        rows, columns = shape[:2] if len(shape) == 3 else (1, 1)
        present = self.images >= 0
        for places, most in ((self.images, images), (self.rows, rows), (self.columns, columns)):
            within = np.where(present, (places >= 0) & (places < most), places == -1)
            if not within.all():
                raise ValueError(f"top activations lie at {places.min()} to {places.max()}, expected 0 to {most - 1}")
        rising = self.values[:, 1:] > self.values[:, :-1]
        if np.isnan(self.values).any() or (present != (self.values > -np.inf)).any() or rising.any():
            raise ValueError("top activations are NaN, or not in order, expected numbers, strongest first")

    def updated(self, y: np.ndarray, indices: np.ndarray) -> TopActivations:
        """With the activations y (N, H, W, C) or (N, C) of the images with these indices (N,); ties: the earlier image first."""
        flat = y.reshape(len(y), -1, y.shape[-1])
        place = flat.argmax(1)  # (N, C): each map's strongest place in each image; ties: first in raster order
        strongest = to_numpy(np.take_along_axis(flat, place[:, None], 1)[:, 0])
        place = to_numpy(place)
        rows, columns = np.divmod(place, y.shape[2]) if y.ndim == 4 else (place, place)
        new = (strongest, np.broadcast_to(indices[:, None], place.shape), rows, columns)
        present = (self.values, self.images, self.rows, self.columns)
        both = [np.concatenate([a, b.T], 1) for a, b in zip(present, new, strict=True)]
        order = np.argsort(-both[0], axis=1, kind="stable")[:, : self.values.shape[1]]
        return TopActivations(*(np.take_along_axis(a, order, 1) for a in both))


class TopAccumulator(dict[str, TopActivations]):
    """Layer -> TopActivations, batch by batch."""

    def __init__(self, net: Network, layers: Collection[str], count: int):
        self.net, self.names, self.choice = net, tuple(layers), (tuple(layers), count)
        super().__init__({name: TopActivations.empty(net.shapes[name][-1], count, net.dtype) for name in self.names})

    def add(self, x: np.ndarray, targets: np.ndarray, indices: np.ndarray) -> None:
        """Takes one batch in: x (N, H, W, C), indices (N,)."""
        tape = self.net.record(x, self.names)
        for name in self.names:
            self[name] = self[name].updated(tape[name], indices)

    def state(self) -> State:
        """All of it, as arrays; layers by their number, for a file takes not every name."""
        tops = [self[name] for name in self.names]
        return {f"{k}/{part}": array for k, top in enumerate(tops) for part, array in vars(top).items()}

    def restore(self, state: State, done: int) -> None:
        """Goes on from what `state` returned after `done` images."""
        for k, name in enumerate(self.names):
            self[name] = TopActivations(*(state[f"{k}/{part.name}"] for part in fields(TopActivations)))
            self[name].check(self.net.shapes[name], done)


def top_activations(
    net: Network,
    images: ImageSet | SquareImages | Iterable[Batch],
    layers: Collection[str],
    *,
    count: int = 9,
    state_file: str | Path | None = None,
) -> dict[str, TopActivations]:
    """Layer -> the `count` strongest activations of each of its maps, at most one an image, in one pass over the images.

    Memory grows with maps and count, not with the images. state_file: with it, an interrupted pass resumes (sweep). ValueError
    for an unknown layer, a count below 1, no images, and the state file of another pass.
    """
    check_whole(count=count)
    if count < 1:
        raise ValueError(f"count is {count}, expected at least 1")
    net.needed_for(tuple(layers))  # an unknown name is named
    tops = TopAccumulator(net, layers, count)
    sweep(images, tops, state_file, IMAGES)
    return dict(tops)


def projections_and_patches(
    net: Network, images: ImageSet | SquareImages, layer: str, top: TopActivations, maps: Collection[int]
) -> tuple[Pictures, Pictures]:
    """Each of these maps' activations as projections, signed in units of x, and as patches, uint8 pixels.

    Both are lists over maps of lists of (h, w, C), strongest first, cut to the unit's receptive field; an activation that is
    missing or not positive has no picture. ValueError for images that do not fit the net.
    """
    squares, ranks = fit_to_net(net, images), range(top.values.shape[1])
    units = [(m, k) for m in maps for k in ranks if top.values[m, k] > 0]
    units.sort(key=lambda unit: top.images[unit])  # so that few images go forward for many units
    pictures: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
    for start in range(0, len(units), UNITS):
        chunk = units[start : start + UNITS]
        m, k = np.array(chunk).T
        indices, image_of = np.unique(top.images[m, k], return_inverse=True)
        photographs = centre_crop(squares.take(indices)[0], net.input_shape[:2])
        unit = (m, top.rows[m, k], top.columns[m, k])
        projections = unit_projections(net, net.preprocessing.apply(photographs), layer, image_of, unit)
        patches = unit_patches(net, photographs, layer, image_of, unit)
        pictures.update(zip(chunk, zip(projections, patches, strict=True), strict=True))
    by_map = [[pictures[m, k] for k in ranks if (m, k) in pictures] for m in maps]
    return [[pair[0] for pair in pairs] for pairs in by_map], [[pair[1] for pair in pairs] for pairs in by_map]


def unit_projections(net: Network, x: np.ndarray, layer: str, images: np.ndarray, unit: tuple) -> list[np.ndarray]:
    """Projections (h, w, C) of U units, each on its receptive field: images (U,) into x (N, H, W, C), unit three arrays (U,)."""
    if len(net.shapes[layer]) == 3:
        return project_units(net, x, layer, images, unit)
    return list(to_numpy(project(net, x[images], layer, unit[0])))


def unit_patches(net: Network, photographs: np.ndarray, layer: str, images: np.ndarray, unit: tuple) -> list[np.ndarray]:
    """The receptive fields (h, w, C) of U units: images (U,) into photographs (N, H, W, C), unit three arrays (U,)."""
    field, size = net.fields()[layer], photographs.shape[1:3]
    return [photographs[n][field.patch(row, column, *size)] for n, row, column in zip(images, *unit[1:], strict=True)]
