"""Figure 6: one layer of one or two nets side by side: filters before and after the RMS clip, their RMS, spectra, aliasing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npzf.render.figure import new_figure, save_figure, style
from npzf.render.filters import filter_sheet
from npzf.training.sgd import FILTER_RMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from npzf.studies import LayerDiagnosis

BANDS = {"very low": "#0072b2", "middle": "#b8b8b8", "very high": "#d55e00"}  # of the spectrum -> colour


def architecture_figure(
    diagnoses: Sequence[LayerDiagnosis],
    clipped: Sequence[np.ndarray],
    noise: np.ndarray,
    names: Sequence[str],
    path: str | Path,
    limit: float = FILTER_RMS,
) -> Path:
    """Draws a diagnosis for each net, a column a net, as a PNG; returns the path.

    clipped: each net's filters (O, KH, KW, C) after the clip at RMS `limit`; noise (3,): the spectral shares of white noise;
    names: of the nets. Filters are shown where they have 1 or 3 channels, all of one net on one scale, so that it can be seen
    which of them dominate. ValueError when the lists differ in length, OSError if the file cannot be written.
    """
    if not len(diagnoses) == len(clipped) == len(names) > 0:
        counts = f"{len(diagnoses)}, {len(clipped)} and {len(names)}"
        raise ValueError(f"diagnoses, clipped and names have {counts} entries, expected one for each net, at least one")
    visible = all(one.weight.shape[3] in (1, 3) for one in diagnoses)
    heights = [3.2, 3.2, 1.6, 1.6, 1.6] if visible else [1.6, 1.6, 1.6]
    highest = 1.05 * max(limit, *(one.rms.max() for one in diagnoses))
    with style():
        figure = new_figure(5.2 * len(names), sum(heights) + 0.6)
        panels = figure.subplots(len(heights), len(names), height_ratios=heights, squeeze=False)
        for column, one, after, name in zip(panels.T, diagnoses, clipped, names, strict=True):
            if visible:
                _filters(column[0], one.weight, "as they are")
                _filters(column[1], after, f"after the clip at RMS {limit:g}")
            _sizes(column[-3], one, limit, highest)
            _spectra(column[-2], one.shares, noise)
            _aliasing(column[-1], one)
            size = f"{one.weight.shape[1]}x{one.weight.shape[2]}"
            words = f"{name}: {one.layer}, {len(one.weight)} filters {size}, stride {one.stride}, {one.dead.sum()} dead"
            column[0].set_title(f"{words}\n\n{column[0].get_title(loc='left')}", loc="left", parse_math=False)
        panels[-2, 0].legend(loc="upper left", bbox_to_anchor=(0, -0.12), ncols=3, frameon=False, handlelength=1, fontsize=8)
        return save_figure(figure, path)


def _filters(axes: Axes, weight: np.ndarray, title: str) -> None:
    scale = float(np.abs(weight).max())
    axes.imshow(filter_sheet(weight, zoom=8, scale=scale or 1.0), interpolation="antialiased")
    axes.set_title(f"filters {title}; grey is 0, white +{scale:.2g}", loc="left")
    axes.axis("off")


def _sizes(axes: Axes, one: LayerDiagnosis, limit: float, highest: float) -> None:
    """A bar a filter, the largest first; dashed: their median, dotted: the limit of the clip."""
    axes.bar(np.arange(len(one.rms)), np.sort(one.rms)[::-1], 1.0, color="#009e73", lw=0)
    axes.axhline(float(np.median(one.rms)), color="#000000", lw=0.8, ls="--")
    axes.axhline(limit, color="#000000", lw=0.8, ls=":")
    words = f"largest {one.rms.max():.2g}, {one.dominance:.1f} times the median"
    axes.set_title(f"RMS of each filter (dotted: the clip); {words}", loc="left")
    axes.set(xlim=(-0.5, len(one.rms) - 0.5), ylim=(0, highest), xticks=[])


def _spectra(axes: Axes, shares: np.ndarray, noise: np.ndarray) -> None:
    """A bar a filter, those with most very high frequencies first; dotted: what white noise would have."""
    shares = shares[np.lexsort((shares[:, 0], -shares[:, 2]))]
    filters, below = np.arange(len(shares)), np.zeros(len(shares))
    for share, (name, colour) in zip(shares.T, BANDS.items(), strict=True):
        axes.bar(filters, share, 1.0, below, color=colour, label=name, lw=0)
        below = below + share
    for edge in (noise[0], noise[0] + noise[1]):
        axes.axhline(edge, color="#000000", lw=0.8, ls=":")
    axes.set_title("spectral shares of each filter (dotted: white noise)", loc="left")
    axes.set(xlim=(-0.5, len(shares) - 0.5), ylim=(0, 1), xticks=[])


def _aliasing(axes: Axes, one: LayerDiagnosis) -> None:
    """The aliased share of each map's energy, largest first; dashed: their mean."""
    axes.bar(np.arange(len(one.aliased)), np.sort(one.aliased)[::-1], 1.0, color="#56b4e9", lw=0)
    axes.axhline(one.aliased.mean(), color="#000000", lw=0.8, ls="--")
    axes.set_title(f"energy aliased by the stride of {one.stride}, mean {one.aliased.mean():.1%}", loc="left")
    axes.set(xlim=(-0.5, len(one.aliased) - 0.5), ylim=(0, 1), xlabel="maps, most aliased first")
