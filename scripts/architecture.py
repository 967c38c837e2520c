"""Figure 6: dead maps, spectra of filters, aliasing and the RMS clip in the first layers of one or two nets."""

from __future__ import annotations

from pathlib import Path

import cli
import figures
import numpy as np

import npzf
from npzf.data import EvaluationBatches
from npzf.ops import CPU
from npzf.render import architecture_figure
from npzf.studies import diagnose_layer
from npzf.studies.architecture import BANDS, noise_shares
from npzf.training.sgd import FILTER_RMS

ROUNDING = 1e-6  # what a clipped filter's RMS may lie above the limit in float32, as a share of it


def main(args) -> None:
    if not args.clip > 0:
        raise ValueError(f"--clip is {args.clip:g}, expected more than 0")
    names = distinct([Path(path) for path in args.checkpoints])
    nets = [npzf.load(path).to(args.device, args.precision) for path in args.checkpoints]
    noise = noise_shares()
    for depth in args.layers:
        diagnoses = []
        for net in nets:
            convolutions = figures.conv_layers(net)
            if not 1 <= depth <= len(convolutions):
                raise ValueError(f"--layers has {depth}, expected 1 to {len(convolutions)}, the convolutions of each net")
            squares = cli.squares(args.images, args.split, net, args.resize, labels=False)
            batches = EvaluationBatches(squares, net.input_shape[0], args.batch, net.preprocessing)
            diagnoses.append(diagnose_layer(net, batches, convolutions[depth - 1]))
        clipped = [one.weight.copy() for one in diagnoses]
        for weight in clipped:
            CPU.clip_filters(weight, args.clip)
        print(table(depth, names, diagnoses, noise, args))
        path = Path(args.out) / f"architecture_{depth}.png"
        print(architecture_figure(diagnoses, clipped, noise, names, path, args.clip))


def distinct(paths: list[Path]) -> list[str]:
    """Names to tell the nets by: those of the files, or of their folders where files have one name, as best.h5."""
    for names in ([path.stem for path in paths], [path.absolute().parent.name for path in paths]):
        if len(set(names)) == len(paths):
            return names
    return [str(path) for path in paths]


def table(depth: int, names: list[str], diagnoses: list, noise: np.ndarray, args) -> str:
    """What was measured, a column a net, and what white noise would give."""
    rows = [(f"convolution {depth}", *names, "noise")]
    rows.append(("name", *(one.layer for one in diagnoses), ""))
    rows.append(("filters, window, stride", *(f"{len(w.weight)}, {w.weight.shape[1]}, {w.stride}" for w in diagnoses), ""))
    rows.append(("dead maps", *(f"{one.dead.mean():.1%}" for one in diagnoses), ""))
    for band, name in enumerate(BANDS):
        rows.append((name, *(f"{one.shares[:, band].mean():.1%}" for one in diagnoses), f"{noise[band]:.1%}"))
    rows.append(("folded back by the stride", *(f"{one.aliased.mean():.1%}" for one in diagnoses), ""))
    spread = [f"{r.min():.2g} / {np.median(r):.2g} / {r.max():.2g}" for r in (one.rms for one in diagnoses)]
    rows.append(("RMS: least/median/most", *spread, ""))
    rows.append(("RMS: most / median", *(f"{one.dominance:.1f}" for one in diagnoses), ""))
    rows.append((f"RMS above {args.clip:g}", *(f"{(one.rms > (1 + ROUNDING) * args.clip).mean():.1%}" for one in diagnoses), ""))
    return "\n".join(["", *(" ".join(f"{cell:>25}" for cell in row) for row in rows)])


if __name__ == "__main__":
    parser = cli.parser(
        __doc__.splitlines()[0], "npzf architecture runs/zfnet/best.h5 runs/krizhevsky/best.h5 --images photos/val"
    )
    parser.add_argument("checkpoints", nargs="+", help="networks saved by npzf, to be compared")
    parser.add_argument(
        "--images", default=cli.EMBEDDED, help="folder of images or of class folders, .h5, or 'embedded' (default)"
    )
    parser.add_argument("--split", choices=["train", "validation"], default="validation", help="of .h5 files and 'embedded'")
    parser.add_argument("--layers", nargs="+", type=int, default=[1, 2], help="which convolutions, from 1 (default 1 2)")
    parser.add_argument("--clip", type=float, default=FILTER_RMS, help="RMS limit of the clip (default 0.1, the paper's)")
    parser.add_argument(
        "--batch", type=int, default=32, help="images at once; aliasing is measured in the first batch (default 32)"
    )
    parser.add_argument("--resize", type=int, help="shorter side of the images before cropping (default 8/7 of the crop)")
    parser.add_argument("--out", default="runs/architecture", help="folder to write to (default runs/architecture)")
    cli.run(main, parser.parse_args())
