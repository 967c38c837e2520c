"""Figure 2 turned round: the maps of each layer that a photograph activates most, and where."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

import numpy as np

from npzf.backend.arrays import as_batch
from npzf.network import Network
from npzf.numbers import check_whole
from npzf.predict import features
from npzf.studies.top import Pictures, unit_patches, unit_projections


@dataclass(frozen=True)
class ImageTopMaps:
    """The K strongest maps of one layer in N images, strongest first; `[n]` is image n's alone, without the axis N.

    maps, values, rows, columns (N, K): the maps' numbers, their largest activations and the places of these.
    projections, patches: lists over images of K pictures (h, w, C), cut to the unit's receptive field; projections are signed and
    in units of x, patches are uint8 pixels.
    """

    layer: str
    maps: np.ndarray
    values: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    projections: Pictures
    patches: Pictures

    def __getitem__(self, n: int) -> ImageTopMaps:
        return ImageTopMaps(self.layer, *(getattr(self, field.name)[n] for field in fields(self)[1:]))


def top_maps_of_image(net: Network, x: np.ndarray, layers: Collection[str], *, count: int = 6) -> list[ImageTopMaps]:
    """For each of these layers the `count` maps with the largest activation in each image of x (N, H, W, C).

    Patches are cut from x inverted to pixels. ValueError for a layer without maps, and a count below 1.
    """
    check_whole(count=count)
    if count < 1:
        raise ValueError(f"count is {count}, expected at least 1")
    for layer in layers:
        if layer not in net.with_maps():
            among = f": {', '.join(net.with_maps())}" if net.with_maps() else ", of which the net has none"
            raise ValueError(f"layer is {layer!r}, expected one with maps{among}")
    x = as_batch(x, net.dtype)
    photographs = net.preprocessing.invert(x)
    return [_strongest(net, x, photographs, layer, y, count) for layer, y in features(net, x, layers).items()]


def _strongest(net: Network, x: np.ndarray, photographs: np.ndarray, layer: str, y: np.ndarray, count: int) -> ImageTopMaps:
    """The strongest maps of one layer, with activations y (N, H, W, C)."""
    flat = y.reshape(len(y), -1, y.shape[3])
    maps = np.argsort(-flat.max(1), axis=1, kind="stable")[:, :count]
    rows, columns = np.divmod(np.take_along_axis(flat.argmax(1), maps, 1), y.shape[2])
    images, shape = np.repeat(np.arange(len(y)), maps.shape[1]), maps.shape
    unit = (maps.reshape(-1), rows.reshape(-1), columns.reshape(-1))
    projections = unit_projections(net, x, layer, images, unit)
    patches = unit_patches(net, photographs, layer, images, unit)
    by_image = [[pictures[n : n + shape[1]] for n in range(0, len(pictures), shape[1])] for pictures in (projections, patches)]
    return ImageTopMaps(layer, maps, np.take_along_axis(flat.max(1), maps, 1), rows, columns, *by_image)
