"""Figure 6: dead maps, spectra of filters, aliasing and the RMS clip in the first layers of nets.

Prints a table for each layer, a column a net, and writes OUT/architecture_1.png, architecture_2.png, ...: the filters before and
after the clip, their RMS, spectra, and the energy aliased by the stride.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cli
import numpy as np
from cli_options import LARGEST, MOST, number, whole
from cli_outputs import claim

import npzf
from npzf.data import evaluation_batches
from npzf.ops import CPU
from npzf.render import architecture_figure
from npzf.studies import LayerDiagnosis, diagnose_layer
from npzf.studies.architecture import BANDS, noise_shares
from npzf.training.sgd import FILTER_RMS

DEPTHS = 2  # convolutions looked at, unless some are named
ROUNDING = 1e-6  # by how much a clipped filter's RMS may exceed the limit in float32, as a share of it


def main(args: argparse.Namespace) -> None:
    names = distinct_names([Path(path) for path in args.nets])
    nets = cli.load_nets(args)
    fewest = min(nets, key=lambda net: len(net.convolutions))
    if not fewest.convolutions:
        raise ValueError(f"layers are {', '.join(fewest.layers)}, expected a convolution among those of each net")
    depths = args.depths or range(1, 1 + min(DEPTHS, len(fewest.convolutions)))
    claim(args.out, *(f"architecture_{depth}.png" for depth in depths))
    noise = noise_shares()
    for depth in depths:
        diagnoses = [diagnose(net, depth, args) for net in nets]
        clipped = [one.weight.copy() for one in diagnoses]
        for weight in clipped:
            CPU.clip_filters(weight, args.clip)
        print(table(depth, names, diagnoses, noise, args.clip))
        path = Path(args.out) / f"architecture_{depth}.png"
        print(architecture_figure(diagnoses, clipped, noise, names, path, args.clip))


def diagnose(net: npzf.Network, depth: int, args: argparse.Namespace) -> LayerDiagnosis:
    """What the study says of the net's convolution number `depth`."""
    count = len(net.convolutions)
    if not 1 <= depth <= count:
        raise ValueError(f"--depths has {depth}, expected 1 to {count}, the convolutions of each net")
    images = cli.square_images(args.images, args.split, net, args.resize, labels=False)
    return diagnose_layer(net, evaluation_batches(net, images, args.batch), net.convolutions[depth - 1])


def distinct_names(paths: list[Path]) -> list[str]:
    """Names that tell the nets apart: those of the files, or of their folders where files have one name, as best.h5."""
    for names in ([path.stem for path in paths], [path.absolute().parent.name for path in paths]):
        if len(set(names)) == len(paths):
            return names
    return [str(path) for path in paths]


def table(depth: int, names: list[str], diagnoses: list[LayerDiagnosis], noise: np.ndarray, clip: float) -> str:
    """The measurements, a column a net, and what white noise would give."""
    rows = [(f"convolution {depth}", *names, "noise")]
    rows.append(("name", *(one.layer for one in diagnoses), ""))
    rows.append(("filters, window, stride", *(f"{len(w.weight)}, {w.weight.shape[1]}, {w.stride}" for w in diagnoses), ""))
    rows.append(("dead maps", *(f"{one.dead.mean():.1%}" for one in diagnoses), ""))
    for band, name in enumerate(BANDS):
        rows.append((name, *(f"{one.shares[:, band].mean():.1%}" for one in diagnoses), f"{noise[band]:.1%}"))
    rows.append(("aliased by the stride", *(f"{one.aliased.mean():.1%}" for one in diagnoses), ""))
    spread = [f"{r.min():.2g} / {np.median(r):.2g} / {r.max():.2g}" for r in (one.rms for one in diagnoses)]
    rows.append(("RMS: least/median/most", *spread, ""))
    rows.append(("RMS: most / median", *(f"{one.dominance:.1f}" for one in diagnoses), ""))
    rows.append((f"RMS above {clip:g}", *(f"{(one.rms > (1 + ROUNDING) * clip).mean():.1%}" for one in diagnoses), ""))
    return "\n".join(["", *(" ".join(f"{cell:>25}" for cell in row) for row in rows)])


def parser() -> argparse.ArgumentParser:
    made = cli.parser("architecture", __doc__, "runs/zfnet/best.h5 runs/krizhevsky/best.h5 --images photos/val")
    cli.add_net(made, several=True)
    made.add_argument("--depths", nargs="+", type=whole(1, MOST), help=f"which convolutions, from 1 (default the first {DEPTHS})")
    made.add_argument(
        "--clip",
        type=number(0, LARGEST, above=True),
        default=FILTER_RMS,
        help=f"RMS limit of the clip (default {FILTER_RMS}, the paper's)",
    )
    cli.add_images(made, "--images", labels=False, batch=32)
    cli.add_out(made, "runs/architecture")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
