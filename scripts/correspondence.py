"""Table 1: hides the same part in several images and measures whether the features change in the same way."""

from __future__ import annotations

import cli
import numpy as np

import npzf
from npzf.render import grid, save_png
from npzf.studies import sign_changes
from npzf.studies.correspondence import PAPER, SIZE, mask, read_landmarks


def main(args) -> None:
    net = npzf.load(args.checkpoint).to(args.device, args.precision)
    side = net.input_shape[0]
    size = round(side * SIZE) if args.size is None else args.size
    photographs, parts = read_landmarks(args.landmarks, side)
    x = net.preprocessing.apply(photographs)
    found = sign_changes(net, x, parts, args.layers, size=size, random_sets=args.random_sets, seed=args.seed)
    pairs = len(x) * (len(x) - 1) // 2
    print(f"{len(x)} images of {side} x {side} pixels, {pairs} pairs; squares of {size} x {size}, {args.random_sets} random sets")
    print("mean feature sign change, mean +- deviation over the pairs; e = features - features with the part hidden")
    for layer, rows in found.items():
        print(table(layer, rows))
    if args.picture:
        print(save_png(exhibit(net, x, parts, size), args.picture, size=size))


def table(layer: str, rows: dict) -> str:
    """Table 1 for one layer beside the paper's numbers."""
    heads = ("", "sign(0) counted", "sign(0) left out", "zeros among e", "paper, layer 5", "paper, layer 7")
    lines = [f"\n{layer}", "".join(f"{head:>18}" for head in heads)]
    apart = 0
    for part, row in rows.items():
        known = row.without_zeros[~np.isnan(row.without_zeros)]
        apart += len(row.without_zeros) - len(known)
        mine = [f"{values.mean():.3f} +- {values.std():.3f}" if len(values) else "none" for values in (row.with_zeros, known)]
        paper = [f"{mean:.3f} +- {deviation:.3f}" for mean, deviation in PAPER.get(part, ())] or ["", ""]
        cells = (part.replace("_", " "), *mine, f"{row.zeros:.1%}", *paper)
        lines.append("".join(f"{cell:>18}" for cell in cells))
    if apart:
        lines.append(f"left out of the second column: {apart} pairs without a place that changed in both images")
    return "\n".join(lines)


def exhibit(net: npzf.Network, x: np.ndarray, parts: dict[str, np.ndarray], size: int) -> np.ndarray:
    """What the net was shown (figure 8): a row an image, untouched and with each part hidden; uint8."""
    corners = [np.rint(places - (size - 1) / 2).astype(int) for places in parts.values()]
    columns = [net.preprocessing.invert(one) for one in (x, *(mask(x, place, size) for place in corners))]
    return grid(np.stack(columns, axis=1).reshape(-1, *x.shape[1:]), len(columns), gap=6)


if __name__ == "__main__":
    parser = cli.parser(
        __doc__.splitlines()[0], "npzf correspondence runs/photos/best.h5 dogs/landmarks.json --layers pool5 relu7"
    )
    parser.add_argument("checkpoint", help="a network saved by npzf")
    parser.add_argument("landmarks", help='JSON beside the images: {"image.jpg": {"nose": [x, y], ...}, ...}, in pixels')
    parser.add_argument("--layers", nargs="+", required=True, help="layers whose features are compared; the paper's: 5 and 7")
    parser.add_argument("--size", type=int, help="side of the grey square in the net's pixels (default a sixth of its input)")
    parser.add_argument("--random-sets", type=int, default=20, help="sets of squares at random places (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the random places (default 0)")
    parser.add_argument("--picture", help="also write what the net was shown, .png (figure 8)")
    cli.run(main, parser.parse_args())
