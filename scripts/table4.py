"""Table 4: Caltech-101 by the features of a trained net with a new classifier, and by the same net trained from scratch.

Takes a folder of class folders, such as Caltech-101's 101_ObjectCategories; npzf table5 is the same for Caltech-256. Prints it
beside the paper's numbers; writes OUT/table4.csv and OUT/table4.png, the splits in OUT/splits, the features as
OUT/features.h5 and what is known already as OUT/results.json: after an interruption the same command goes on.
"""

from __future__ import annotations

import argparse

import cli
import cli_tables

from npzf.transfer.paper import TABLE_4


def main(args: argparse.Namespace) -> None:
    cli_tables.print_table(args, "table4", "Table 4", TABLE_4)


def parser() -> argparse.ArgumentParser:
    made = cli.parser("table4", __doc__, "alexnet 101_ObjectCategories --out runs/table4")
    cli_tables.add_options(made, (15, 30), "runs/table4")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
