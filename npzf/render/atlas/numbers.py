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
    return [[name, kind, *(cell.replace("x", " × ") for cell in cells)] for name, kind, *cells in net.summary_rows()]


def patch_side(net: Network, layer: str) -> int:
    """Pixels of the longer side of the largest patch: the receptive field's, or the image's where that is smaller."""
    field, sides = net.fields()[layer], net.input_shape[:2]
    return max(sides) if field.whole else max(min(pair) for pair in zip(field.size, sides, strict=True))


def layer_entry(net: Network, statistics: MapStatistics, name: str, stem: str, scales: Sequence[Sequence[float]]) -> dict:
    """One layer: its maps' strongest activations and what they did over the set; stem and scales as of write_group."""
    maps, (classes, means) = statistics.layers[name], statistics.top_classes(name)
    positive = [slice(0, int((values > 0).sum())) for values in maps.top.values]
    field = net.fields()[name]
    return {
        "name": name,
        "stem": stem,
        "side": tile_side(patch_side(net, name)),
        "size": list(net.shapes[name]),
        "field": None if field.whole else list(field.size),
        "maps": len(positive),
        "values": [four_digits(values[k]) for values, k in zip(maps.top.values, positive, strict=True)],
        "scales": [four_digits(s) for s in scales],
        "images": [images[k].tolist() for images, k in zip(maps.top.images, positive, strict=True)],
        "inactive": maps.histograms.inactive.tolist(),
        "widths": four_digits(maps.histograms.widths),
        "counts": [_without_last_zeros(counts) for counts in maps.histograms.counts],
        "classes": [c[m > 0].tolist() for c, m in zip(classes, means, strict=True)],
        "means": [four_digits(m[m > 0]) for m in means],
        "mean": four_digits(maps.sums.sum(0) / statistics.images),
        "cell": maps.cell,
        "places": [shades(places) for places in maps.places],
    }


def image_entries(
    statistics: MapStatistics, name: Callable[[int], str], label: Callable[[int], str], class_name: Callable[[int], str]
) -> dict[int, list]:
    """Index -> [file name, true class, predicted class, its probability] of the images in any map's top list.

    name, label: of an image, given its index; class_name: of one of the net's classes. The prediction is missing where the net
    has no class scores.
    """
    indices = {int(i) for maps in statistics.layers.values() for i in maps.top.images[maps.top.values > 0]}
    entries: dict[int, list] = {}
    for i in sorted(indices):
        entries[i] = [PurePath(name(i)).name, label(i)]
        if i in statistics.predictions:
            predicted, probability = statistics.predictions[i]
            entries[i] += [class_name(predicted), *four_digits([probability])]
    return entries


def shades(places: np.ndarray) -> list[str]:
    """Counts (rows, columns) -> a string for each row, a character of SHADES for each column; any count but 0 is above "0"."""
    levels = -(-places * (len(SHADES) - 1) // max(1, int(places.max(initial=0))))
    return ["".join(SHADES[level] for level in row) for row in levels]


def four_digits(values: Sequence[float] | np.ndarray) -> list[float]:
    """Rounded to four digits: enough to read, a third of the length."""
    return [float(f"{value:.4g}") for value in values]


def sheet_geometry() -> dict[str, int]:
    """What tiles.js must know to find a map on the sheets."""
    return {"group": GROUP, "thumbnails": THUMBNAILS, "margin": MARGIN}


def _without_last_zeros(counts: np.ndarray) -> list[int]:
    return counts[: 1 + np.flatnonzero(counts).max(initial=-1)].tolist()
