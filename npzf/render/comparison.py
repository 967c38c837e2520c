"""Section 2.1 beside its rivals: deconvnet, gradient, guided backpropagation and saliency as rows of pictures, and their page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from npzf.layers import ProjectionRules, ReLU, Save
from npzf.render.page import Section, write_page
from npzf.render.pictures import MID_GREY, enlarge, grid, pad_to, save_png, to_grey_robust
from npzf.render.sheets import PALE_INK, PAPER, lettering

WIDTH = 230  # pixels of a panel, at least
RULES = {  # name -> what a ReLU lets pass of the signal g on the way down, y being its output on the way up
    "deconvnet": ("g where g > 0", ProjectionRules()),
    "gradient": ("g where y > 0", ProjectionRules(relu="gradient", norm_gradient=True)),
    "guided backpropagation": ("g where both y > 0 and g > 0", ProjectionRules(relu="guided", norm_gradient=True)),
}
UP = np.array([[2, -3, 4], [-1, 5, -2], [3, -4, 1]])  # the numbers of the worked example: all four pairs of signs
DOWN = np.array([[1, 6, -2], [3, -5, -1], [-4, 2, 7]])
SATURATED = 0.998  # quantile of a saliency map that is drawn white

TITLE = "Deconvnet, gradient, guided backpropagation: which is which?"
INTRODUCTION = """\
Something in a photograph excites a unit of a convnet; what is it? Three methods go down from the unit to the pixels through \
the same transposed filters and the same switches of the poolings. They differ in what a ReLU does with the signal g that \
arrives from above; on the way up it computed y = max(x, 0).

The deconvnet (Zeiler and Fergus) rectifies the signal itself: only positive evidence passes, whatever the ReLU did on the way \
up. The gradient (Simonyan et al.) lets g pass where y was positive, with either sign: it says exactly how much a small change \
of each pixel would change the unit. Guided backpropagation (Springenberg et al.) requires both, and is often mistaken for the \
deconvnet.

These three pictures are signed: mid-grey is zero; where a picture is brighter, more light would increase the activation, where \
it is darker, less light would. Even a deconvnet's pixels can be negative, because the first filters have negative weights and \
nothing is rectified below them. The deconvnet passes the signal through contrast normalisation unchanged, as in the paper; the \
other two take its true gradient."""
CAPTIONS = (
    "One unit, seeded with its activation, projected down in three ways. Each picture has its own scale, which clips up to three "
    "of a thousand numbers. Outside of what the unit sees all of them are exactly zero.",
    "The same for the score of a class, before the softmax, with two pictures that need a class: the image that maximises the "
    "score less a decay (Simonyan et al.), and the places whose maps support the class (Selvaraju et al.).",
)


class Panel(NamedTuple):
    """A picture uint8 (H, W, 3), its title, and a note below that in paler letters."""

    title: str
    note: str
    picture: np.ndarray


def projection_panels(projections: Sequence[np.ndarray], gradient: np.ndarray) -> list[Panel]:
    """The projections of one unit by each of RULES, each on its own scale, and its saliency, from its gradient: all (H, W, 3)."""
    panels = []
    for (name, (note, _)), projection in zip(RULES.items(), projections, strict=True):
        panels.append(Panel(name, note, to_grey_robust(projection)[0]))
    size = np.abs(gradient).max(2)
    share = (size / (np.quantile(size, SATURATED) or 1)).clip(0, 1)
    saliency = np.rint(255 * share).astype(np.uint8)[..., None].repeat(3, axis=2)
    return [*panels, Panel("saliency", "largest |gradient| of R, G, B", saliency)]


def panel_row(panels: Sequence[Panel], heading: str) -> np.ndarray:
    """Panels side by side, uint8 (H, W, 3): the heading, and under it each panel's title, note and picture."""
    zoom = -(-WIDTH // panels[0].picture.shape[1])
    tiles = []
    for panel in panels:
        height, width = panel.picture.shape[:2]
        picture = enlarge(pad_to(panel.picture, height, width, MID_GREY), zoom)  # in three channels
        width = picture.shape[1]
        words = [lettering(panel.title, 21, 28, width), lettering(panel.note, 17, 28, width, ink=PALE_INK)]
        tiles.append(np.concatenate([*words, picture]))
    body = grid(tiles, len(tiles), gap=12)
    return np.concatenate([lettering(heading, 24, 48, body.shape[1]), body])


def worked_example() -> np.ndarray:
    """The three backward ReLUs on nine numbers: what comes up, what comes down, and what each rule makes of it; uint8."""
    up, down = (values[None, :, :, None].astype(np.float32) for values in (UP, DOWN))
    relu = ReLU()
    y, saved = relu.forward(up, Save.GRADIENTS)
    panels = [
        Panel("up: x", "what the ReLU takes", number_table(UP)),
        Panel("up: y", "max(x, 0)", number_table(y[0, ..., 0])),
        Panel("down: g", "the signal from above", number_table(DOWN)),
    ]
    for name, (note, rules) in RULES.items():
        panels.append(Panel(name, note, number_table(relu.project(down, saved, rules)[0, ..., 0])))
    return panel_row(panels, "One ReLU, nine numbers")


def number_table(values: np.ndarray, side: int = 92) -> np.ndarray:
    """Numbers (rows, columns) as a picture, uint8, in cells of `side` pixels: blue above zero, red below."""
    tint = {-1: (250, 219, 209), 0: (240, 240, 240), 1: (209, 229, 245)}
    cells = []
    for value in values.reshape(-1).tolist():
        digits = lettering(f"{value + 0.0:g}", 32, side, side, align="middle")  # + 0.0: no -0
        cells.append((digits * (np.array(tint[int(np.sign(value))]) / 255)).astype(np.uint8))
    return grid(cells, values.shape[1], gap=4)


def write_comparison(folder: str | Path, rows: Mapping[str, Sequence[Panel]]) -> tuple[Path, Path]:
    """Writes compare.png with both rows, and index.html, which explains them; returns these two paths.

    rows: heading -> panels, of a unit and then of a class score. The pictures of the page, relus.png, row_1.png and row_2.png,
    are also left in the folder. OSError if a file cannot be written.
    """
    folder = Path(folder)
    pictures = [panel_row(panels, heading) for heading, panels in rows.items()]
    sheet = np.pad(grid(pictures, 1, gap=24), [(8, 16), (16, 16), (0, 0)], constant_values=PAPER)
    table = save_png(worked_example(), folder / "relus.png")
    alt = "; ".join(f"{name}: {note}" for name, (note, _) in RULES.items())
    caption = "y is the ReLU's output on the way up, g the signal that arrives from above on the way down."
    sections = [Section("Three backward ReLUs", caption, table, alt, wide=True)]
    for number, (heading, caption, picture) in enumerate(zip(rows, CAPTIONS, pictures, strict=True), 1):
        path = save_png(picture, folder / f"row_{number}.png")
        alt = "Left to right: " + ", ".join(panel.title for panel in rows[heading])
        sections.append(Section(heading, caption, path, alt, wide=True))
    return save_png(sheet, folder / "compare.png"), write_page(folder / "index.html", TITLE, INTRODUCTION, sections)
