"""Table 2: errors of a trained net on images, with one centre crop or ten crops averaged.

Prints the mean cross-entropy and the top-1 and top-5 errors; for a folder like PASCAL VOC's, whose images have several labels
each, the average precision of every class (Table 6). Writes nothing.
"""

from __future__ import annotations

import argparse

import cli
from cli_options import one_of

from npzf.text import printable
from npzf.training import check_classes, evaluate, evaluate_labels


def main(args: argparse.Namespace) -> None:
    net = cli.load_net(args)
    images = cli.square_images(args.images, args.split, net, args.resize)
    several = images.source.targets.ndim == 2
    check_classes(net, images, f"{args.images} has", "binary" if several else "softmax")
    if several:
        labels = evaluate_labels(net, images, args.crops, args.batch)
        for name, precision in zip(images.source.classes, labels.average_precision, strict=True):
            print(f"{100 * precision:6.2f} %  {printable(name)}")
        print(f"{labels.images} images, {args.crops} crop{'s' if args.crops > 1 else ''}: loss {labels.loss:.4f} nats a label,")
        print(f"mean average precision {100 - labels.error:.2f} %")
        cli.report_failures(images)
        return
    score = evaluate(net, images, args.crops, args.batch)
    guessing = 100 - 100 / len(images.source.classes)
    print(f"{score.images} images, {args.crops} crop{'s' if args.crops > 1 else ''}: loss {score.loss:.4f} nats,")
    print(f"top-1 error {score.error:.2f} %, top-5 error {score.top5_error:.2f} % (guessing: {guessing:.2f} %)")
    cli.report_failures(images)


def parser() -> argparse.ArgumentParser:
    made = cli.parser("evaluate", __doc__, "runs/demo/best.h5 embedded --crops 10")
    cli.add_net(made, " with class scores")
    cli.add_images(made, labels=True, batch=128)
    made.add_argument(
        "--crops", type=one_of(1, 10), choices=[1, 10], default=1, help="1: the centre; 10: as in the paper (default 1)"
    )
    return made


if __name__ == "__main__":
    cli.run(main, parser())
