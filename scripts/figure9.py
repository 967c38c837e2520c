"""Figure 9: accuracy against the number of training images a class, a linear classifier on the features of a trained net.

Takes a folder of class folders, such as Caltech-101's 101_ObjectCategories. Prints the numbers; writes OUT/figure9.csv and
OUT/figure9.png, the features as OUT/features.h5 and what is known already as OUT/results.json: after an interruption the same
command goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cli
import cli_transfer

from npzf.transfer import ResultFile, Table, evaluate_protocol
from npzf.transfer.paper import TABLE_4, TABLE_5
from npzf.transfer.tables import Cell

COUNTS = (1, 2, 3, 6, 10, 15, 20, 25, 30, 45, 60)  # training images a class, as far as the classes reach


def main(args: argparse.Namespace) -> None:
    cli_transfer.check(args, "figure9.csv", "figure9.png")
    images = cli_transfer.class_folders(args)
    smallest = int(cli_transfer.members(images).min())
    if args.per_class is None:
        args.per_class = [count for count in COUNTS if count < smallest]
    source = cli_transfer.source(args, images)
    protocol = cli_transfer.protocol(args, images, source.features)
    results = ResultFile(Path(args.out) / "results.json")
    setting = cli_transfer.setting(args, source.layers)
    cells = evaluate_protocol(source.features, setting, protocol, results, cli_transfer.announce)
    heads = tuple(str(count) for count in protocol.per_class)
    table = Table(f"Figure 9: {Path(args.images).name}", "training images a class", heads)
    table.add(
        f"{Path(args.net).name}, {setting.kind} on {' '.join(source.layers)}", [cells[count] for count in protocol.per_class]
    )
    if args.paper:
        for label, numbers in {"101": TABLE_4, "256": TABLE_5}[args.paper].items():
            table.add(label, [Cell(*numbers[count]) if count in numbers else None for count in protocol.per_class])
    cli_transfer.finish(args, table, "figure9")


def parser() -> argparse.ArgumentParser:
    made = cli.parser("figure9", __doc__, "alexnet 101_ObjectCategories --paper 101 --out runs/figure9")
    cli.add_net(made)
    cli_transfer.add_folder(made)
    cli_transfer.add_features(made, "what the net's classifier is given", squash=True)
    cli_transfer.add_classifier(made, "svm")
    cli_transfer.add_protocol(made, COUNTS)
    made.set_defaults(per_class=None)
    made.add_argument("--paper", choices=["101", "256"], help="draw the paper's numbers for Caltech-101 or Caltech-256 too")
    cli.add_out(made, "runs/figure9")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
