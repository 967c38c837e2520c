"""Figure 2 for all maps: an atlas, a page on which every map of the chosen layers can be looked up.

Writes OUT/index.html, which opens from disk, with data.js and the folder sheets beside it. The state of an unfinished pass over
the images lies in OUT/unfinished.h5: after an interruption the same command resumes it, and the file goes when the page is
written.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cli
import numpy as np
from cli_outputs import claim
from tqdm import tqdm

import npzf
from npzf.data import ImageSet, SquareImages, evaluation_batches
from npzf.render import atlas, file_names
from npzf.studies import MapStatistics, map_statistics, projections_and_patches

TOGETHER = 4 * atlas.GROUP  # maps projected in one call: an image in the top lists of several of them goes forward once


def main(args: argparse.Namespace) -> None:
    claim(args.out, "index.html", "data.js")
    net = cli.load_net(args)
    layers = args.layers or net.main_layers
    squares = cli.square_images(args.images, args.split, net, args.resize, labels=False)
    images = squares.source
    print(f"searching {len(images)} images for the strongest activations of each map of {', '.join(layers)}")
    state_file = Path(args.out) / "unfinished.h5"
    batches = evaluation_batches(net, squares, args.batch)
    statistics = map_statistics(net, batches, layers, count=args.count, state_file=state_file)
    cli.report_failures(squares)
    labelled = any(images.classes)
    classes = images.classes if labelled else [cli.class_name(net, k) for k in range(len(statistics.class_images))]
    data = {
        "title": f"Atlas of {Path(args.net).name}",
        "introduction": introduction(net, statistics, Path(args.images).name),
        "net": atlas.net_rows(net),
        "layers": draw_layers(net, squares, statistics, layers, Path(args.out)),
        "images": atlas.image_entries(
            statistics, images.name, lambda i: target_names(images, i), lambda k: cli.class_name(net, k)
        ),
        "classes": list(classes),
        "labelled": labelled,
        "total": statistics.images,
        "count": args.count,
        **atlas.sheet_geometry(),
    }
    print(atlas.write_site(args.out, data))
    state_file.unlink(missing_ok=True)


def target_names(images: ImageSet, i: int) -> str:
    """The class of image i, or its labels."""
    target = images.targets[i]
    labels = [int(target)] if images.targets.ndim == 1 else np.flatnonzero(target > 0).tolist()
    return ", ".join(images.classes[k] for k in labels)


def draw_layers(
    net: npzf.Network, images: SquareImages, statistics: MapStatistics, layers: Sequence[str], out: Path
) -> list[dict]:
    """Projects the strongest activations of all maps, writes the sheets, and returns what the page says of each layer."""
    entries, names = [], file_names(layers)
    with tqdm(total=sum(net.shapes[layer][-1] for layer in layers), desc="projecting", unit="map", disable=None) as bar:
        for number, layer in enumerate(layers, 1):
            top, side = statistics.layers[layer].top, atlas.patch_side(net, layer)
            stem, scales = f"{number:02d}-{names[layer]}", []
            for start in range(0, len(top.values), TOGETHER):
                maps = range(start, min(start + TOGETHER, len(top.values)))
                projections, patches = projections_and_patches(net, images, layer, top, maps)
                for k in range(0, len(maps), atlas.GROUP):
                    group = slice(k, k + atlas.GROUP)
                    name, count = f"{stem}-{start + k:04d}", top.values.shape[1]
                    scales += atlas.write_group(out / "sheets", name, projections[group], patches[group], count, side)
                bar.update(len(maps))
            entries.append(atlas.layer_entry(net, statistics, layer, stem, scales))
    return entries


def introduction(net: npzf.Network, statistics: MapStatistics, images: str) -> str:
    """What the reader sees, in two sentences."""
    maps = sum(len(layer.top.values) for layer in statistics.layers.values())
    parameters, names = sum(p.size for p in net.parameters.values()), list(statistics.layers)
    layers = names[0] if len(names) == 1 else f"{len(names)} layers"
    return (
        f"What excites the {maps:,} maps of {layers} of a net of {parameters:,} parameters, among "
        f"{statistics.images:,} images ({images}). For each map, the images that activate it most: the deconvnet's projection "
        "of that activation beside the part of the image that the unit sees."
    )


def parser() -> argparse.ArgumentParser:
    made = cli.parser("atlas", __doc__, "runs/demo/best.h5 embedded --out runs/atlas")
    cli.add_net(made)
    cli.add_images(made, labels=False, batch=32)
    cli.add_layers(made)
    cli.add_count(made)
    cli.add_out(made, "runs/atlas")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
