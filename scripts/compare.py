"""Section 2.1 beside its rivals: draws and explains deconvnet, gradient, guided backpropagation, saliency and Grad-CAM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cli
import numpy as np
from matplotlib import colormaps
from occlusion import highest_maps

import npzf
from npzf import project
from npzf.backend import to_numpy
from npzf.data import decode, square
from npzf.layers import MaxPool, ProjectionRules, ReLU, Save
from npzf.losses import softmax
from npzf.render import Section, enlarge, grid, save_png, to_grey_robust, write_page
from npzf.render.lettering import PALE_INK, lettering
from npzf.studies.saliency import class_model, grad_cam, gradient
from npzf.units import argmax_position

WIDTH = 230  # pixels of a panel at least
WALKS = {  # name -> what the relu lets pass on the way down, and the options of npzf.project
    "deconvnet": ("g where g > 0", {}),
    "gradient": ("g where y > 0", {"relu": "gradient", "norm_gradient": True}),
    "guided backpropagation": ("g where both y > 0 and g > 0", {"relu": "guided", "norm_gradient": True}),
}
UP = np.array([[2, -3, 4], [-1, 5, -2], [3, -4, 1]])  # the numbers of the worked example: all four pairs of signs
DOWN = np.array([[1, 6, -2], [3, -5, -1], [-4, 2, 7]])

INTRODUCTION = """\
A unit of a convnet is excited by something in a photograph; what? Three methods walk down from the unit to the pixels \
through the same transposed filters and the same switches of the poolings. They differ in what a relu does with the signal g \
that comes down to it; on the way up it made y = max(x, 0).

The deconvnet (Zeiler and Fergus) rectifies the signal itself: only what speaks for the unit goes on, whatever the relu did \
on the way up. The gradient (Simonyan et al.) lets g pass where y was positive, with either sign: it is the exact answer to \
the question which pixel would change the unit, and by how much. Guided backpropagation (Springenberg et al.) asks for both, \
and is often mistaken for the deconvnet.

These three pictures are signed: mid-grey is zero; where one is brighter, light speaks for the unit, where it is darker, \
its absence does. Even a deconvnet's pixels can be negative: the first filters have negative weights, and below them nothing is \
rectified. The deconvnet passes contrast normalisation on unchanged, as the paper does; the other two take its true \
gradient."""


class Panel(NamedTuple):
    """A picture uint8 (H, W, 3), its title, and a quiet line below that."""

    title: str
    note: str
    picture: np.ndarray


def main(args) -> None:
    net = npzf.load(args.checkpoint).to(args.device, args.precision)
    photograph = square(decode(args.image), net.input_shape[0])
    x = net.preprocessing.apply(photograph[None])
    layer = args.layer or below_pooling(net, highest_maps(net))
    y = to_numpy(net.forward(x, upto=layer))
    if y.ndim != 4:
        raise ValueError(f"--layer is {layer}, expected a layer with maps")
    index = int(y[0].max((0, 1)).argmax()) if args.map is None else args.map
    if not 0 <= index < y.shape[3]:
        raise ValueError(f"--map is {index}, expected 0 to {y.shape[3] - 1}")
    row, column = (int(at[0]) for at in argmax_position(y, index))
    value, p = y[0, row, column, index], softmax(to_numpy(net.forward(x)))[0]
    label = int(p.argmax()) if args.label is None else args.label
    if not 0 <= label < len(p):
        raise ValueError(f"--label is {label}, expected 0 to {len(p) - 1}")
    name = net.classes[label] if net.classes else f"class {label}"
    print(f"{layer}, map {index}: {value:.4g} at row {row}, column {column}; {name}: {p[label]:.1%}")
    seen = outlined(photograph, net.fields()[layer].patch(row, column, *photograph.shape[:2]))
    unit = [
        Panel("photograph", "framed: what the unit sees", seen),
        *walks(net, x, layer, (index, row, column)),
        Panel("activation", f"of the whole map {index}", overlay_heatmap(net, photograph, layer, y[0, :, :, index])),
    ]
    scores = [
        Panel("class model", "the score's optimum from grey", to_grey_robust(model(net, x, label, args.steps))[0]),
        *walks(net, x, net.output_name, label),
        Panel("Grad-CAM", f"of {layer}", overlay_heatmap(net, photograph, layer, grad_cam(net, x, layer, label)[0])),
    ]
    rows = {f"Unit: {layer}, map {index}, value {value:.3g}": unit, f"Class score: {name}, {p[label]:.0%}": scores}
    write(Path(args.out), rows, photograph.shape[1])


def below_pooling(net: npzf.Network, layer: str) -> str:
    """This layer or, if it pools, the one below, whose places lie closer together."""
    return net.sources[layer][0] if isinstance(net.layers[layer], MaxPool) else layer


def walks(net: npzf.Network, x: np.ndarray, layer: str, unit) -> list[Panel]:
    """The three walks down from a unit, each on its own scale, and the saliency."""
    panels = [
        Panel(name, note, to_grey_robust(to_numpy(project(net, x, layer, unit, **how)[0]))[0])
        for name, (note, how) in WALKS.items()
    ]
    size = np.abs(gradient(net, x, layer, unit)[1][0]).max(2)
    bright = np.rint(255 * (size / (np.quantile(size, 0.998) or 1)).clip(0, 1)).astype(np.uint8)
    return [*panels, Panel("saliency", "largest |gradient| of R, G, B", np.repeat(bright[..., None], 3, axis=2))]


def model(net: npzf.Network, x: np.ndarray, label: int, steps: int) -> np.ndarray:
    """The class model about a tenth as strong as the photograph, each step a tenth of the way: (H, W, C) in units of x."""
    strength = np.linalg.norm(gradient(net, x, net.output_name, label)[1]) / np.linalg.norm(x)
    decay = float(strength) / (2 * 0.1) or 1.0
    return class_model(net, label, decay=decay, rate=0.1 / (2 * decay), steps=steps)


def overlay_heatmap(net: npzf.Network, photograph: np.ndarray, layer: str, heat: np.ndarray) -> np.ndarray:
    """A map (OH, OW) over the grey photograph, each unit in the middle of its receptive field, between them interpolated."""
    field = net.fields()[layer]
    for axis, side in enumerate(photograph.shape[:2]):
        middles = field.offset[axis] + field.stride[axis] * np.arange(heat.shape[axis]) + (field.size[axis] - 1) / 2
        heat = np.apply_along_axis(lambda line, at=middles, n=side: np.interp(np.arange(n), at, line), axis, heat)
    share = np.maximum(heat, 0) / (heat.max() if heat.max() > 0 else 1)
    grey = photograph.mean(2, keepdims=True)
    return np.rint(0.4 * grey + 0.6 * 255 * colormaps["inferno"](share)[..., :3]).astype(np.uint8)


def outlined(photograph: np.ndarray, patch: tuple[slice, slice]) -> np.ndarray:
    """The photograph with a frame around a patch, a black and within it a white pixel wide."""
    framed = photograph.copy()
    for inset, colour in ((0, 0), (1, 255)):
        ys, xs = (slice(part.start + inset, part.stop - inset) for part in patch)
        framed[[ys.start, ys.stop - 1], xs] = colour
        framed[ys, [xs.start, xs.stop - 1]] = colour
    return framed


def drawn(panels: Sequence[Panel], heading: str) -> np.ndarray:
    """A row of panels, uint8 (H, W, 3): the heading, and under it each panel's words and picture."""
    zoom = -(-WIDTH // panels[0].picture.shape[1])
    tiles = []
    for panel in panels:
        picture = enlarge(panel.picture, zoom)
        width = picture.shape[1]
        words = [lettering(panel.title, 21, 28, width), lettering(panel.note, 17, 28, width, ink=PALE_INK)]
        tiles.append(np.concatenate([*words, picture]))
    body = grid(tiles, len(tiles), gap=12)
    return np.concatenate([lettering(heading, 24, 48, body.shape[1]), body])


def worked_example() -> np.ndarray:
    """The table of the three backward relus: nine numbers on the way up and down, and what each rule makes of them."""
    panels = [Panel("up: x", "what the relu takes", numbers(UP)), Panel("up: y", "max(x, 0)", numbers(np.maximum(UP, 0)))]
    panels.append(Panel("down: g", "the signal from above", numbers(DOWN)))
    for name, (note, how) in WALKS.items():
        relu, rules = ReLU(), ProjectionRules(**how)
        x, signal = (nine[None, :, :, None].astype(np.float32) for nine in (UP, DOWN))
        down = relu.project(signal, relu.forward(x, Save.GRADIENTS)[1], rules)
        panels.append(Panel(name, note, numbers(down[0, ..., 0])))
    return drawn(panels, "One relu, nine numbers")


def numbers(values: np.ndarray, side: int = 92) -> np.ndarray:
    """Numbers (3, 3) as a picture, uint8: blue above zero, red below."""
    tint = {-1: (250, 219, 209), 0: (240, 240, 240), 1: (209, 229, 245)}
    cells = [lettering(f"{v + 0.0:g}", 32, side, side, align="middle") for v in values.reshape(-1)]
    colours = [np.array(tint[int(np.sign(v))]) for v in values.reshape(-1)]
    return grid([(cell * (colour / 255)).astype(np.uint8) for cell, colour in zip(cells, colours, strict=True)], 3, gap=4)


def write(out: Path, rows: dict[str, list[Panel]], side: int) -> None:
    """compare.png with both rows, and the page that explains them, index.html, with the pictures it holds."""
    parts = [drawn(panels, heading) for heading, panels in rows.items()]
    print(save_png(np.pad(grid(parts, 1, gap=24), [(8, 16), (16, 16), (0, 0)], constant_values=255), out / "compare.png"))
    table = save_png(worked_example(), out / "relus.png")
    alt = "; ".join(f"{name}: {note}" for name, (note, _) in WALKS.items())
    sections = [Section("Three backward relus", "y is what the relu gave, g the signal that comes down to it.", table, alt, True)]
    words = (
        "One unit, seeded with its value, walked down in three ways; each picture has its own scale, of which the three "
        "strongest of a thousand numbers may be cut off. Outside of what the unit sees all of them are exactly zero.",
        "The same for the score of a class, before the softmax, with two pictures that need one: the image that maximises the "
        "score less a decay (Simonyan et al.), and where the maps speak for the class (Selvaraju et al.).",
    )
    for number, ((heading, panels), sentence, part) in enumerate(zip(rows.items(), words, parts, strict=True), 1):
        path = save_png(part, out / f"row_{number}.png")
        alt = f"{side} pixels each, left to right: " + ", ".join(panel.title for panel in panels)
        sections.append(Section(heading, sentence, path, alt, wide=True))
    print(write_page(out / "index.html", "Deconvnet, gradient, guided backpropagation: which is which?", INTRODUCTION, sections))


if __name__ == "__main__":
    parser = cli.parser(__doc__.splitlines()[0], "npzf compare dog.jpg runs/photos/best.h5 --layer relu5 --map 12")
    parser.add_argument("image", help="one photograph of any size")
    parser.add_argument("checkpoint", help="a network saved by npzf, with class scores")
    parser.add_argument("--layer", help="layer of the unit and of Grad-CAM (default: the last with maps, below its pooling)")
    parser.add_argument("--map", type=int, help="map of the unit, taken where it is strongest (default: the strongest map)")
    parser.add_argument("--label", type=int, help="class, as a number (default: what the net says)")
    parser.add_argument("--steps", type=int, default=100, help="gradient steps to the class model (default 100)")
    parser.add_argument("--out", default="runs/compare", help="folder to write to (default runs/compare)")
    cli.run(main, parser.parse_args())
