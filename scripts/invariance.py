"""Figure 5: moves, grows and turns photographs, and draws how far their features move and what becomes of their class."""

from __future__ import annotations

import cli
import numpy as np

import npzf
from npzf.backend import to_numpy
from npzf.data import decode, square
from npzf.losses import softmax
from npzf.render import invariance_figure
from npzf.studies import transformation_curves
from npzf.studies.invariance import AMOUNTS, low_and_high, mean_colour, transform

SHOWN = {"translation": (-60, -30, 0, 30, 60), "scale": (1, 1.2, 1.4, 1.6, 1.8), "rotation": (0, 45, 90, 180, 270)}


def main(args) -> None:
    net = npzf.load(args.checkpoint).to(args.device, args.precision)
    side = net.input_shape[0]
    photographs = np.stack([square(decode(path), side) for path in args.images])
    labels = known_labels(net, photographs) if args.labels is None else args.labels
    low, high = low_and_high(net)
    layers = (args.low or low, args.high or high)
    colour = mean_colour(net)
    print(f"centre squares resized to {side} x {side} pixels; outside of a photograph is the mean colour, R G B {colour}")
    x = net.preprocessing.apply(photographs)
    studies = [transformation_curves(net, x, labels, layers, kind) for kind in AMOUNTS]
    names = [net.classes[label] if net.classes else f"class {label}" for label in labels]
    examples, shown = {}, dict(SHOWN)
    shown["translation"] = np.rint(np.multiply(SHOWN["translation"], side / 224))  # in proportion, as the study's
    for study in studies:
        report(study, names)
        examples[study.kind] = np.stack(
            [[transform(one, study.kind, by, colour) for by in shown[study.kind]] for one in photographs]
        )
    print(invariance_figure(studies, examples, names, args.out, shown))


def known_labels(net: npzf.Network, photographs: np.ndarray) -> list[int]:
    """What the net itself calls each untouched photograph."""
    labels = softmax(to_numpy(net.forward(net.preprocessing.apply(photographs)))).argmax(1).tolist()
    print("no --labels: the probabilities are those of what the net calls the untouched photographs")
    return labels


def report(study, names) -> None:
    """How strongly each layer answers, as numbers: the largest distance, the share of amounts that leave p above a half."""
    print(f"{study.kind}, {len(study.amounts)} amounts from {study.amounts[0]:g} to {study.amounts[-1]:g}:")
    for n, name in enumerate(names):
        far = ", ".join(f"{layer} up to {values[n].max():.4g}" for layer, values in study.distances.items())
        p = study.probability[n]
        print(f"  {name}: distance in {far}; probability {p.min():.3f} to {p.max():.3f}, above a half at {(p > 0.5).mean():.0%}")


if __name__ == "__main__":
    parser = cli.parser(
        __doc__.splitlines()[0],
        "npzf invariance runs/photos/best.h5 dog.jpg cat.jpg --labels 3 1 --out runs/invariance.png",
    )
    parser.add_argument("checkpoint", help="a network saved by npzf, with class scores")
    parser.add_argument("images", nargs="+", help="up to seven photographs; the paper has five")
    parser.add_argument("--labels", nargs="+", type=int, help="true class of each, as a number (default: what the net says)")
    parser.add_argument("--low", help="the low layer (default: what the second filters see, the paper's layer 1)")
    parser.add_argument("--high", help="the high layer (default: what the last filters see, the paper's layer 7)")
    parser.add_argument("--out", default="runs/invariance.png", help="the figure to write (default runs/invariance.png)")
    cli.run(main, parser.parse_args())
