"""The pictures that several scripts make: top-nine sheets (figure 2), evolution (figure 4), first-layer filters (figure 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from npzf import Network
from npzf.backend import to_numpy
from npzf.data import SquareImages
from npzf.layers import Concatenate, Conv
from npzf.render import animation, downscale, filters, save_png, strip, to_grey_robust, top_sheet
from npzf.studies import Evolution, TopActivations, projections_and_patches

TILE = 44  # pixels of a tile in the overview, at most


def conv_layers(net: Network) -> list[str]:
    """The names of the convolutions, lowest first."""
    return [name for name, layer in net.layers.items() if isinstance(layer, Conv)]


def main_layers(net: Network) -> list[str]:
    """The layers to look at where none are named: convolutions; in a net with branches the first, and where branches join."""
    joins = [name for name, layer in net.layers.items() if isinstance(layer, Concatenate)]
    return conv_layers(net)[:1] + joins if joins else conv_layers(net)


def save_filters(net: Network, path: Path) -> Path:
    """The first layer's filters as pictures."""
    first = conv_layers(net)[0]
    weight = to_numpy(net.parameters[f"{first}/weight"])
    return save_png(filters(weight, zoom=max(4, 48 // weight.shape[1])), path, layer=first)


def most_active_maps(top: TopActivations, count: int) -> np.ndarray:
    """The `count` maps with the largest activations, in the order of their numbers; those never active come last."""
    return np.sort(np.argsort(-top.values[:, 0], kind="stable")[:count])


def draw_top_sheet(net: Network, squares: SquareImages, layer: str, top: TopActivations, maps: Sequence[int]) -> np.ndarray:
    """Figure 2 for these maps of one layer, uint8."""
    return sheet_of(top, maps, *projections_and_patches(net, squares, layer, top, maps))


def sheet_of(top: TopActivations, maps: Sequence[int], projections: list, patches: list) -> np.ndarray:
    """The same from pictures already made; every projection has its own scale, beside it the activations' values."""
    grey = [[to_grey_robust(picture)[0] for picture in block] for block in projections]
    values = [[v for v in top.values[m] if v > 0] for m in maps]
    return top_sheet(grey, patches, list(maps), values)


def draw_overview(net: Network, squares: SquareImages, tops: Mapping[str, TopActivations], width: int = 1200) -> np.ndarray:
    """Four maps of each layer, one layer below the other, all `width` pixels wide; uint8."""
    rows = []
    for layer, top in tops.items():
        maps, field = most_active_maps(top, 4), net.fields()[layer]
        share = TILE / (net.input_shape[0] if field.whole else min(max(field.size), net.input_shape[0]))
        # Downscaled before its scale is chosen: shrinking averages fine strokes away, and they would be faint
        drawn = [
            [[downscale(one, share) for one in block] for block in blocks]
            for blocks in projections_and_patches(net, squares, layer, top, maps)
        ]
        sheet = Image.fromarray(sheet_of(top, maps, *drawn))
        rows.append(np.asarray(sheet.resize((width, round(sheet.height * width / sheet.width)), Image.Resampling.LANCZOS)))
    return np.concatenate(rows)


def save_evolution(evolution: Evolution, layer: str, out: Path, kind: str = "webp") -> tuple[Path, Path]:
    """Figure 4 for one layer, as a strip (PNG) and as an animation, webp or gif; every projection has its own scale."""
    kept = evolution.strip(layer)
    grey = np.stack([[to_grey_robust(picture)[0] for picture in row] for row in kept])
    name = f"evolution_{layer.replace('/', '_')}"
    still = save_png(strip(grey, evolution.epochs, evolution.maps[layer].tolist()), out / f"{name}.png", layer=layer)
    return still, animation(grey, evolution.epochs, out / f"{name}.{kind}")
