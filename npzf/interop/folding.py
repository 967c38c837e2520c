"""Batch normalisation folded into the layer before it, so that a filter and its scale are one; no part of the paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np

from npzf.layers import Affine, Conv, FullyConnected, Layer

Rows = list[tuple[str, Layer, tuple[str, ...]]]
Parameters = dict[str, dict[str, np.ndarray]]


def fold_affine(rows: Rows, parameters: Parameters, kept_apart: Collection[str] = ()) -> tuple[Rows, Parameters]:
    """The net without each Affine that alone takes the output of a convolution, a fully connected layer or another Affine.

    weight (O, ...) and bias (O,) become scale * weight and scale * bias + shift, counted in float64; the layer keeps its
    name. kept_apart: names of those that stay.
    """
    consumers = Counter(source for _, _, sources in rows for source in sources)
    standing_for: dict[str, str] = {}  # name of an Affine that is folded -> the layer that now gives its output
    kept: dict[str, Layer] = {}
    remaining, parameters = [], dict(parameters)
    for name, layer, sources in rows:
        sources = tuple(standing_for.get(source, source) for source in sources)
        below = sources[0]
        weighted = isinstance(kept.get(below), Conv | FullyConnected | Affine)
        if isinstance(layer, Affine) and weighted and consumers[below] == 1 and name not in kept_apart:
            parameters[below] = _scaled(parameters[below], parameters.pop(name))
            standing_for[name], consumers[below] = below, consumers[name]
        else:
            kept[name] = layer
            remaining.append((name, layer, sources))
    return remaining, parameters


def _scaled(below: dict[str, np.ndarray], affine: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    dtype = np.result_type(below["weight"], np.float32)
    scale, shift = (affine[key].astype(np.float64) for key in ("weight", "bias"))
    weight = below["weight"] * scale.reshape(-1, *[1] * (below["weight"].ndim - 1))
    return {"weight": weight.astype(dtype), "bias": (below["bias"] * scale + shift).astype(dtype)}
