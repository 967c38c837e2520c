"""Figure 7: slides a grey square over one photograph and draws its effect on a map and on the class.

Prints how far the class and the map fall, and writes one figure, OUT.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cli
import numpy as np
from cli_options import LARGEST, PIXELS, number, whole

import npzf
from npzf.data import evaluation_batches
from npzf.render import downscale, occlusion_figure, to_grey_robust
from npzf.studies import ImageTopMaps, occlusion_map, projections_and_patches, top_activations, top_maps_of_image

OTHERS = 3  # images whose projections are drawn beside the photograph's own, as in the paper
TILE = 110  # pixels of those, at most


def main(args: argparse.Namespace) -> None:
    cli.check_png("--out", args.out)
    net = cli.load_net(args)
    photograph = cli.photograph(net, args.image)
    x = net.preprocessing.apply(photograph[None])
    label = int(npzf.predict(net, x)[0].argmax()) if args.label is None else args.label
    layer = args.layer or net.last_with_maps
    own = top_maps_of_image(net, x, [layer], count=1)[0]  # its map of the largest activation, as in the study
    options = {"size": args.size, "step": args.step, "grey": args.grey, "batch": args.batch}
    study = occlusion_map(net, x, label, layer=layer, **options)[0]
    lowest, highest = study.probability.min(), study.probability.max()
    zero = "black" if net.preprocessing.mean is None else "the mean image"
    print(f"grey is {args.grey:g} in units of the net's input (0: {zero}); square of {study.size} pixels")
    print(f"{cli.class_name(net, label)}: {study.original_probability:.1%}; with the square {lowest:.1%} to {highest:.1%}")
    assert study.activity is not None  # for a layer was named
    share = study.activity.min() / study.original_activity if study.original_activity else 1.0
    print(f"{layer}, map {own.maps[0, 0]}: total activity falls to {share:.0%} at the least")
    classes, counts = np.unique(study.prediction, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:5]
    shares = ", ".join(f"{cli.class_name(net, int(classes[k]))} at {counts[k]} of {study.prediction.size} places" for k in order)
    print(f"most probable: {shares}")
    projections, patches = map_tiles(net, own, args)
    print(occlusion_figure(photograph, study, label, layer, projections, patches, args.out, net.classes))


def map_tiles(net: npzf.Network, own: ImageTopMaps, args: argparse.Namespace) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Projections and patches of the photograph's strongest map, uint8: its own, then those of other images (figure 7 c)."""
    projections, patches = list(own.projections[0]), list(own.patches[0])
    if args.others:
        layer, index = own.layer, int(own.maps[0, 0])
        images = cli.square_images(args.others, args.split, net, args.resize, labels=False)
        batches = evaluation_batches(net, images, args.batch)
        top = top_activations(net, batches, [layer], count=OTHERS + 1)[layer]
        blocks = projections_and_patches(net, images, layer, top, [index])
        ranks = range(len(blocks[0][0]))
        others = [k for k in ranks if not is_file(args.image, images.source.name(int(top.images[index, k])))][:OTHERS]
        projections += [blocks[0][0][k] for k in others]
        patches += [blocks[1][0][k] for k in others]
    share = TILE / max(side for picture in projections for side in picture.shape[:2])
    # The scale is chosen after downscaling: chosen before, a few bright dots would leave the rest faint.
    return [to_grey_robust(downscale(one, share))[0] for one in projections], [downscale(one, share) for one in patches]


def is_file(path: str, name: str) -> bool:
    """Whether an image set's name is the path of this very file."""
    return Path(name).exists() and Path(name).samefile(path)


def parser() -> argparse.ArgumentParser:
    made = cli.parser("occlusion", __doc__, "runs/photos/best.h5 dog.jpg --others photos/val")
    cli.add_net(made, " with class scores")
    cli.add_image(made)
    cli.add_label(made)
    cli.add_layer(made, "layer whose strongest map is followed (default: the last with maps, the paper's 5)")
    cli.add_size(made, "a fifth of its input")
    made.add_argument("--step", type=whole(1, PIXELS), help="pixels from place to place (default a twentieth)")
    made.add_argument(
        "--grey", type=number(-LARGEST, LARGEST), default=0.0, help="value of the square in units of the net's input (default 0)"
    )
    cli.add_image_set(made, "--others", labels=False, default=None, what="more images for panel (c): ")
    cli.add_split(made, "validation")
    cli.add_resize(made)
    cli.add_batch(made, 32, "places of the square, or images, in one pass")
    cli.add_out(made, "runs/occlusion.png", "figure")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
