"""One picture for one photograph: its classes, what they depend on (figure 7), and what it excites in each layer (figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npzf.render.figure import heat_map, new_figure, save_figure, style
from npzf.render.pictures import MID_GREY, downscale, enlarge, grid, pad_to, to_grey_robust

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from npzf.studies import ImageTopMaps, OcclusionMap

COLUMNS = 4  # of the upper row, at least: the rows below are as wide, and need it
LEGIBLE = 96  # pixels of a tile, about: smaller ones are enlarged by a whole factor, larger ones reduced


def explain_figure(
    photograph: np.ndarray,
    names: Sequence[str],
    probabilities: Sequence[float] | np.ndarray,
    occlusions: Sequence[OcclusionMap],
    layers: Sequence[ImageTopMaps],
    path: str | Path,
) -> Path:
    """Draws one photograph, uint8 (H, W, 3 or 1), and what a net makes of it, as a PNG; returns the path.

    names, probabilities: its most probable classes, most probable first, none for a net without; occlusions: one for each of the
    first of these; layers: the strongest maps of this image in each layer, lowest first. OSError if it cannot be written.
    """
    height, width = photograph.shape[:2]
    columns = 1 + bool(len(names)) + len(occlusions)
    with style():
        figure = new_figure(3.2 * max(columns, COLUMNS), 3.6 + 1.35 * len(layers))
        rows = figure.add_gridspec(1 + len(layers), 1, height_ratios=[3.2, *[1.1] * len(layers)], hspace=0.35)
        places = rows[0].subgridspec(1, max(columns, COLUMNS))
        panels = [figure.add_subplot(places[k]) for k in range(columns)]
        panels[0].imshow(pad_to(photograph, height, width, MID_GREY), extent=(0, width, height, 0), interpolation="antialiased")
        if len(names):
            _bars(panels[1], names, probabilities)
        for axes, study, name in zip(panels[2:], occlusions, names, strict=False):
            heat_map(axes, study.probability, study.centres_y, study.centres_x, (height, width), (0, 1))
            axes.set_title(f"probability of {name}\nwith a square there", loc="left", parse_math=False)
        for axes in (panels[0], *panels[2:]):
            axes.set(xticks=[], yticks=[])
        for k, layer in enumerate(layers, 1):
            axes = figure.add_subplot(rows[k])
            axes.imshow(_strip(layer), interpolation="antialiased")
            maps = ", ".join(map(str, layer.maps[0]))
            title = f"{layer.layer}: projections of its strongest maps, {maps}, and the patches that they see"
            axes.set_title(title, loc="left", parse_math=False)
            axes.axis("off")
        return save_figure(figure, path)


def _bars(axes: Axes, names: Sequence[str], probabilities: Sequence[float] | np.ndarray) -> None:
    axes.barh(np.arange(len(names)), probabilities, color="#0072b2", height=0.28)
    for row, (name, p) in enumerate(zip(names, probabilities, strict=True)):
        axes.text(0, row - 0.22, f"{name}, {p:.1%}", va="bottom", fontsize=8, parse_math=False)
    axes.set(xlim=(0, 1), ylim=(len(names) - 0.6, -0.8), yticks=[], xticks=[0, 0.5, 1])
    axes.set_title("most probable classes", loc="left")


def _strip(layer: ImageTopMaps) -> np.ndarray:
    """Projections side by side, then the patches; all as large as the largest, and about LEGIBLE."""
    pictures = layer.projections[0], layer.patches[0]
    largest = max(side for tiles in pictures for tile in tiles for side in tile.shape[:2])
    # The scale is chosen after downscaling, which averages fine strokes away: chosen before, it would leave them faint.
    projections = [to_grey_robust(downscale(projection, LEGIBLE / largest))[0] for projection in pictures[0]]
    patches = [downscale(patch, LEGIBLE / largest) for patch in pictures[1]]
    side = min(largest, LEGIBLE)
    zoom = -(-LEGIBLE // side)
    blocks = [
        grid([enlarge(pad_to(tile, side, side, MID_GREY), zoom) for tile in tiles], len(tiles), max(2, zoom * side // 24))
        for tiles in (projections, patches)
    ]
    return grid(blocks, 2, zoom * side // 4)
