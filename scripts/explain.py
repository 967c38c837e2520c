"""Explains one photograph: its classes, what they depend on, and what it excites in each layer.

Prints the most probable classes and writes one picture, OUT: the classes, the maps of figure 7 for the first of them, and the
projections of figure 2 for the strongest maps. A net without classes, such as VGG-16 up to pool5, is asked for these alone.
"""

from __future__ import annotations

import argparse

import cli
import numpy as np

import npzf
from npzf.render import explain_figure
from npzf.studies import occlusion_map, top_maps_of_image

CLASSES, OCCLUDED = 5, 2  # most probable classes named, and those of them whose occlusion map is drawn
LAYERS = 5  # drawn unless some are named


def main(args: argparse.Namespace) -> None:
    cli.check_png("--out", args.out)
    net = cli.load_net(args)
    photograph = cli.photograph(net, args.image)
    x = net.preprocessing.apply(photograph[None])
    has_classes = len(net.shapes[net.scores_name]) == 1
    p = npzf.predict(net, x)[0] if has_classes else np.empty(0)
    best = np.argsort(-p, kind="stable")[:CLASSES]
    names = [cli.class_name(net, int(k)) for k in best]
    for name, k in zip(names, best, strict=True):
        print(f"{p[k]:7.2%}  {name}")
    if not has_classes:
        print(f"no classes: the net ends in maps, {net.output_name}")
    layers = top_maps_of_image(net, x, args.layers or some_layers(net), count=args.maps)
    studies = [occlusion_map(net, x, int(k))[0] for k in best[:OCCLUDED]]
    for name, study in zip(names, studies, strict=False):
        row, column = np.unravel_index(study.probability.argmin(), study.probability.shape)
        place = f"({study.centres_y[row]:.0f}, {study.centres_x[column]:.0f})"
        lowest = f"{study.probability.min():.1%} with a square of {study.size} pixels at {place}"
        print(f"{name}: {study.original_probability:.1%}, down to {lowest}")
    print(explain_figure(photograph, names, p[best], studies, layers, args.out))


def some_layers(net: npzf.Network) -> list[str]:
    """The main ones, LAYERS evenly chosen ones if there are more."""
    layers = net.main_layers
    return [layers[k] for k in np.unique(np.linspace(0, len(layers) - 1, LAYERS).round().astype(int))]


def parser() -> argparse.ArgumentParser:
    made = cli.parser("explain", __doc__, "runs/photos/best.h5 dog.jpg --layers conv2 conv5")
    cli.add_net(made)
    cli.add_image(made)
    cli.add_layers(made, f"up to {LAYERS} of the main ones")
    cli.add_maps(made, 6, "maps of each layer, those with the largest activations")
    cli.add_out(made, "runs/explain.png", "picture")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
