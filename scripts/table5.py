"""Table 5: Caltech-256 by the features of a trained net with a new classifier, and by the same net trained from scratch.

Takes a folder of class folders, such as Caltech-256's 256_ObjectCategories, whose clutter is left out. Prints it beside the
paper's numbers; writes it as OUT/table5.csv and OUT/table5.png, the splits in OUT/splits, the features as OUT/features.h5 and
what is known already as OUT/results.json: after an interruption the same command goes on.
"""

from __future__ import annotations

import argparse

import cli
import cli_tables

from npzf.transfer.paper import TABLE_5


def main(args: argparse.Namespace) -> None:
    cli_tables.print_table(args, "table5", "Table 5", TABLE_5)


def parser() -> argparse.ArgumentParser:
    made = cli.parser("table5", __doc__, "alexnet 256_ObjectCategories --out runs/table5")
    cli_tables.add_options(made, (15, 30, 45, 60), "runs/table5")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
