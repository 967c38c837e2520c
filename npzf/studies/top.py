"""Figure 2: the strongest activations of each map over a set of images, projected down, beside the patches that caused them.

The rule: of each image only the map's strongest place counts, so that nine activations come from nine images; the patch is the
unit's receptive field, clipped at the image's border last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from npzf.backend import to_numpy
from npzf.data import SquareImages, centre_crop
from npzf.deconvnet import project, project_units
from npzf.network import Network
from npzf.sweep import State, sweep

TOGETHER = 32  # units projected in one pass


@dataclass(frozen=True)
class TopActivations:
    """The strongest activations of a layer's maps, strongest first: four arrays (maps, count).

    values: the activations; images: index into the set, -1 where there are fewer images than count; rows, columns: the unit.
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

    def updated(self, y: np.ndarray, indices: np.ndarray) -> TopActivations:
        """With the activations y (N, H, W, C) or (N, C) of the images of these indices (N,); of equals the earlier stays."""
        flat = y.reshape(len(y), -1, y.shape[-1])
        place = flat.argmax(1)  # (N, C): of each image and map the strongest place, of equals the first
        strongest = to_numpy(np.take_along_axis(flat, place[:, None], 1)[:, 0])
        place = to_numpy(place)
        rows, columns = np.divmod(place, y.shape[2]) if y.ndim == 4 else (place, place)
        new = (
            strongest,
            np.broadcast_to(indices[:, None], place.shape),
            rows,
            columns,
        )
        mine = (self.values, self.images, self.rows, self.columns)
        both = [np.concatenate([a, b.T], 1) for a, b in zip(mine, new, strict=True)]
        order = np.argsort(-both[0], axis=1, kind="stable")[:, : self.values.shape[1]]
        return TopActivations(*(np.take_along_axis(a, order, 1) for a in both))


class TopAccumulator(dict[str, TopActivations]):
    """Layer -> TopActivations, as a pass over the images finds them."""

    def __init__(self, net: Network, layers: Collection[str], count: int):
        super().__init__()
        self.net, self.names, self.count = net, tuple(layers), count
        self.choice = (self.names, count)

    def add(self, x: np.ndarray, labels: np.ndarray, indices: np.ndarray) -> None:
        """Looks at one batch: x (N, H, W, C), indices (N,)."""
        tape = self.net.record(x, self.names)
        for name in self.names:
            y = tape[name]
            before = self[name] if name in self else TopActivations.empty(y.shape[-1], self.count, y.dtype)
            self[name] = before.updated(y, indices)

    def state(self) -> State:
        """All of it, as arrays."""
        return {f"{name}/{part}": array for name, top in self.items() for part, array in vars(top).items()}

    def restore(self, state: State) -> None:
        """Goes on from what state gave."""
        self.update(
            {name: TopActivations(*(state[f"{name}/{part.name}"] for part in fields(TopActivations))) for name in self.names}
        )


def top_activations(
    net: Network, batches: Iterable[tuple], layers: Collection[str], count: int = 9, state_file: str | Path | None = None
) -> dict[str, TopActivations]:
    """Layer -> the `count` strongest activations of each of its maps, at most one an image, in one pass over the batches.

    batches: (x (N, H, W, C), labels, indices (N,)) triples; memory grows with maps and count, not with the images. state_file:
    a file with which an interrupted pass goes on (npzf.sweep). ValueError for an unknown layer, no images, or the file
    of another pass.
    """
    tops = TopAccumulator(net, layers, count)
    sweep(batches, tops, state_file)
    return dict(tops)


def projections_and_patches(
    net: Network, squares: SquareImages, layer: str, top: TopActivations, maps: Collection[int]
) -> tuple[list, list]:
    """For each of these maps its activations' projections, signed in units of x, and the patches, uint8 pixels.

    Both are lists over maps of lists of (h, w, C), strongest first, cut to the unit's receptive field; an activation that is not
    there or not positive has no picture.
    """
    found: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
    wanted = [(m, k) for m in maps for k in range(top.values.shape[1]) if top.values[m, k] > 0]
    wanted.sort(key=lambda unit: top.images[unit])  # so that few images go forward for many units
    for start in range(0, len(wanted), TOGETHER):
        some = wanted[start : start + TOGETHER]
        m, k = np.array(some).T
        images, of_image = np.unique(top.images[m, k], return_inverse=True)
        photographs = centre_crop(squares.take(images)[0], net.input_shape[0])
        unit = (m, top.rows[m, k], top.columns[m, k])
        projections = projections_of(net, net.preprocessing.apply(photographs), layer, of_image, unit)
        patches = patches_of(net, photographs, layer, of_image, unit)
        found.update(zip(some, zip(projections, patches, strict=True), strict=True))
    ranked = [[found[m, k] for k in range(top.values.shape[1]) if (m, k) in found] for m in maps]
    return [[pair[0] for pair in pairs] for pairs in ranked], [[pair[1] for pair in pairs] for pairs in ranked]


def projections_of(net: Network, x: np.ndarray, layer: str, images: np.ndarray, unit: tuple) -> list[np.ndarray]:
    """The units' pictures, on their receptive fields alone where a layer has them."""
    field, local = net.fields()[layer], len(net.shapes[layer]) == 3
    if local and not field.whole:
        return project_units(net, x, layer, images, unit)
    down = to_numpy(project(net, x[images], layer, unit if local else unit[0]))
    return [picture[field.patch(row, column, *x.shape[1:3])] for picture, row, column in zip(down, *unit[1:], strict=True)]


def patches_of(net: Network, photographs: np.ndarray, layer: str, images: np.ndarray, unit: tuple) -> list[np.ndarray]:
    """What the units see of their photographs."""
    field, size = net.fields()[layer], photographs.shape[1:3]
    return [photographs[n][field.patch(row, column, *size)] for n, row, column in zip(images, *unit[1:], strict=True)]
