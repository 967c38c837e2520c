"""Figure 7 made affordable: images that differ from one image in a small part, where only what that part can change is computed.

A unit's answer depends on its receptive field alone, so a square of 45 pixels changes a fifth of SqueezeNet's conv1 along each
side, and the rest is known from the untouched image. The changed part grows from layer to layer until it is all of a map; layers
that see everything (fully connected, global pooling) are computed as ever.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from npzf.layers import Concatenate, Conv, Layer, MaxPool
from npzf.network import INPUT, Network
from npzf.predict import features


@dataclass(frozen=True)
class Changed:
    """Windows in which n planes differ from a known one: values (n, h, w, C), beginning at rows (n,) and columns (n,)."""

    values: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    def seen(self, base: np.ndarray, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Other windows (n, *size, C) of the same planes, which outside of this part are like base (H, W, C)."""
        seen = np.empty_like(base, shape=(len(rows), *size, base.shape[2]))
        height, width = self.values.shape[1:3]
        places = zip(rows.tolist(), columns.tolist(), self.rows.tolist(), self.columns.tolist(), strict=True)
        for image, part, (row, column, top, left) in zip(seen, self.values, places, strict=True):
            image[...] = base[row : row + size[0], column : column + size[1]]
            first, last = max(row, top), min(row + size[0], top + height)
            left_most, right_most = max(column, left), min(column + size[1], left + width)
            if first < last and left_most < right_most:
                changed = part[first - top : last - top, left_most - left : right_most - left]
                image[first - row : last - row, left_most - column : right_most - column] = changed
        return seen

    def whole(self, base: np.ndarray) -> np.ndarray:
        """All of the planes, (n, H, W, C)."""
        nowhere = np.zeros(len(self.rows), int)
        return self.seen(base, nowhere, nowhere, base.shape[:2])


class Untouched:
    """One image's activations in all layers of a net, from which those of images that differ in a part are made."""

    def __init__(self, net: Network, x: np.ndarray):
        """x (H, W, C) in units of the net's input; ValueError as net.forward."""
        self.net = net
        self.base = {name: y[0] for name, y in features(net, x[None], list(net.layers)).items()}
        self.base[INPUT] = np.asarray(x, net.dtype)
        self._last_use = {source: name for name in net.layers for source in net.sources[name]}

    def activations(self, part: Changed, names: Collection[str]) -> dict[str, np.ndarray]:
        """Name -> activations (n, ...) of these layers, for the n images that differ from the untouched one in this part.

        A GPU computes whole images: it is fast enough to, and small windows would keep it waiting.
        """
        if self.net.device == "cuda":
            return features(self.net, part.whole(self.base[INPUT]), names)
        found: dict[str, Changed | np.ndarray] = {INPUT: part}
        for name, layer in self.net.layers.items():
            below = self.net.sources[name]
            if layer.local and all(isinstance(found[source], Changed) for source in below):
                found[name] = self._local(name, layer, [found[source] for source in below], below)
            else:
                found[name] = layer.forward(*(self._whole(found[source], source) for source in below))
            for source in set(below) - set(names):  # nothing is held longer than it is used
                if self._last_use[source] == name:
                    del found[source]
        return {name: self._whole(found[name], name) for name in names}

    def _whole(self, one: Changed | np.ndarray, name: str) -> np.ndarray:
        return one.whole(self.base[name]) if isinstance(one, Changed) else one

    def _local(self, name: str, layer: Layer, parts: list[Changed], below: tuple[str, ...]) -> Changed:
        """The part of this layer that parts of its sources can change."""
        if isinstance(layer, Conv | MaxPool):
            return _through(layer, parts[0], self.base[below[0]], self.base[name].shape[:2])
        if isinstance(layer, Concatenate):
            rows, height = _union([part.rows for part in parts], [part.values.shape[1] for part in parts])
            columns, width = _union([part.columns for part in parts], [part.values.shape[2] for part in parts])
            rows, columns = (
                np.minimum(first, side - size)
                for first, side, size in zip((rows, columns), self.base[name].shape, (height, width), strict=False)
            )
            seen = [
                part.seen(self.base[source], rows, columns, (height, width)) for part, source in zip(parts, below, strict=True)
            ]
            return Changed(layer.forward(*seen), rows, columns)
        return replace(parts[0], values=layer.forward(parts[0].values))


def _through(layer: Conv | MaxPool, part: Changed, base: np.ndarray, places: tuple[int, int]) -> Changed:
    """A part of the layer's input, like base (H, W, C) elsewhere -> the part of its `places` (OH, OW) outputs that sees it."""
    window, stride, pad = layer.window, layer.stride, layer.pad
    rows, height = _reached(part.rows, part.values.shape[1], places[0], layer)
    columns, width = _reached(part.columns, part.values.shape[2], places[1], layer)
    over = [max(0, (n - 1) * stride + window - pad - side) for n, side in zip(places, base.shape, strict=False)]
    outside = 0 if isinstance(layer, Conv) else -np.inf
    padded = np.pad(base, [(pad, over[0]), (pad, over[1]), (0, 0)], constant_values=outside)
    moved = replace(part, rows=part.rows + pad, columns=part.columns + pad)
    seen = moved.seen(padded, rows * stride, columns * stride, ((height - 1) * stride + window, (width - 1) * stride + window))
    bare = replace(layer, pad=0, ceil=False)  # the same filters, on windows that carry their padding with them
    bare.parameters = layer.parameters
    return Changed(bare.forward(seen), rows, columns)


def _reached(first: np.ndarray, size: int, places: int, layer: Conv | MaxPool) -> tuple[np.ndarray, int]:
    """Along one side: the first of the outputs that see inputs first to first + size - 1, and how many these are at most."""
    count = min(places, (size + layer.window - 2) // layer.stride + 1)
    lowest = -(-(first - layer.window + 1 + layer.pad) // layer.stride)
    return np.clip(lowest, 0, places - count), count


def _union(firsts: list[np.ndarray], sizes: list[int]) -> tuple[np.ndarray, int]:
    """Along one side: where windows that hold all of these begin (n,), and their size, the same for all n."""
    begin = np.min(firsts, axis=0)
    end = np.max([first + size for first, size in zip(firsts, sizes, strict=True)], axis=0)
    return begin, int((end - begin).max())
