"""Figure 4: how features evolve during training, from the nets that npzf train --keep has kept.

For some maps of each layer, chosen at random, the strongest activation over all images is projected down with each of the nets.
Writes OUT/evolution_LAYER.png, a strip with a column an epoch, and an animation beside it.
"""

from __future__ import annotations

import argparse

import cli
from cli_outputs import claim

import npzf
from npzf.render import file_names, save_evolution
from npzf.studies import Evolution


def main(args: argparse.Namespace) -> None:
    files = cli.epoch_files(args.run)
    if not files:
        raise ValueError(f"{args.run} has no epochs/*.h5, expected nets that npzf train --keep has kept")
    first = cli.placed(npzf.load(next(iter(files.values()))), args)
    images = cli.square_images(args.images, args.split, first, args.resize, labels=False)
    evolution = Evolution(first, images, args.layers or first.main_layers, maps=args.maps, seed=args.seed)
    endings = "png", args.animation
    claim(args.out, *(f"evolution_{name}.{end}" for name in file_names(list(evolution.maps)).values() for end in endings))
    print(f"searching {len(images)} images for the strongest activation of each map, in nets of {len(files)} epochs")
    for epoch, path in files.items():
        evolution.add(cli.placed(npzf.load(path), args), epoch, batch=args.batch)
        print(f"epoch {epoch}: {path}", flush=True)
    for layer in evolution.maps:
        print(*save_evolution(evolution, layer, args.out, args.animation))


def parser() -> argparse.ArgumentParser:
    made = cli.parser("evolution", __doc__, "runs/photos photos/train --layers conv3 conv5")
    made.add_argument("run", help="folder that npzf train --keep wrote to")
    cli.add_images(made, labels=False, split="train", batch=64)  # the paper's figure 4 takes training images
    cli.add_layers(made)
    cli.add_maps(made, 6, "maps of each layer, chosen at random")
    cli.add_seed(made, "that choice")
    cli.add_animation(made)
    cli.add_out(made, "runs/evolution")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
