"""Figure 2: draws what the maps of a net respond to, nine activations of each, and its first filters.

Writes OUT/filters.png, a sheet top_LAYER.png for each layer, features.png with a few maps of all layers, and with --tiles a
folder of single pictures. The state of an unfinished pass over the images lies in OUT/unfinished.h5: after an interruption the
same command resumes it, and the file goes when all is drawn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cli
from cli_outputs import claim

from npzf.data import evaluation_batches
from npzf.render import (
    OVERVIEW_MAPS,
    file_names,
    most_active_maps,
    overview,
    projection_sheet,
    save_filters,
    save_png,
    save_tiles,
)
from npzf.studies import projections_and_patches, top_activations

SHEET = 64  # maps on a sheet, at most: neither memory nor pictures grow with the number of maps


def main(args: argparse.Namespace) -> None:
    net, out = cli.load_net(args), Path(args.out)
    layers = args.layers or net.main_layers
    plain = file_names(layers)
    claim(out, "features.png", "filters.png", *(f"top_{name}.png" for name in plain.values()))
    images = cli.square_images(args.images, args.split, net, args.resize, labels=False)
    print(f"searching {len(images)} images for the {args.count} strongest activations of each map of {', '.join(layers)}")
    state_file = out / "unfinished.h5"
    batches = evaluation_batches(net, images, args.batch)
    tops = top_activations(net, batches, layers, count=args.count, state_file=state_file)
    cli.report_failures(images)
    if net.convolutions and net.parameters[f"{net.convolutions[0]}/weight"].shape[3] in (1, 3):
        print(save_filters(net, out / "filters.png"))
    else:
        print("no filters.png: the net's first filters are no pictures")
    for layer, top in tops.items():
        maps = most_active_maps(top, args.maps or len(top.values))
        for start in range(0, len(maps), SHEET):
            shown = maps[start : start + SHEET]
            blocks = projections_and_patches(net, images, layer, top, shown)
            number = f"_{shown[0]:04d}" if len(maps) > SHEET else ""
            path = out / f"top_{plain[layer]}{number}.png"
            print(save_png(projection_sheet(top, shown, *blocks), path, layer=layer))
            if args.tiles:
                tiles = save_tiles(out / "tiles", layer, shown, top, *blocks, images.source.name, plain[layer])
                print(f"{out / 'tiles'}: {len(tiles)} files of {layer}")
    few = {name: most_active_maps(top, OVERVIEW_MAPS) for name, top in tops.items()}
    pictures = {name: projections_and_patches(net, images, name, tops[name], maps) for name, maps in few.items()}
    print(save_png(overview(tops, pictures), out / "features.png"))
    state_file.unlink(missing_ok=True)


def parser() -> argparse.ArgumentParser:
    made = cli.parser("visualize", __doc__, "runs/demo/best.h5 embedded --layers conv3 conv5")
    cli.add_net(made)
    cli.add_images(made, labels=False, batch=64)
    cli.add_layers(made)
    cli.add_maps(made, 16, "maps of each layer, those with the largest activations; 0: all", least=0)
    cli.add_count(made)
    made.add_argument("--tiles", action="store_true", help="also write each projection and patch to a file of its own")
    cli.add_out(made, "runs/visualize")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
