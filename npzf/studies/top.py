"""Figure 2: the strongest activations of each map over a set of images, projected down, beside the patches that caused them.

The rule: of each image only the map's strongest place counts, so that nine activations come from nine images; the patch is the
unit's receptive field, clipped at the image's border last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from npzf import cuda
from npzf.data import Squares, centre_crop
from npzf.deconvnet import project
from npzf.network import Network

TOGETHER = 32  # units projected in one pass


@dataclass(frozen=True)
class Top:
    """The strongest activations of a layer's maps, strongest first: four arrays (maps, count).

    values: the activations; images: index into the set, -1 where there are fewer images than count; rows, columns: the unit.
    """

    values: np.ndarray
    images: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def empty(cls, maps: int, count: int, dtype: np.dtype) -> Top:
        """No activation yet."""
        places = [np.full((maps, count), -1, np.int64) for _ in range(3)]
        return cls(np.full((maps, count), -np.inf, dtype), *places)

    def merged(self, y: np.ndarray, indices: np.ndarray) -> Top:
        """With the activations y (N, H, W, C) or (N, C) of the images of these indices (N,); of equals the earlier stays."""
        flat = y.reshape(len(y), -1, y.shape[-1])
        place = flat.argmax(1)  # (N, C): of each image and map the strongest place, of equals the first
        strongest = cuda.host(np.take_along_axis(flat, place[:, None], 1)[:, 0])
        place = cuda.host(place)
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
        return Top(*(np.take_along_axis(a, order, 1) for a in both))


def top_activations(net: Network, batches: Iterable[tuple], layers: Collection[str], count: int = 9) -> dict[str, Top]:
    """Layer -> the `count` strongest activations of each of its maps, at most one an image, in one pass over the batches.

    batches: (x (N, H, W, C), labels, indices (N,)) triples; memory grows with maps and count, not with the images.
    ValueError for an unknown layer or no images.
    """
    tops: dict[str, Top] = {}
    for x, _, indices in batches:
        for name, y in net.activations(x, layers).items():
            if name not in tops:
                tops[name] = Top.empty(y.shape[-1], count, y.dtype)
            tops[name] = tops[name].merged(y, indices)
    if not tops:
        raise ValueError("there are no images to look at, expected at least one")
    return tops


def pictures(net: Network, squares: Squares, layer: str, top: Top, maps: Collection[int]) -> tuple[list, list]:
    """For each of these maps its activations' projections, signed in units of x, and the patches, uint8 pixels.

    Both are lists over maps of lists of (h, w, C), strongest first, cut to the unit's receptive field; an activation that is not
    there or not positive has no picture.
    """
    projections, patches = [[] for _ in maps], [[] for _ in maps]
    wanted = [(at, m, k) for at, m in enumerate(maps) for k in range(top.values.shape[1]) if top.values[m, k] > 0]
    field, (height, width, _) = net.fields()[layer], net.input_shape
    for start in range(0, len(wanted), TOGETHER):
        part = wanted[start : start + TOGETHER]
        m, k = (np.array([w[i] for w in part]) for i in (1, 2))
        photographs = centre_crop(squares.take(top.images[m, k])[0], height)
        local = len(net.shapes[layer]) == 3
        x = net.scaling.input(photographs)
        unit = (m, top.rows[m, k], top.columns[m, k])
        down = cuda.host(project(net, x, layer, unit if local else m))
        for (at, *_), row, column, picture, photograph in zip(part, *unit[1:], down, photographs, strict=True):
            patch = field.patch(row, column, height, width)
            projections[at].append(picture[patch])
            patches[at].append(photograph[patch])
    return projections, patches
