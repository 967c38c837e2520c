"""Figure 5: the transformed photographs, and beside them the curves of distance and of the true class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npzf.render.figure import legend_label, new_figure, save_figure, style
from npzf.render.pictures import grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from npzf.studies import TransformationCurves

AXES = {"translation": "vertical translation (pixels)", "scale": "scale (ratio)", "rotation": "rotation (degrees)"}
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito's


def invariance_figure(
    studies: Sequence[TransformationCurves],
    examples: Mapping[str, np.ndarray],
    names: Sequence[str],
    path: str | Path,
    amounts: Mapping[str, Sequence[float] | np.ndarray],
) -> Path:
    """Draws figure 5 as a PNG, a row a kind of transformation; returns the path.

    studies: one for each row; examples: kind -> uint8 (N, E, H, W, 3), N photographs transformed by E amounts[kind]; names (N,):
    of the photographs. Panels as in the paper: photographs, distance in each layer, probability of the true class. ValueError
    when the numbers of photographs differ, OSError if the file cannot be written.
    """
    count = len(names)
    if not 1 <= count <= len(COLOURS):
        raise ValueError(f"names are {count}, expected 1 to {len(COLOURS)}, a curve each that can be told apart")
    for study in studies:
        found = len(study.probability), len(examples[study.kind])
        if found != (count, count):
            raise ValueError(f"{study.kind} has {found[0]} curves and {found[1]} examples, expected {count} each, as names")
    with style():
        layers = list(studies[0].distances)
        figure = new_figure(5.9 + 3.2 * len(layers), 2.7 * len(studies) + 0.7)
        panels = figure.subplots(len(studies), 2 + len(layers), squeeze=False)
        for row, study in zip(panels, studies, strict=True):
            _photographs(row[0], examples[study.kind], amounts[study.kind], study.kind)
            for axes, layer in zip(row[1:], layers, strict=False):
                _curves(axes, study, study.distances[layer], f"distance in {layer}")
            _curves(row[-1], study, study.probability, "probability of the true class")
            row[-1].set_ylim(-0.03, 1.03)
        lines = panels[0, -1].lines[:count]
        figure.legend(
            lines,
            [legend_label(name) for name in names],
            loc="outside lower center",
            ncols=count,
            frameon=False,
            handlelength=1.4,
        )
        return save_figure(figure, path)


def _photographs(axes: Axes, examples: np.ndarray, amounts: Sequence[float] | np.ndarray, kind: str) -> None:
    """A row of pictures a photograph, its curves' colour at the left, a column an amount, which is written below it."""
    columns, height, width = examples.shape[1:4]
    gap = max(1, width // 20)
    axes.imshow(
        grid(examples.reshape(-1, height, width, examples.shape[-1]), columns, gap=gap),
        aspect="equal",
        interpolation="antialiased",
    )
    for row, colour in zip(range(len(examples)), COLOURS, strict=False):
        top = row * (height + gap)
        axes.plot([-2 * gap, -2 * gap], [top, top + height - 1], color=colour, lw=3, solid_capstyle="butt")
    middles = np.arange(columns) * (width + gap) + width / 2
    axes.set_xticks(middles, [f"{amount:g}" for amount in amounts])
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(AXES[kind])


def _curves(axes: Axes, study: TransformationCurves, values: np.ndarray, title: str) -> None:
    """values (N, A) against the amounts, a line a photograph."""
    for line, colour in zip(values, COLOURS, strict=False):
        axes.plot(study.amounts, line, color=colour, lw=1.3)
    axes.set_title(title, loc="left", parse_math=False)
    axes.set_xlabel(AXES[study.kind])
    axes.set_xlim(study.amounts[0], study.amounts[-1])
    axes.set_ylim(bottom=0)
