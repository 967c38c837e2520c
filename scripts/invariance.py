"""Figure 5: translates, scales and rotates photographs and follows their features and their class.

Prints how far the features move and how often the class stays, and writes one figure, OUT.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import cli
import numpy as np
from cli_options import MOST, whole

import npzf
from npzf.render import invariance_figure
from npzf.studies import TransformationCurves, transformation_curves
from npzf.studies.invariance import AMOUNTS, low_and_high, mean_colour, transform

SHOWN = {"translation": (-60, -30, 0, 30, 60), "scale": (1, 1.2, 1.4, 1.6, 1.8), "rotation": (0, 45, 90, 180, 270)}


def main(args: argparse.Namespace) -> None:
    cli.check_png("--out", args.out)
    net = cli.load_net(args)
    photographs = np.stack([cli.photograph(net, path) for path in args.images])
    x = net.preprocessing.apply(photographs)
    labels = predictions(net, x) if args.labels is None else np.array(args.labels)
    low, high = low_and_high(net)
    layers = (args.low or low, args.high or high)
    colour = mean_colour(net)
    print(f"outside of a photograph lies the mean colour, R G B {colour}")
    studies = [transformation_curves(net, x, labels, layers, kind) for kind in AMOUNTS]
    names = [cli.class_name(net, label) for label in labels]
    shown: dict[str, Sequence[float] | np.ndarray] = dict(SHOWN)
    shown["translation"] = np.rint(np.multiply(SHOWN["translation"], net.input_shape[0] / 224))  # as the study's amounts
    examples = {}
    for study in studies:
        report(study, names)
        examples[study.kind] = np.stack(
            [[transform(one, study.kind, amount, colour) for amount in shown[study.kind]] for one in photographs]
        )
    print(invariance_figure(studies, examples, names, args.out, shown))


def predictions(net: npzf.Network, x: np.ndarray) -> np.ndarray:
    """The net's own class for each photograph as it is."""
    print("no --labels: the probabilities are those of the net's predictions for the photographs as they are")
    return npzf.predict(net, x).argmax(1)


def report(study: TransformationCurves, names: Sequence[str]) -> None:
    """Prints the largest distance in each layer, and the share of amounts at which the probability stays above a half."""
    print(f"{study.kind}, {len(study.amounts)} amounts from {study.amounts[0]:g} to {study.amounts[-1]:g}:")
    for n, name in enumerate(names):
        far = ", ".join(f"{layer} up to {values[n].max():.4g}" for layer, values in study.distances.items())
        p = study.probability[n]
        print(f"  {name}: distance in {far}; probability {p.min():.3f} to {p.max():.3f}, above a half at {(p > 0.5).mean():.0%}")


def parser() -> argparse.ArgumentParser:
    made = cli.parser("invariance", __doc__, "runs/photos/best.h5 dog.jpg cat.jpg --labels 3 1 --out runs/invariance.png")
    cli.add_net(made, " with class scores")
    made.add_argument("images", nargs="+", help="up to seven photographs of any size; the paper has five")
    made.add_argument(
        "--labels", nargs="+", type=whole(0, MOST), help="true class of each, as a number (default: the net's prediction)"
    )
    made.add_argument("--low", metavar="LAYER", help="the low layer (default: what the second filters see, the paper's layer 1)")
    made.add_argument("--high", metavar="LAYER", help="the high layer (default: what the last filters see, the paper's layer 7)")
    cli.add_out(made, "runs/invariance.png", "figure")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
