"""Table 7: how well features of each layer serve for other classes, with a linear SVM and with a new softmax.

Takes a folder of class folders, such as Caltech-101's 101_ObjectCategories. Prints the table beside the paper's numbers; writes
it as OUT/table7.csv and OUT/table7.png, the features as OUT/features.h5 and what is known already as OUT/results.json: after an
interruption the same command goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cli
import cli_transfer

from npzf.transfer import ResultFile, Table, evaluate_protocol, layers_of_table_7
from npzf.transfer.paper import TABLE_7
from npzf.transfer.tables import Cell


def main(args: argparse.Namespace) -> None:
    names = ["table7"] if len(args.per_class) == 1 else [f"table7-{count}" for count in args.per_class]
    cli_transfer.check(args, *(f"{name}.{ending}" for name in names for ending in ("csv", "png")))
    images = cli_transfer.class_folders(args)
    source = cli_transfer.source(args, images, layers_of_table_7(cli.load_net(args)))
    protocol = cli_transfer.protocol(args, images, source.features)
    results = ResultFile(Path(args.out) / "results.json")
    column = 1 if len(images.classes) > 200 else 0  # Caltech-256's, or Caltech-101's
    for per_class in protocol.per_class:
        heads = [f"{k} {layer}" for k, layer in enumerate(source.layers, 1)]
        table = Table(f"Table 7: {Path(args.net).name}, {Path(args.images).name}, {per_class} a class", "layer", tuple(heads))
        for kind in args.classifiers:
            cells = []
            for layer in source.layers:
                print(f"{kind} on {layer}", flush=True)
                one = cli_transfer.setting(args, (layer,), kind)
                alone = type(protocol)((per_class,), protocol.seeds, protocol.most_test, protocol.without)
                cells.append(evaluate_protocol(source.features, one, alone, results, cli_transfer.announce)[per_class])
            table.add(f"{Path(args.net).name}, {kind}", cells)
            paper = TABLE_7[kind]
            numbers = [Cell(paper[k][column]) if k in paper else None for k in range(1, len(heads) + 1)]
            table.add(f"paper, {kind}", numbers)
        cli_transfer.finish(args, table, "table7" if len(protocol.per_class) == 1 else f"table7-{per_class}")


def parser() -> argparse.ArgumentParser:
    made = cli.parser("table7", __doc__, "alexnet 101_ObjectCategories --out runs/table7")
    cli.add_net(made)
    cli_transfer.add_folder(made)
    cli_transfer.add_features(made, "the highest of each of the net's layers 1, 2, ...", squash=True)
    words = "classifiers on each layer (default both)"
    made.add_argument("--classifiers", nargs="+", choices=["svm", "softmax"], default=["svm", "softmax"], help=words)
    cli_transfer.add_c(made)
    cli_transfer.add_protocol(made, (30,))
    cli.add_out(made, "runs/table7")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
