"""Writes an atlas of a net: a page on which every map of the chosen layers can be looked up, as in figure 2; opens from disk.

Interrupted while it looks through the images, the same command goes on where it stopped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cli
import figures
from tqdm import tqdm

import npzf
from npzf.data import EvaluationBatches, SquareImages
from npzf.render import atlas
from npzf.studies import projections_and_patches
from npzf.studies.atlas import MapStatistics, map_statistics

TOGETHER = 4 * atlas.GROUP  # maps projected in one go: an image that is among the strongest of several goes forward once


def main(args) -> None:
    net = npzf.load(args.checkpoint).to(args.device, args.precision)
    layers = args.layers or figures.main_layers(net)
    squares = cli.squares(args.images, args.split, net, args.resize, labels=False)
    images, size = squares.source, net.input_shape[0]
    labelled = any(images.classes)
    print(f"looking through {len(images)} images for what excites the maps of {', '.join(layers)}")
    batches = EvaluationBatches(squares, size, args.batch, net.preprocessing)
    state_file = Path(args.out) / "unfinished.h5"
    found = map_statistics(net, batches, layers, count=args.count, state_file=state_file)
    if squares.failures:
        print(f"{len(squares.failures)} images could not be decoded and were left out")
    says = net.classes or [f"class {k}" for k in range(net.shapes[net.output_name][-1])]
    data = {
        "title": f"Atlas of {Path(args.checkpoint).name}",
        "introduction": introduction(net, found, args),
        "net": atlas.net_rows(net),
        "layers": draw_layers(net, squares, found, layers, Path(args.out)),
        "images": atlas.image_entries(found, images.name, lambda i: images.classes[images.targets[i]], lambda k: says[k]),
        "classes": (images.classes if labelled else says)[: len(found.class_images)],
        "labelled": labelled,
        "seen": found.images,
        "count": args.count,
        **atlas.sheet_geometry(),
    }
    print(atlas.write_site(args.out, data))
    state_file.unlink(missing_ok=True)


def draw_layers(net: npzf.Network, squares: SquareImages, found: MapStatistics, layers: Sequence[str], out: Path) -> list[dict]:
    """Projects the strongest activations of all maps, writes the sheets, and returns what the page says of each layer."""
    entries = []
    with tqdm(total=sum(net.shapes[layer][-1] for layer in layers), desc="projecting", unit="map", disable=None) as bar:
        for number, layer in enumerate(layers, 1):
            top, side, scales = found.layers[layer].top, atlas.patch_side(net, layer), []
            stem = f"{number:02d}-{re.sub(r'[^A-Za-z0-9]+', '-', layer)}"
            for start in range(0, len(top.values), TOGETHER):
                drawn = projections_and_patches(net, squares, layer, top, range(start, min(start + TOGETHER, len(top.values))))
                for group in range(0, len(drawn[0]), atlas.GROUP):
                    part = (block[group : group + atlas.GROUP] for block in drawn)
                    path = f"{stem}-{start + group:04d}"
                    scales += atlas.write_group(out / "sheets", path, *part, top.values.shape[1], side)
                bar.update(len(drawn[0]))
            entries.append(atlas.layer_entry(net, found, layer, stem, scales))
    return entries


def introduction(net: npzf.Network, found: MapStatistics, args) -> str:
    """What the reader sees, in two sentences."""
    maps = sum(len(layer.top.values) for layer in found.layers.values())
    parameters = sum(p.size for p in net.parameters.values())
    return (
        f"What excites the {maps:,} maps of {len(found.layers)} layers of a net of {parameters:,} parameters, "
        f"among {found.images:,} images of {Path(args.images).name}. For each map, the images that activate it most: "
        "the deconvnet's projection of that activation beside the part of the image that the unit saw."
    )


if __name__ == "__main__":
    parser = cli.parser(__doc__.splitlines()[0], "npzf atlas runs/demo/best.h5 embedded --out runs/atlas")
    parser.add_argument("checkpoint", help="a network saved by npzf")
    parser.add_argument("images", help="folder of images or of class folders, .h5, or 'embedded'")
    parser.add_argument("--split", choices=["train", "validation"], default="validation", help="of .h5 files and 'embedded'")
    parser.add_argument("--layers", nargs="+", help="layers to show (default: every convolution, or every join of branches)")
    parser.add_argument(
        "--count", type=int, default=9, choices=range(1, 10), metavar="1..9", help="activations a map (default 9)"
    )
    parser.add_argument("--batch", type=int, default=32, help="images at once (default 32)")
    parser.add_argument(
        "--resize", type=int, help="shorter side of the images before cropping, in pixels (default 8/7 of the crop)"
    )
    parser.add_argument("--out", default="runs/atlas", help="folder to write to (default runs/atlas)")
    cli.run(main, parser.parse_args())
