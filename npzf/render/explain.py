"""One picture for one photograph: its classes, what they depend on (figure 7), and what it excites in each layer (figure 2)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from npzf.render import plots
from npzf.render.occlusion import _map
from npzf.render.pictures import MID_GREY, downscale, enlarge, grid, pad_to, to_grey_robust

LEGIBLE = 96  # pixels: smaller tiles are enlarged by a whole factor, larger ones downscale


def explain_figure(
    picture: np.ndarray,
    names: Sequence[str],
    probabilities: Sequence[float],
    occlusions: Sequence,
    layers: Sequence,
    path: str | Path,
) -> Path:
    """Draw one photograph, uint8 (H, W, 3), as a PNG; returns the path.

    names, probabilities: its most probable classes, most probable first; occlusions: an OcclusionMap for each of the first of
    them; layers: a ImageTopMaps for each layer, lowest first. OSError if the file cannot be written.
    """
    import matplotlib

    height, width = picture.shape[:2]
    across = 2 + len(occlusions)
    with matplotlib.rc_context(plots.STYLE):
        figure = plots._figure(3.2 * across, 3.6 + 1.35 * len(layers))
        rows = figure.add_gridspec(1 + len(layers), 1, height_ratios=[3.2, *[1.1] * len(layers)], hspace=0.35)
        panels = rows[0].subgridspec(1, across).subplots()
        panels[0].imshow(picture, extent=(0, width, height, 0), interpolation="antialiased")
        _bars(panels[1], names, probabilities)
        for axes, study, name in zip(panels[2:], occlusions, names, strict=False):
            _map(axes, study, study.probability, (height, width), (0, 1))
            axes.set_title(f"probability of {name}\nwith a square there", loc="left", parse_math=False)
        for axes in (panels[0], *panels[2:]):
            axes.set(xticks=[], yticks=[])
        for k, layer in enumerate(layers, 1):
            axes = figure.add_subplot(rows[k])
            axes.imshow(_strip(layer), interpolation="antialiased")
            maps = ", ".join(map(str, layer.maps))
            axes.set_title(f"{layer.layer}: projections of its strongest maps, {maps}, and the patches that they see", loc="left")
            axes.axis("off")
        return plots._save(figure, path)


def _bars(axes, names: Sequence[str], probabilities: Sequence[float]) -> None:
    places = np.arange(len(names))
    axes.barh(places, probabilities, color="#0072b2", height=0.28)
    for place, name, p in zip(places, names, probabilities, strict=True):
        axes.text(0, place - 0.22, f"{name}, {p:.1%}", va="bottom", fontsize=8, parse_math=False)
    axes.set(xlim=(0, 1), ylim=(len(names) - 0.6, -0.8), yticks=[], xticks=[0, 0.5, 1])
    axes.set_title("most probable classes", loc="left")


def _strip(layer) -> np.ndarray:
    """Projections side by side, then the patches; all as large as the largest, and about LEGIBLE."""
    largest = max(side for tile in (*layer.projections, *layer.patches) for side in tile.shape[:2])
    # Downscaled before its scale is chosen: shrinking averages fine strokes away, and they would be faint
    small = [[downscale(tile, LEGIBLE / largest) for tile in tiles] for tiles in (layer.projections, layer.patches)]
    tiles = [to_grey_robust(projection)[0] for projection in small[0]], small[1]
    side = min(largest, LEGIBLE)
    zoom = -(-LEGIBLE // side)
    blocks = [
        grid([enlarge(pad_to(tile, side, side, MID_GREY), zoom) for tile in some], len(some), max(2, zoom * side // 24))
        for some in tiles
    ]
    return grid(blocks, 2, zoom * side // 4)
