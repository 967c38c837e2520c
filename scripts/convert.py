"""Nets from elsewhere: writes a net with all that is known of it to one file, which every command then takes without options.

OUT.h5 remembers the net, its weights, what it is fed and the names of its classes, and so does OUT.onnx, for other programs;
OUT.safetensors, .pth and .npz hold the weights alone. Prints the net's layers and what it is fed.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

import cli

import npzf
from npzf.interop.inputs import input_words
from npzf.interop.weights.writers import WRITERS
from npzf.text import short

NETS = (".h5", ".onnx")
WEIGHTS = tuple(suffix for suffix in WRITERS if suffix not in NETS)


def main(args: argparse.Namespace) -> None:
    out = Path(args.out)
    check(args.net, out)
    logging.getLogger("npzf.interop.weights.state").setLevel(logging.INFO)  # which weights became which
    net = cli.load_net(args)
    print(net.summary())
    print(f"fed {input_words(net)}")
    print(classes(net))
    if out.suffix == ".onnx":
        npzf.to_onnx(net, out)
    elif out.suffix in WEIGHTS:
        npzf.save_state(net, out)
        print("the file holds the weights alone, not what the net is fed, nor the names of its classes")
    else:
        net.save(out)
    print(out)


def check(net: str, out: Path) -> None:
    """ValueError or OSError, before any work, for a file that cannot be written."""
    if out.suffix not in (*NETS, *WEIGHTS):
        raise ValueError(f"--out is {out}, expected a name that ends in {', '.join((*NETS, *WEIGHTS))}")
    if out.exists() and Path(net).exists() and out.samefile(net):
        raise ValueError(f"--out is {out}, the net itself, expected another file")
    if out.is_dir():
        raise IsADirectoryError(f"--out is {out}, a folder, expected a file to write")
    out.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(out.parent, os.W_OK):
        raise PermissionError(f"--out is {out}, expected a folder that can be written to")


def classes(net: npzf.Network) -> str:
    """How many classes the net has, and whether it knows their names."""
    shape = net.shapes[net.scores_name]
    if len(shape) != 1:
        return f"no classes: its last layer, {net.output_name}, has maps"
    return f"{shape[0]} outputs, " + (
        f"from {short(net.classes[0])} to {short(net.classes[-1])}" if net.classes else "without names"
    )


def parser() -> argparse.ArgumentParser:
    made = cli.parser(
        "convert",
        __doc__,
        "mine.onnx --out runs/mine.h5 --mean 0.485 0.456 0.406 --std 0.229 0.224 0.225 --range 1 --channels rgb",
    )
    cli.add_net(made)
    cli.add_out(made, None, f"file, {', '.join((*NETS, *WEIGHTS))},")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
