"""Figure 7 for one photograph: all five panels, or the photograph beside one map of what an occluder does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npzf.render.figure import heat_map, mesh, new_figure, outline, save_figure, style
from npzf.render.pictures import MID_GREY, grid, pad_to

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from npzf.studies import OcclusionMap

SHOWN = 8  # classes named in panel (e); the rest is "others"


def occlusion_figure(
    photograph: np.ndarray,
    study: OcclusionMap,
    label: int,
    layer: str,
    projections: Sequence[np.ndarray],
    patches: Sequence[np.ndarray],
    path: str | Path,
    classes: Sequence[str] | None = None,
) -> Path:
    """Draws figure 7 for one photograph, uint8 (H, W, 1 or 3), as a PNG; returns the path.

    study: of that image, with a layer; label: the true class; projections, patches: uint8 tiles of that layer's strongest map,
    first from the photograph itself, outlined, then from other images; classes: their names. Panels: (a) the photograph, with the
    occluder where the probability is lowest, (b) total activity of the map, (c) its projections and patches, (d) probability of
    the label, (e) most probable class. ValueError for a study without a layer, OSError if the file cannot be written.
    """
    if study.activity is None or study.original_activity is None:
        raise ValueError("study has no activity of a map, expected one of a named layer")
    height, width = np.shape(photograph)[:2]
    centres, size = (study.centres_y, study.centres_x), (height, width)
    name = str if classes is None else classes.__getitem__
    with style():
        figure = new_figure(17.5, 2.9 * height / width + 0.9)
        panels = figure.subplots(1, 6)
        _photograph(panels[0], photograph)
        _outline_least([panels[0]], study.probability, *centres, study.size)
        heat_map(panels[1], study.activity, *centres, size, (0, max(study.activity.max(), study.original_activity)))
        _tiles(panels[2], projections)
        _tiles(panels[3], patches)
        heat_map(panels[4], study.probability, *centres, size, (0, 1))
        _classes(panels[5], study, size, name)
        words = (
            f"(a) {name(label)}, {study.original_probability:.1%}",
            f"(b) {layer}, map {study.strongest_map}: total activity",
            "(c) that map's projections ...",
            "... and the patches",
            f"(d) probability of {name(label)}",
            "(e) most probable class",
        )
        for axes, title in zip(panels, words, strict=True):
            axes.set_title(title, loc="left", parse_math=False)
            axes.set(xticks=[], yticks=[])
        return save_figure(figure, path)


def heat_map_figure(
    photograph: np.ndarray,
    values: np.ndarray,
    centres_y: np.ndarray,
    centres_x: np.ndarray,
    path: str | Path,
    *,
    title: str,
    label: str,
    occluder: float | None = None,
) -> Path:
    """Draws a photograph beside the value for each position of the occluder, as a PNG; returns the path. Figure 7 (d).

    photograph: uint8 (H, W, 1 or 3), under `title`; values (rows, columns), under `label`, belong to the occluder's centres,
    centres_y (rows,) and centres_x (columns,), in pixels counted from 0. occluder: the side in pixels of a square that is drawn
    where the value is lowest. NaN stays blank. ValueError when shapes do not match, OSError if the file cannot be written.
    """
    values, centres_y, centres_x = (np.asarray(a, np.float64) for a in (values, centres_y, centres_x))
    shape = len(centres_y), len(centres_x)
    if values.shape != shape or values.size == 0 or np.isnan(values).all():
        found = "all NaN" if values.shape == shape else f"{values.shape}"
        raise ValueError(f"values are {found}, expected {shape} numbers, one for each centre")
    height, width = np.shape(photograph)[:2]
    with style():
        figure = new_figure(6.4, 6.4 * 0.42 * height / width + 0.6)
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        _photograph(left, photograph)
        heat_map(right, values, centres_y, centres_x, (height, width), bar="right")
        for axes, words in ((left, title), (right, label)):
            axes.set_title(words, loc="left", parse_math=False)
            axes.set_xlabel("pixels")
            axes.locator_params(nbins=5)
        if occluder is not None:
            _outline_least([left, right], values, centres_y, centres_x, occluder)
        return save_figure(figure, path)


def _photograph(axes: Axes, photograph: np.ndarray) -> None:
    height, width = np.shape(photograph)[:2]
    picture = pad_to(photograph, height, width, MID_GREY)
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="antialiased")


def _outline_least(panels: Sequence[Axes], values: np.ndarray, centres_y: np.ndarray, centres_x: np.ndarray, side: float) -> None:
    """The occluder where the value is lowest; the middle of pixel 0 lies at 0.5."""
    row, column = np.unravel_index(np.nanargmin(values), values.shape)
    outline(panels, centres_y[row] + 0.5, centres_x[column] + 0.5, side)


def _tiles(axes: Axes, tiles: Sequence[np.ndarray]) -> None:
    """Tiles as a square, the photograph's own first and outlined."""
    from matplotlib.patches import Rectangle

    side = max(max(tile.shape[:2]) for tile in tiles)
    columns = math.ceil(math.sqrt(len(tiles)))
    sheet = grid([pad_to(tile, side, side, MID_GREY) for tile in tiles], columns, max(2, side // 24))
    axes.imshow(sheet, interpolation="antialiased")
    axes.add_patch(Rectangle((-0.5, -0.5), side, side, fill=False, ec="#000000", lw=2))
    axes.axis("off")


def _classes(axes: Axes, study: OcclusionMap, size: tuple[int, int], name: Callable[[int], str]) -> None:
    """The most probable class at each position, a colour for each of those that win most often."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    winners, counts = np.unique(study.prediction, return_counts=True)
    winners = winners[np.argsort(-counts, kind="stable")][:SHOWN]
    ranks = np.full(study.prediction.shape, len(winners))
    for k, winner in enumerate(winners):
        ranks[study.prediction == winner] = k
    colours = [*colormaps["tab10"](np.arange(len(winners))), (0.75, 0.75, 0.75, 1.0)]
    limits = {"vmin": -0.5, "vmax": len(winners) + 0.5}
    mesh(axes, ranks, study.centres_y, study.centres_x, size, cmap=ListedColormap(colours), **limits)
    names = [name(winner) for winner in winners] + (["others"] if len(counts) > SHOWN else [])
    handles = [Patch(color=colour, label=words) for colour, words in zip(colours, names, strict=False)]
    below = (0.5, 0.0)
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=below, ncols=2, frameon=False, fontsize=7, handlelength=1)
