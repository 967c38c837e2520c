"""Errors of a trained net on images (Table 2's columns): one centre crop, or ten crops averaged."""

from __future__ import annotations

import cli

import npzf
from npzf.training import check_classes, evaluate


def main(args) -> None:
    net = npzf.load(args.checkpoint).to(args.device, args.precision)
    squares = cli.squares(args.images, "validation", net, args.resize)
    check_classes(net, squares, f"{args.images} has")
    classes = net.shapes[net.output_name][0]
    score = evaluate(net, squares, args.crops, args.batch)
    print(f"{score.images} images, {args.crops} crop{'s' if args.crops > 1 else ''}: loss {score.loss:.4f} nats,")
    print(f"top-1 error {score.error:.2f} %, top-5 error {score.top5_error:.2f} % (guessing: {100 - 100 / classes:.2f} %)")
    if squares.failures:
        print(f"{len(squares.failures)} images could not be decoded and were left out")


if __name__ == "__main__":
    parser = cli.parser(__doc__.splitlines()[0], "npzf evaluate runs/demo/best.h5 embedded --crops 10")
    parser.add_argument("checkpoint", help="a network saved by npzf")
    parser.add_argument("images", nargs="?", default=cli.EMBEDDED, help="folder of class folders, .h5, or 'embedded' (default)")
    parser.add_argument("--crops", type=int, choices=[1, 10], default=1)
    parser.add_argument("--batch", type=int, default=128, help="images at once (default 128)")
    parser.add_argument(
        "--resize", type=int, help="shorter side of the images before cropping, in pixels (default 8/7 of the crop)"
    )
    cli.run(main, parser.parse_args())
