"""Table 1: hides the same part in several images and measures whether features change alike.

Prints the table for each layer, beside the paper's numbers; with --picture also writes what the net was shown (figure 8).
"""

from __future__ import annotations

import argparse

import cli
import numpy as np
from cli_options import MOST, whole
from cli_outputs import out_file

import npzf
from npzf.data import check_takes_images, with_channels
from npzf.render import grid, save_png
from npzf.studies import sign_changes
from npzf.studies.correspondence import PAPER, SIZE, SignChanges, mask, read_landmarks
from npzf.text import printable


def main(args: argparse.Namespace) -> None:
    cli.check_png("--picture", args.picture)
    net = cli.load_net(args)
    check_takes_images(net)
    side = net.input_shape[0]
    size = round(side * SIZE) if args.size is None else args.size
    photographs, parts = read_landmarks(args.landmarks, side)
    x = net.preprocessing.apply(with_channels(photographs, net.input_shape[2]))
    tables = sign_changes(net, x, parts, args.layers, size=size, random_sets=args.random_sets, seed=args.seed)
    pairs = len(x) * (len(x) - 1) // 2
    print(f"{len(x)} images of {side} x {side} pixels, {pairs} pairs; squares of {size} x {size}, {args.random_sets} random sets")
    print("mean feature sign change, mean +- deviation over the pairs; e = features - features with the part hidden")
    for layer, rows in tables.items():
        print(table(layer, rows))
    if args.picture:
        print(save_png(masked_images(net, x, parts, size), args.picture, size=size))


def table(layer: str, rows: dict[str, SignChanges]) -> str:
    """Table 1 for one layer beside the paper's numbers."""
    heads = ("", "sign(0) counted", "sign(0) left out", "zeros among e", "paper, layer 5", "paper, layer 7")
    lines = [f"\n{layer}", "".join(f"{head:>18}" for head in heads)]
    undefined = 0
    for part, row in rows.items():
        known = row.without_zeros[~np.isnan(row.without_zeros)]
        undefined += len(row.without_zeros) - len(known)
        own = [f"{values.mean():.3f} +- {values.std():.3f}" if len(values) else "none" for values in (row.with_zeros, known)]
        paper = [f"{mean:.3f} +- {deviation:.3f}" for mean, deviation in PAPER.get(part, ())] or ["", ""]
        cells = (printable(part.replace("_", " ")), *own, f"{row.zeros:.1%}", *paper)
        lines.append("".join(f"{cell:>18}" for cell in cells))
    if undefined:
        lines.append(f"left out of the second column: {undefined} pairs in which no feature changed in both images")
    return "\n".join(lines)


def masked_images(net: npzf.Network, x: np.ndarray, parts: dict[str, np.ndarray], size: int) -> np.ndarray:
    """What the net was shown (figure 8): a row an image, as it is and with each part hidden; uint8."""
    corners = [np.rint(places - (size - 1) / 2).astype(int) for places in parts.values()]
    columns = [net.preprocessing.invert(one) for one in (x, *(mask(x, corner, size) for corner in corners))]
    return grid(np.stack(columns, axis=1).reshape(-1, *x.shape[1:]), len(columns), gap=6)


def parser() -> argparse.ArgumentParser:
    made = cli.parser("correspondence", __doc__, "runs/photos/best.h5 dogs/landmarks.json --layers pool5 relu7")
    cli.add_net(made)
    made.add_argument("landmarks", help='JSON beside the images: {"image.jpg": {"nose": [x, y], ...}, ...}, in pixels')
    cli.add_layers(made, default=None)
    cli.add_size(made, "a sixth of its input")
    made.add_argument("--random-sets", type=whole(1, MOST), default=20, help="sets of squares at random places (default 20)")
    cli.add_seed(made, "the random places")
    made.add_argument("--picture", type=out_file, help="file to write what the net was shown to, .png (default: none)")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
