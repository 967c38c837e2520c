"""What one photograph excites (figure 2 turned round): the strongest maps of each layer, and where."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from npzf.network import Network
from npzf.predict import features
from npzf.studies.top import patches_of, projections_of


@dataclass(frozen=True)
class ImageTopMaps:
    """The strongest maps of one layer, strongest first: maps, values, rows, columns (K,).

    projections, patches: lists of their (h, w, C), signed in units of x, and uint8, cut to the unit's receptive field.
    """

    layer: str
    maps: np.ndarray
    values: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    projections: list[np.ndarray]
    patches: list[np.ndarray]


def top_maps_of_image(net: Network, photograph: np.ndarray, layers: Collection[str], count: int = 6) -> list[ImageTopMaps]:
    """For each of these layers, which have maps, the `count` maps with the largest activation in one photograph.

    photograph: uint8 (H, W, C) of the net's size. ValueError for a layer that has no maps, or a count below 1.
    """
    if count < 1:
        raise ValueError(f"count is {count}, expected at least 1")
    for layer in layers:
        if len(net.shapes.get(layer, ())) != 3:
            raise ValueError(f"layer is {layer!r}, expected one with maps, such as {next(iter(net.layers))!r}")
    x = net.preprocessing.apply(photograph[None])
    found = []
    for layer, y in features(net, x, layers).items():
        flat = y[0].reshape(-1, y.shape[3])
        maps = np.argsort(-flat.max(0), kind="stable")[:count]
        rows, columns = np.divmod(flat.argmax(0)[maps], y.shape[2])
        unit, images = (maps, rows, columns), np.zeros(len(maps), int)
        pictures = projections_of(net, x, layer, images, unit), patches_of(net, photograph[None], layer, images, unit)
        found.append(ImageTopMaps(layer, *unit[:1], flat.max(0)[maps], rows, columns, *pictures))
    return found
