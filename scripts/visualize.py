"""Draws what the maps of a net respond to: first-layer filters, figure 2's top-nine sheet of each layer, and a few of all.

Interrupted while it looks through the images, the same command goes on where it stopped.
"""

from __future__ import annotations

from pathlib import Path

import cli
import figures

import npzf
from npzf.data import EvaluationBatches
from npzf.render import save_png, save_tiles
from npzf.studies import projections_and_patches, top_activations

SHEET = 64  # maps on a sheet, at most: neither memory nor pictures grow with the maps


def main(args) -> None:
    if args.maps < 0:
        raise ValueError(f"--maps is {args.maps}, expected 0 for all of them, or more")
    net = npzf.load(args.checkpoint).to(args.device, args.precision)
    layers = args.layers or figures.main_layers(net)
    squares = cli.squares(args.images, args.split, net, args.resize, labels=False)
    out = Path(args.out)
    print(f"looking through {len(squares)} images for the {args.count} strongest activations of each map of {', '.join(layers)}")
    batches = EvaluationBatches(squares, net.input_shape[0], args.batch, net.preprocessing)
    state_file = out / "unfinished.h5"
    tops = top_activations(net, batches, layers, count=args.count, state_file=state_file)
    print(figures.save_filters(net, out / "filters.png"))
    for layer in layers:
        maps = range(net.shapes[layer][-1]) if args.maps == 0 else figures.most_active_maps(tops[layer], args.maps)
        for start in range(0, len(maps), SHEET):
            some = maps[start : start + SHEET]
            drawn = projections_and_patches(net, squares, layer, tops[layer], some)
            name = f"top_{layer.replace('/', '_')}" + (f"_{some[0]:04d}" if len(maps) > SHEET else "")
            print(save_png(figures.sheet_of(tops[layer], some, *drawn), out / f"{name}.png", layer=layer))
            if args.tiles:
                tiles = save_tiles(out / "tiles", layer, some, tops[layer], *drawn, squares.source.name)
                print(f"{out / 'tiles'}: {len(tiles)} files of {layer}")
    print(save_png(figures.draw_overview(net, squares, tops), out / "features.png"))
    state_file.unlink(missing_ok=True)


if __name__ == "__main__":
    parser = cli.parser(__doc__.splitlines()[0], "npzf visualize runs/demo/best.h5 embedded --layers conv3 conv5")
    parser.add_argument("checkpoint", help="a network saved by npzf")
    parser.add_argument(
        "images", nargs="?", default=cli.EMBEDDED, help="folder of images or of class folders, .h5, or 'embedded' (default)"
    )
    parser.add_argument("--split", choices=["train", "validation"], default="validation", help="of .h5 files and 'embedded'")
    parser.add_argument("--layers", nargs="+", help="layers to draw (default: every convolution, or every join of branches)")
    parser.add_argument("--maps", type=int, default=16, help="maps a layer, those with the largest activations; 0: all")
    parser.add_argument(
        "--count", type=int, default=9, choices=range(1, 10), metavar="1..9", help="activations a map (default 9)"
    )
    parser.add_argument("--tiles", action="store_true", help="also write each projection and patch to a file of its own")
    parser.add_argument("--batch", type=int, default=64, help="images at once (default 64)")
    parser.add_argument(
        "--resize", type=int, help="shorter side of the images before cropping, in pixels (default 8/7 of the crop)"
    )
    parser.add_argument("--out", default="runs/visualize", help="folder to write to (default runs/visualize)")
    cli.run(main, parser.parse_args())
