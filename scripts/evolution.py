"""Figure 4: how features evolve during training, a strip and an animation a layer, from the nets that train.py --keep kept."""

from __future__ import annotations

from pathlib import Path

import cli
import figures

import npzf
from npzf.studies import Evolution


def main(args) -> None:
    kept = cli.kept_nets(args.run)
    if not kept:
        raise ValueError(f"{args.run} has no epochs/*.h5: train with npzf train --keep 1 2 5 10, which keeps nets there")
    first = npzf.load(next(iter(kept.values())))
    squares = cli.squares(args.images, args.split, first, args.resize, labels=False)
    evolution = Evolution(first, squares, args.layers or figures.main_layers(first), maps=args.maps, seed=args.seed)
    print(f"looking through {len(squares)} images for the strongest activation of each map, in nets of {len(kept)} epochs")
    for epoch, path in kept.items():
        evolution.add(npzf.load(path).to(args.device, args.precision), epoch, batch=args.batch)
        print(f"epoch {epoch}: {path}", flush=True)
    for layer in evolution.maps:
        print(*figures.save_evolution(evolution, layer, Path(args.out), args.kind))


if __name__ == "__main__":
    parser = cli.parser(__doc__.splitlines()[0], "npzf evolution runs/photos photos/train --layers conv3 conv5")
    parser.add_argument("run", help="folder that train.py --keep wrote to")
    parser.add_argument(
        "images", nargs="?", default=cli.EMBEDDED, help="folder of images or of class folders, .h5, or 'embedded' (default)"
    )
    parser.add_argument(
        "--split",
        choices=["train", "validation"],
        default="train",
        help="of .h5 files and 'embedded' (default train, as in the paper)",
    )
    parser.add_argument("--layers", nargs="+", help="layers to draw (default: every convolution, or every join of branches)")
    parser.add_argument("--maps", type=int, default=6, help="maps of each layer, chosen at random (default 6)")
    parser.add_argument("--seed", type=int, default=0, help="of that choice (default 0)")
    parser.add_argument("--kind", choices=["webp", "gif"], default="webp", help="of animation (default webp)")
    parser.add_argument("--batch", type=int, default=64, help="images at once (default 64)")
    parser.add_argument(
        "--resize", type=int, help="shorter side of the images before cropping, in pixels (default 8/7 of the crop)"
    )
    parser.add_argument("--out", default="runs/evolution", help="folder to write to (default runs/evolution)")
    cli.run(main, parser.parse_args())
