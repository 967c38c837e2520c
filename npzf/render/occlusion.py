"""Figure 7: all five panels for one photograph."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from npzf.render import plots
from npzf.render.pictures import MID_GREY, grid, pad_to

SHOWN = 8  # classes named in panel (e); the rest is "others"


def occlusion_figure(
    picture: np.ndarray,
    study,
    label: int,
    layer: str,
    projections: Sequence[np.ndarray],
    patches: Sequence[np.ndarray],
    path: str | Path,
    classes: Sequence[str] | None = None,
) -> Path:
    """Draw figure 7 for one photograph, uint8 (H, W, 1 or 3), as a PNG; returns the path.

    study: an OcclusionMap of one image and a named layer; label: the true class; projections, patches: uint8 tiles of that
    layer's strongest map, first from the photograph itself, outlined, then from other images; classes: names. Panels: (a) the
    photograph, with the square where it hurts most, (b) total activity of the map, (c) its projections and patches, (d)
    probability of the label, (e) most probable class. ValueError for an OcclusionMap without a layer, OSError if the file cannot
    be written.
    """
    import matplotlib

    if study.activity is None:
        raise ValueError("study was made without a layer, expected one with the activity of its strongest map")
    height, width = np.shape(picture)[:2]
    picture = pad_to(picture, height, width, MID_GREY)
    name = str if classes is None else classes.__getitem__
    with matplotlib.rc_context(plots.STYLE):
        figure = plots._figure(17.5, 2.9 * height / width + 0.9)
        panels = figure.subplots(1, 6)
        panels[0].imshow(picture, extent=(0, width, height, 0), interpolation="antialiased")
        row, column = np.unravel_index(study.probability.argmin(), study.probability.shape)
        plots._outline([panels[0]], study.centres_y[row] + 0.5, study.centres_x[column] + 0.5, study.size)
        _map(panels[1], study, study.activity, (height, width), (0, max(study.activity.max(), study.original_activity)))
        _tiles(panels[2], projections)
        _tiles(panels[3], patches)
        _map(panels[4], study, study.probability, (height, width), (0, 1))
        _classes(panels[5], study, (height, width), name)
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
        return plots._save(figure, path)


def _mesh(axes, study, values: np.ndarray, size: tuple[int, int], **options):
    """Values (rows, columns) at the occluder's centres, over the area of the photograph."""
    edges = (plots._edges(centres + 0.5) for centres in (study.centres_x, study.centres_y))  # a pixel's middle is at + 0.5
    colours = axes.pcolormesh(*edges, values, rasterized=True, **options)
    axes.set(aspect="equal", xlim=(0, size[1]), ylim=(size[0], 0), facecolor="#eeeeee")
    return colours


def _map(axes, study, values: np.ndarray, size: tuple[int, int], limits: tuple[float, float]) -> None:
    colours = _mesh(axes, study, values, size, cmap="viridis", vmin=limits[0], vmax=limits[1])
    bar = axes.figure.colorbar(colours, cax=axes.inset_axes([0.1, -0.09, 0.8, 0.045]), orientation="horizontal")
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7)


def _tiles(axes, tiles: Sequence[np.ndarray]) -> None:
    """Tiles as a square, the photograph's own first and outlined."""
    from matplotlib.patches import Rectangle

    side = max(max(tile.shape[:2]) for tile in tiles)
    columns = math.ceil(math.sqrt(len(tiles)))
    axes.imshow(
        grid([pad_to(tile, side, side, MID_GREY) for tile in tiles], columns, max(2, side // 24)), interpolation="antialiased"
    )
    axes.add_patch(Rectangle((-0.5, -0.5), side, side, fill=False, ec="#000000", lw=2))
    axes.axis("off")


def _classes(axes, study, size: tuple[int, int], name) -> None:
    """The most probable class at each place, as one colour for each of those that win most often."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    winners, counts = np.unique(study.prediction, return_counts=True)
    winners = winners[np.argsort(-counts, kind="stable")][:SHOWN]
    place = np.full(study.prediction.shape, len(winners))
    for k, winner in enumerate(winners):
        place[study.prediction == winner] = k
    colours = [*colormaps["tab10"].colors[: len(winners)], (0.75, 0.75, 0.75)]
    _mesh(axes, study, place, size, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(winners) + 0.5)
    names = [name(winner) for winner in winners] + (["others"] if len(counts) > SHOWN else [])
    handles = [Patch(color=colour, label=words) for colour, words in zip(colours, names, strict=False)]
    axes.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, frameon=False, fontsize=7, handlelength=1
    )
