"""Section 2.1: the deconvnet beside gradient, guided backpropagation, saliency and Grad-CAM.

Draws and explains what they show in one photograph, of a unit and of a class. Writes OUT/compare.png and OUT/index.html, a page
that is complete in itself; its pictures, relus.png, row_1.png and row_2.png, are left beside it.
"""

from __future__ import annotations

import argparse

import cli
import numpy as np
from cli_options import MOST, whole
from cli_outputs import claim

import npzf
from npzf.backend import to_numpy
from npzf.deconvnet import gradient
from npzf.layers import MaxPool, Save
from npzf.render import RULES, Panel, frame_patch, overlay_heatmap, projection_panels, to_grey_robust, write_comparison
from npzf.studies import class_model, grad_cam
from npzf.units import Unit, argmax_position

STRENGTH = 0.1  # norm of the class model as a share of the photograph's, about; also the share of the way that a step goes


def main(args: argparse.Namespace) -> None:
    claim(args.out, "compare.png", "index.html", "relus.png", "row_1.png", "row_2.png")
    net = cli.load_net(args)
    photograph = cli.photograph(net, args.image)
    x = net.preprocessing.apply(photograph[None])
    layer = args.layer or below_pooling(net, net.last_with_maps)
    y, p = npzf.features(net, x, [layer])[layer], npzf.predict(net, x)[0]
    if y.ndim != 4:
        raise ValueError(f"--layer is {layer!r}, expected a layer with maps: {', '.join(net.with_maps())}")
    index = int(y[0].max((0, 1)).argmax()) if args.map is None else args.map
    if not 0 <= index < y.shape[3]:
        raise ValueError(f"--map is {index}, expected 0 to {y.shape[3] - 1}")
    label = int(p.argmax()) if args.label is None else args.label
    if not 0 <= label < len(p):
        raise ValueError(f"--label is {label}, expected 0 to {len(p) - 1}")
    row, column = (int(at[0]) for at in argmax_position(y, index))
    value, name = y[0, row, column, index], cli.class_name(net, label)
    print(f"{layer}, map {index}: {value:.4g} at row {row}, column {column}; {name}: {p[label]:.1%}")
    field = net.fields()[layer]
    unit_panels = [
        Panel("photograph", "framed: what the unit sees", frame_patch(photograph, field.patch(row, column, *x.shape[1:3]))),
        *walks(net, x, layer, (index, row, column)),
        Panel("activation", f"of the whole map {index}", overlay_heatmap(photograph, y[0, :, :, index], field)),
    ]
    class_panels = [
        Panel("class model", "the score's optimum from grey", to_grey_robust(model(net, x, label, args.steps))[0]),
        *walks(net, x, net.scores_name, label),
        Panel("Grad-CAM", f"of {layer}", overlay_heatmap(photograph, grad_cam(net, x, layer, label)[0], field)),
    ]
    headings = f"Unit: {layer}, map {index}, value {value:.3g}", f"Class score: {name}, {p[label]:.0%}"
    print(*write_comparison(args.out, dict(zip(headings, (unit_panels, class_panels), strict=True))), sep="\n")


def walks(net: npzf.Network, x: np.ndarray, layer: str, unit: Unit) -> list[Panel]:
    """One unit of the photograph projected down by each of the rules, and its saliency."""
    tape = net.record(x, (layer,), Save.GRADIENTS)
    projections = [to_numpy(tape.project(layer, unit, rules))[0] for _, rules in RULES.values()]
    return projection_panels(projections, gradient(net, x, layer, unit)[1][0])


def below_pooling(net: npzf.Network, layer: str) -> str:
    """This layer or, if it pools, the one below, whose units lie closer together."""
    return net.sources[layer][0] if isinstance(net.layers[layer], MaxPool) else layer


def model(net: npzf.Network, x: np.ndarray, label: int, steps: int) -> np.ndarray:
    """The class model of about STRENGTH times the photograph's norm: (H, W, C) in units of x."""
    slope = np.linalg.norm(gradient(net, x, net.scores_name, label)[1]) / np.linalg.norm(x)
    decay = float(slope) / (2 * STRENGTH) or 1.0
    return class_model(net, label, decay=decay, rate=STRENGTH / (2 * decay), steps=steps)


def parser() -> argparse.ArgumentParser:
    made = cli.parser("compare", __doc__, "runs/photos/best.h5 dog.jpg --layer relu5 --map 12")
    cli.add_net(made, " with class scores")
    cli.add_image(made)
    cli.add_layer(made, "layer of the unit and of Grad-CAM (default: the last with maps, below its pooling)")
    made.add_argument(
        "--map", type=whole(0, MOST), help="map of the unit, taken where it is strongest (default: the strongest map)"
    )
    cli.add_label(made)
    cli.add_steps(made, 100, "the class model")
    cli.add_out(made, "runs/compare")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
