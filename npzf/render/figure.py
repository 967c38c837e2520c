"""What the plots of figures 5 to 7 and of section 3 share: style, an empty figure, its file, and maps of an occluder's effect."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npzf.storage.atomic import atomic_write_bytes
from npzf.storage.output import NAME
from npzf.text import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

STYLE: Any = {  # as Matplotlib names it
    "font.family": "DejaVu Sans",  # comes with Matplotlib: the same letters on every machine
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#999999",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "savefig.dpi": 150,
    "text.parse_math": False,  # a class or a file may be called $x$
}
LINE = 120  # letters of a line, at most
BARS = {"right": (1.04, 0.0, 0.05, 1.0), "below": (0.1, -0.09, 0.8, 0.045)}  # left, bottom, width, height in shares of the axes


def style() -> AbstractContextManager:
    """A context in which figures are made and saved with STYLE; imports Matplotlib, which `import npzf.render` does not."""
    import matplotlib

    return matplotlib.rc_context(STYLE)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, drawn without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Writes the figure as a PNG in one step and returns the path; ValueError for another ending, OSError if it cannot."""
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"path is {path}, expected a name that ends in .png")
    file = io.BytesIO()
    make_legible(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # a letter that no font has is drawn as a box
        figure.savefig(file, format="png", bbox_inches="tight", pad_inches=0.06, metadata={"Software": NAME})
    return atomic_write_bytes(path, file.getvalue())


def make_legible(figure: Figure) -> None:
    """Escapes, in all texts of the figure, what cannot be drawn, and shortens lines that would take the figure's room."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, Formatter, FuncFormatter

    for text in figure.findobj(Text):
        text.set_text(legible(text.get_text()))
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        named = axis.get_major_formatter()
        if isinstance(named, FixedFormatter | FuncFormatter):  # the names of ticks are asked for when they are drawn

            def legible_name(value: float, place: int | None = None, named: Formatter = named) -> str:
                return legible(named(value, place))

            axis.set_major_formatter(FuncFormatter(legible_name))


def legend_label(name: str) -> str:
    """The name as Matplotlib takes it into a legend: not with _ in front."""
    return f" {name}" if name.startswith("_") else name


def legible(text: str) -> str:
    """The text of a figure, line by line as it can be drawn."""
    return "\n".join(short(line, LINE) for line in text.split("\n"))


def edges(centres: np.ndarray) -> np.ndarray:
    """Borders half-way between neighbouring centres (n,) -> (n + 1,); a single centre gets one pixel.

    ValueError for centres that are not finite and ascending.
    """
    steps = np.diff(centres)
    if (steps <= 0).any() or not np.isfinite(centres).all():
        raise ValueError(f"centres are {np.array2string(centres, threshold=8)}, expected finite and strictly ascending pixels")
    steps = steps if len(steps) else np.ones(1)
    first, last = centres[0] - steps[0] / 2, centres[-1] + steps[-1] / 2
    return np.concatenate([[first], (centres[:-1] + centres[1:]) / 2, [last]])


def outline(panels: Iterable[Axes], y: float, x: float, side: float) -> None:
    """Draws a square of `side` about the point (y, x) in each panel: white within black, which is visible on any colour."""
    from matplotlib.patches import Rectangle

    for axes in panels:
        for colour, width in (("#000000", 2.6), ("#ffffff", 1.2)):
            corner = (x - side / 2, y - side / 2)
            axes.add_patch(Rectangle(corner, side, side, fill=False, ec=colour, lw=width, joinstyle="miter"))


def mesh(
    axes: Axes, values: np.ndarray, centres_y: np.ndarray, centres_x: np.ndarray, size: tuple[int, int], **options: Any
) -> QuadMesh:
    """Values (rows, columns) as cells about the occluder's centres, over the area of an image of this size (H, W).

    centres_y (rows,), centres_x (columns,) count pixels from 0, the middle of the first; in the axes it lies at 0.5. options: as
    for pcolormesh. NaN stays blank. ValueError for centres out of order.
    """
    borders = (edges(np.asarray(centres, np.float64)) + 0.5 for centres in (centres_x, centres_y))
    cells = axes.pcolormesh(*borders, values, rasterized=True, **options)
    axes.set(aspect="equal", xlim=(0, size[1]), ylim=(size[0], 0), facecolor="#eeeeee")
    return cells


def heat_map(
    axes: Axes,
    values: np.ndarray,
    centres_y: np.ndarray,
    centres_x: np.ndarray,
    size: tuple[int, int],
    limits: tuple[float | None, float | None] = (None, None),
    bar: str = "below",
) -> None:
    """A `mesh` with a bar that gives its scale, "below" or at the "right"; limits: the least and largest value of the scale."""
    cells = mesh(axes, values, centres_y, centres_x, size, cmap="viridis", vmin=limits[0], vmax=limits[1])
    orientation = "vertical" if bar == "right" else "horizontal"
    scale = axes.figure.colorbar(cells, cax=axes.inset_axes(BARS[bar]), orientation=orientation)
    scale.outline.set_visible(False)
    scale.ax.tick_params(labelsize=7 if bar == "below" else None)
