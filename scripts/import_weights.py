"""Converts weights trained elsewhere, HDF5 with filters as (height, width, in, out), into a network.

Prints the net's layers and its preprocessing, and writes the network to OUT.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cli
import numpy as np

import npzf
from npzf.interop import from_hwio

NETS = {"alexnet": lambda: npzf.truncated(npzf.alexnet(), "pool5"), "squeezenet": npzf.squeezenet}


def main(args: argparse.Namespace) -> None:
    net = from_hwio(NETS[args.net](), args.file)
    if args.classes:
        net.classes = class_names(args.classes, net)
    net.save(args.out)
    print(net.summary())
    pixels = net.preprocessing
    mean, std = (", ".join(f"{value:.6g}" for value in np.ravel(np.asarray(part))) for part in (pixels.mean, pixels.std))
    print(f"takes RGB in [0, 255] less {mean}, divided by {std}")
    print(args.out)


def class_names(path: str, net: npzf.Network) -> tuple[str, ...]:
    """One name a line, as many as the net has classes; ValueError for another number."""
    names, shape = tuple(Path(path).read_text(encoding="utf-8").splitlines()), net.shapes[net.output_name]
    if shape != (len(names),):
        raise ValueError(f"{path} has {len(names)} names, expected one for each of the net's outputs, {shape}")
    return names


def parser() -> argparse.ArgumentParser:
    made = cli.parser("import_weights", __doc__, "weights.h5 --net squeezenet --out runs/squeezenet.h5")
    made.add_argument("file", help="HDF5 with NAME/weight, NAME/bias and the attributes layout, input, mean, std")
    made.add_argument("--net", choices=NETS, required=True, help="alexnet: without its fully connected layers")
    made.add_argument("--classes", help="text file with the name of one class a line, in the order of the outputs")
    cli.add_out(made, None, "network, .h5,")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
