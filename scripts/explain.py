"""Explains one photograph: its classes, the places they depend on, and what it excites in each layer, in one picture."""

from __future__ import annotations

import argparse

import cli
import figures
import numpy as np

import npzf
from npzf.backend import to_numpy
from npzf.data import decode, square
from npzf.losses import softmax
from npzf.render import explain_figure
from npzf.studies import occlusion_map, top_maps_of_image

CLASSES, OCCLUDED = 5, 2  # most probable classes named, and those of them whose occlusion map is drawn
LAYERS = 5  # drawn unless some are named


def main(args: argparse.Namespace) -> None:
    net = npzf.load(args.checkpoint).to(args.device, args.precision)
    pixels = decode(args.image)
    photograph = square(pixels, net.input_shape[0])
    height, width = pixels.shape[:2]
    print(f"{args.image}: the centre square of {width} x {height} pixels, resized to {net.input_shape[0]}")
    x = net.preprocessing.apply(photograph[None])[0]
    p = softmax(to_numpy(net.forward(x[None])))[0]
    best = np.argsort(-p, kind="stable")[:CLASSES]
    names = [net.classes[k] if net.classes else f"class {k}" for k in best]
    for name, k in zip(names, best, strict=True):
        print(f"{p[k]:7.2%}  {name}")
    studies = [occlusion_map(net, x[None], int(k))[0] for k in best[:OCCLUDED]]
    for name, study in zip(names, studies, strict=False):
        row, column = np.unravel_index(study.probability.argmin(), study.probability.shape)
        place = f"({study.centres_y[row]:.0f}, {study.centres_x[column]:.0f})"
        least = f"{study.probability.min():.1%} with a square of {study.size} pixels at {place}"
        print(f"{name}: {study.original_probability:.1%}, down to {least}")
    layers = [one[0] for one in top_maps_of_image(net, x[None], args.layers or some_layers(net), count=args.maps)]
    print(explain_figure(photograph, names, p[best], studies, layers, args.out))


def some_layers(net: npzf.Network) -> list[str]:
    """The main ones, evenly chosen if there are many."""
    layers = figures.main_layers(net)
    return [layers[k] for k in np.unique(np.linspace(0, len(layers) - 1, LAYERS).round().astype(int))]


if __name__ == "__main__":
    parser = cli.parser(__doc__.splitlines()[0], "npzf explain dog.jpg runs/photos/best.h5 --layers conv2 conv5")
    parser.add_argument("image", help="one photograph of any size")
    parser.add_argument("checkpoint", help="a network saved by npzf, with class scores")
    parser.add_argument("--layers", nargs="+", help=f"layers to look into (default: up to {LAYERS} of them)")
    parser.add_argument("--maps", type=int, default=6, help="maps of each layer (default 6)")
    parser.add_argument("--out", default="runs/explain.png", help="the picture to write (default runs/explain.png)")
    cli.run(main, parser.parse_args())
