"""Figure 7: slides a grey square over one photograph and draws what that does to a net's strongest map and to its answer."""

from __future__ import annotations

import argparse
from pathlib import Path

import cli
import numpy as np

import npzf
from npzf import project
from npzf.backend import to_numpy
from npzf.data import EvaluationBatches, decode, square
from npzf.layers import Dropout
from npzf.losses import softmax
from npzf.render import downscale, occlusion_figure, to_grey_robust
from npzf.studies import occlusion_map, projections_and_patches, top_activations
from npzf.units import argmax_position

OTHERS = 3  # images whose projections stand beside the photograph's own, as in the paper
TILE = 110  # pixels of those, at most


def main(args: argparse.Namespace) -> None:
    net = npzf.load(args.checkpoint).to(args.device, args.precision)
    side = net.input_shape[0]
    pixels = decode(args.image)
    photograph = square(pixels, side)
    print(f"{args.image}: {pixels.shape[1]} x {pixels.shape[0]} pixels, of which the centre square is resized to {side} x {side}")
    x = net.preprocessing.apply(photograph[None])[0]
    p = softmax(to_numpy(net.forward(x[None])))[0]
    label = int(p.argmax()) if args.label is None else args.label
    layer = args.layer or highest_maps(net)
    options = {"size": args.size, "step": args.step, "grey": args.grey, "batch": args.batch}
    study = occlusion_map(net, x[None], label, layer=layer, **options)[0]
    name = net.classes.__getitem__ if net.classes else str
    print(f"grey is {args.grey:g} in units of the net's input (0: the mean image); square of {study.size} pixels")
    print(
        f"{name(label)}: {study.original_probability:.1%} untouched, "
        f"{study.probability.min():.1%} to {study.probability.max():.1%} occluded"
    )
    share = study.activity.min() / study.original_activity if study.original_activity else 1.0
    print(f"{layer}, map {study.strongest_map}: total activity falls to {share:.0%} at the least")
    best, places = np.unique(study.prediction, return_counts=True)
    order = np.argsort(-places, kind="stable")[:5]
    print("most probable: " + ", ".join(f"{name(best[k])} at {places[k]} of {study.prediction.size} places" for k in order))
    projections, patches = exhibits(net, photograph, layer, int(study.strongest_map), args)
    print(occlusion_figure(photograph, study, label, layer, projections, patches, args.out, net.classes))


def highest_maps(net: npzf.Network) -> str:
    """The last layer that has maps, and other ones than one for each class: the paper's layer 5."""
    maps = [name for name, layer in net.layers.items() if len(net.shapes[name]) == 3 and not isinstance(layer, Dropout)]
    below = [name for name in maps if net.shapes[name][2:] != net.shapes[net.output_name]]
    if not below:
        raise ValueError("the net has no layer with maps, expected one to look at")
    return below[-1]


def exhibits(net: npzf.Network, photograph: np.ndarray, layer: str, index: int, args: argparse.Namespace) -> tuple[list, list]:
    """Projections and patches of one map, uint8: its strongest in the photograph, then in other images (figure 7 c)."""
    x = net.preprocessing.apply(photograph[None])
    row, column = argmax_position(net.forward(x, upto=layer), index)
    patch = net.fields()[layer].patch(int(row[0]), int(column[0]), *photograph.shape[:2])
    down, seen = [[to_numpy(project(net, x, layer, (index, row, column)))[0][patch]]], [[photograph[patch]]]
    if args.others:
        squares = cli.squares(args.others, args.split, net, args.resize, labels=False)
        batches = EvaluationBatches(squares, net.input_shape[0], args.batch, net.preprocessing)
        top = top_activations(net, batches, [layer], count=OTHERS + 1)[layer]
        found = projections_and_patches(net, squares, layer, top, [index])
        others = [
            k for k, i in enumerate(top.images[index, : len(found[0][0])]) if not is_file(args.image, squares.source.name(i))
        ]
        for mine, block in zip((down, seen), found, strict=True):
            mine.append([block[0][k] for k in others[:OTHERS]])
    share = TILE / max(side for block in down for picture in block for side in picture.shape[:2])
    # Downscaled before its scale is chosen: in few pixels a few bright dots would leave the rest faint
    grey = [to_grey_robust(downscale(picture, share))[0] for block in down for picture in block]
    return grey, [downscale(tile, share) for block in seen for tile in block]


def is_file(path: str, name: str) -> bool:
    """Whether an image set's name is the path of this very file."""
    return Path(name).exists() and Path(name).samefile(path)


if __name__ == "__main__":
    parser = cli.parser(__doc__.splitlines()[0], "npzf occlusion dog.jpg runs/photos/best.h5 --others photos/val")
    parser.add_argument("image", help="one photograph of any size")
    parser.add_argument("checkpoint", help="a network saved by npzf, with class scores")
    parser.add_argument("--label", type=int, help="true class, as a number (default: what the net says)")
    parser.add_argument("--layer", help="layer whose strongest map is followed (default: the last with maps, the paper's 5)")
    parser.add_argument("--size", type=int, help="side of the square in the net's pixels (default a fifth of its input)")
    parser.add_argument("--step", type=int, help="pixels from place to place (default a twentieth)")
    parser.add_argument("--grey", type=float, default=0.0, help="value of the square in units of the net's input (default 0)")
    parser.add_argument("--batch", type=int, default=32, help="places at once (default 32)")
    parser.add_argument("--others", help="more images for panel (c): folder of images or of class folders, .h5, or 'embedded'")
    parser.add_argument("--split", choices=["train", "validation"], default="validation", help="of .h5 files and 'embedded'")
    parser.add_argument("--resize", type=int, help="shorter side of those before cropping (default 8/7 of the crop)")
    parser.add_argument("--out", default="runs/occlusion.png", help="the figure to write (default runs/occlusion.png)")
    cli.run(main, parser.parse_args())
