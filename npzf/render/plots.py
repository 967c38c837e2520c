"""Section 3 and figure 7: the course of a training run, and the heat maps of occlusion sensitivity."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from npzf.render.pictures import MID_GREY, pad_to
from npzf.storage.atomic import atomic_write_bytes

COLUMNS = ("epoch", "train_loss", "train_error", "validation_loss", "validation_error", "rate")
TRAIN, VALIDATION, QUIET = "#0072b2", "#d55e00", "#6b6b6b"  # Okabe and Ito's blue and vermilion; grey
STYLE = {
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
}


def read_log(path: str | Path) -> dict[str, np.ndarray]:
    """The log of a training run, CSV with a line of names -> {name: float64 (rows,)}; an empty cell is NaN.

    Raises ValueError, naming the file, for missing columns (`COLUMNS`), no rows, or a cell that is not a
    number.
    """
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    _check_columns(reader.fieldnames or (), f"log {path}")
    log = {}
    for name in reader.fieldnames:
        try:
            log[name] = np.array([float(row[name] or "nan") for row in rows])
        except ValueError as error:
            raise ValueError(f"log {path}: column {name} must hold numbers ({error})") from error
    if not rows:
        raise ValueError(f"log {path} must have at least one row below the names, got none")
    return log


def loss_plot(log: Mapping[str, np.ndarray], path: str | Path, classes: int | None = None) -> Path:
    """Draw loss and error against epoch, training and validation, as a PNG; returns the path. Section 3.

    `log` holds the columns of `read_log`, `COLUMNS`: epochs, losses in nats, errors in %, the learning rate.
    Drops of the rate to half or less are marked. With `classes`, a dotted line shows what guessing gives: ln
    C and 1 - 1/C. Raises ValueError for missing columns, OSError if the file cannot be written.
    """
    import matplotlib

    _check_columns(log, "log")
    with matplotlib.rc_context(STYLE):
        figure = _figure(7.2, 2.9)
        left, right = figure.subplots(1, 2)
        guess = (None, None) if classes is None else (np.log(classes), 100 * (1 - 1 / classes))
        _course(left, log, "loss", guess[0])
        _course(right, log, "error", guess[1])
        left.set_title("cross-entropy loss (nats)", loc="left")
        right.set_title("error (%)", loc="left")
        left.legend(frameon=False, loc="best", handlelength=1.4)
        return _save(figure, path)


def heat_map(
    picture: np.ndarray,
    values: np.ndarray,
    centres_y: np.ndarray,
    centres_x: np.ndarray,
    path: str | Path,
    label: str,
    title: str,
    occluder: float | None = None,
) -> Path:
    """Draw a picture beside the value for each place of the occluder, as a PNG; returns the path. Figure 7.

    `picture` is uint8 (H, W, 1 or 3); `values` (rows, columns) belong to the occluder's centres, `centres_y`
    (rows,) and `centres_x` (columns,) in pixels; `label` names the value and its unit. `occluder`, the side
    of the square in pixels, is outlined where the value is lowest. NaN stays blank. Raises ValueError when
    shapes do not match, OSError if the file cannot be written.
    """
    import matplotlib

    values, centres_y, centres_x = (np.asarray(a, np.float64) for a in (values, centres_y, centres_x))
    if values.shape != (len(centres_y), len(centres_x)) or values.size == 0 or np.isnan(values).all():
        shape = len(centres_y), len(centres_x)
        raise ValueError(f"values must be {shape}, as the centres are, and not all NaN; got {values.shape}")
    height, width = np.shape(picture)[:2]
    picture = pad_to(picture, height, width, MID_GREY)
    with matplotlib.rc_context(STYLE):
        figure = _figure(6.4, 6.4 * 0.42 * height / width + 0.6)
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        left.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
        y_edges, x_edges = _edges(centres_y), _edges(centres_x)
        colours = right.pcolormesh(x_edges, y_edges, values, cmap="viridis", rasterized=True)
        right.set(aspect="equal", xlim=(0, width), ylim=(height, 0), facecolor="#eeeeee")
        bar = figure.colorbar(colours, cax=right.inset_axes([1.04, 0, 0.05, 1]))
        bar.outline.set_visible(False)
        for axes, words in ((left, title), (right, label)):
            axes.set_title(words, loc="left", parse_math=False)
            axes.set_xlabel("pixels")
            axes.locator_params(nbins=5)
        if occluder is not None:
            row, column = np.unravel_index(np.nanargmin(values), values.shape)
            _outline([left, right], centres_y[row], centres_x[column], occluder)
        return _save(figure, path)


def _check_columns(names, what: str) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ValueError(f"{what} must have the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}")


def _course(axes, log: Mapping[str, np.ndarray], what: str, guess: float | None) -> None:
    """One panel: the two curves of `what`, "loss" or "error", and the drops of the learning rate."""
    epoch, rate = np.asarray(log["epoch"]), np.asarray(log["rate"])
    highest = guess or 0
    for name, colour in (("train", TRAIN), ("validation", VALIDATION)):
        values = np.asarray(log[f"{name}_{what}"])
        there = np.isfinite(values)  # epochs without validation are bridged
        marker = "o" if there.sum() < 25 else None
        label = "training" if name == "train" else name
        axes.plot(epoch[there], values[there], color=colour, lw=1.4, marker=marker, ms=2.5, label=label)
        highest = max(highest, values[there].max(initial=0))
    if guess is not None:
        axes.axhline(guess, color=QUIET, lw=0.9, ls=":")
        axes.annotate("guessing", (1, guess), (0, 2), **_quiet(axes.get_yaxis_transform(), "right", "bottom"))
    above = axes.get_xaxis_transform()
    for k in np.flatnonzero(rate[1:] <= 0.5 * rate[:-1]):
        # An epoch's values stand at its end, so the rate fell where the epoch before ended.
        axes.axvline(epoch[k], color=QUIET, lw=0.7, ls=(0, (4, 3)), zorder=0)
        axes.annotate(f"rate {rate[k + 1]:g}", (epoch[k], 0.88), (3, 0), **_quiet(above, "left", "top"), rotation=90)
    axes.set_xlabel("epoch")
    axes.set_ylim(0, 1.1 * highest or 1)  # room for the words above the dotted line
    axes.locator_params(axis="x", integer=True)


def _quiet(place, across: str, up: str) -> dict:
    """A small grey note, `place` saying what its position is measured in."""
    note = {"xycoords": place, "textcoords": "offset points", "ha": across, "va": up}
    return {**note, "fontsize": 7, "color": QUIET}


def _edges(centres: np.ndarray) -> np.ndarray:
    """Borders half-way between neighbouring centres (n,) -> (n + 1,); a single centre gets one pixel."""
    steps = np.diff(centres)
    if (steps <= 0).any() or not np.isfinite(centres).all():
        raise ValueError("centres must be finite and strictly ascending, in pixels")
    steps = steps if len(steps) else np.ones(1)
    first, last = centres[0] - steps[0] / 2, centres[-1] + steps[-1] / 2
    return np.concatenate([[first], (centres[:-1] + centres[1:]) / 2, [last]])


def _outline(panels, y: float, x: float, side: float) -> None:
    from matplotlib.patches import Rectangle

    for axes in panels:
        for colour, width in (
            ("#000000", 2.6),
            ("#ffffff", 1.2),
        ):  # white within black: visible on any colour
            corner = (x - side / 2, y - side / 2)
            axes.add_patch(Rectangle(corner, side, side, fill=False, ec=colour, lw=width, joinstyle="miter"))


def _figure(width: float, height: float):
    """An empty figure of that size in inches, drawn without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure, path: str | Path) -> Path:
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"path must end in .png, got {path}")
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", pad_inches=0.06)
    return atomic_write_bytes(path, file.getvalue())
