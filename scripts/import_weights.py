"""Turns weights trained elsewhere, HDF5 with filters as (height, width, in, out), into a network that all scripts take."""

from __future__ import annotations

from pathlib import Path

import cli

import npzf
from npzf.interop import from_hwio

NETS = {"alexnet": lambda: npzf.truncated(npzf.alexnet(), "pool5"), "squeezenet": npzf.squeezenet}


def main(args) -> None:
    net = from_hwio(NETS[args.net](), args.file)
    if args.classes:
        net.classes = class_names(args.classes, net)
    net.save(args.out)
    print(net.summary())
    mean, deviation = ([f"{value:.6g}" for value in values] for values in (net.preprocessing.mean, net.preprocessing.std))
    print(f"takes RGB in [0, 255] less {', '.join(mean)}, divided by {', '.join(deviation)}")
    print(args.out)


def class_names(path: str, net: npzf.Network) -> tuple[str, ...]:
    """One name a line, as many as the net has classes; ValueError for another number."""
    names = tuple(Path(path).read_text(encoding="utf-8").splitlines())
    if net.shapes[net.output_name] != (len(names),):
        raise ValueError(
            f"{path} has {len(names)} names, expected one for each of the net's outputs, {net.shapes[net.output_name]}"
        )
    return names


if __name__ == "__main__":
    parser = cli.parser(__doc__.splitlines()[0], "npzf import_weights weights.h5 --net squeezenet --out runs/squeezenet.h5")
    parser.add_argument("file", help="HDF5 with NAME/weight, NAME/bias and the attributes layout, input, mean, std")
    parser.add_argument("--net", choices=NETS, required=True, help="alexnet: without its fully connected layers")
    parser.add_argument("--classes", help="text file with the name of one class a line, in the order of the outputs")
    parser.add_argument("--out", required=True, help="the network to write, .h5")
    cli.run(main, parser.parse_args())
