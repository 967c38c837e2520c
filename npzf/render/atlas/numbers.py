"""What the atlas says in numbers (figure 2's activations, figure 3's sizes), as plain lists and dictionaries for data.js."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

import numpy as np

from npzf.network import Network
from npzf.render.atlas.sheets import GROUP, MARGIN, THUMBNAILS, tile_side
from npzf.studies.atlas import MapStatistics

SHADES = "0123456789abcdefghijklmnopqrstuvwxyz"  # a place's share of the fullest place, in 36 steps


def net_rows(net: Network) -> list[list[str]]:
    """A row for each layer: name, kind, output size, parameters, receptive field and stride in input pixels."""
    return [[name, kind, size.replace("x", " × "), *rest] for name, kind, size, *rest in net.summary_rows()]


def patch_side(net: Network, layer: str) -> int:
    """Pixels of the side of the largest patch: the receptive field, or the input where that is smaller."""
    field, side = net.fields()[layer], max(net.input_shape[:2])
    return side if field.whole else min(max(field.size), side)


def layer_entry(net: Network, found: MapStatistics, name: str, stem: str, scales: Sequence[Sequence[float]]) -> dict:
    """One layer: its maps' strongest activations and what they did over the set; stem and scales as of write_group."""
    maps, (classes, means) = found.layers[name], found.top_classes(name)
    shown = [int((values > 0).sum()) for values in maps.top.values]
    cut = [slice(0, k) for k in shown]
    seen = net.fields()[name]
    return {
        "name": name,
        "stem": stem,
        "side": tile_side(patch_side(net, name)),
        "size": list(net.shapes[name]),
        "field": None if seen.whole else max(seen.size),
        "maps": len(shown),
        "values": [short(v[c]) for v, c in zip(maps.top.values, cut, strict=True)],
        "scales": [short(s) for s in scales],
        "images": [i[c].tolist() for i, c in zip(maps.top.images, cut, strict=True)],
        "silent": maps.histograms.inactive.tolist(),
        "widths": short(maps.histograms.widths),
        "counts": [_to_the_last(counts) for counts in maps.histograms.counts],
        "classes": [c[m > 0].tolist() for c, m in zip(classes, means, strict=True)],
        "means": [short(m[m > 0]) for m in means],
        "mean": short(maps.sums.sum(0) / found.images),
        "cell": maps.cell,
        "places": [shades(places) for places in maps.places],
    }


def image_entries(
    found: MapStatistics, name: Callable[[int], str], label: Callable[[int], str], said: Callable[[int], str]
) -> dict:
    """Index -> [file name, true class, the net's class, its probability] of the images that are among the strongest.

    The net's class and probability are missing if it does not classify.
    """
    indices = {int(i) for maps in found.layers.values() for i in maps.top.images[maps.top.values > 0]}
    entries = {}
    for i in sorted(indices):
        answer = found.predictions.get(i)
        entries[i] = [PurePath(name(i)).name, label(i), *([said(answer[0]), short([answer[1]])[0]] if answer else [])]
    return entries


def shades(places: np.ndarray) -> list[str]:
    """Counts (rows, columns) -> a string for each row, a character of SHADES for each column; any count but 0 is above "0"."""
    levels = -(-places * (len(SHADES) - 1) // max(1, int(places.max(initial=0))))
    return ["".join(SHADES[level] for level in row) for row in levels]


def short(values: Sequence[float] | np.ndarray) -> list[float]:
    """To four digits: enough to read, a third of the length."""
    return [float(f"{value:.4g}") for value in values]


def sheet_geometry() -> dict:
    """What tiles.js must know to find a map on the sheets."""
    return {"group": GROUP, "thumbnails": THUMBNAILS, "margin": MARGIN}


def _to_the_last(counts: np.ndarray) -> list[int]:
    """Without the empty bins at the end."""
    return counts[: 1 + np.flatnonzero(counts).max(initial=-1)].tolist()
