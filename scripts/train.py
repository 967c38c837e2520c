"""Trains a net (section 3) on a folder of class folders, or on the embedded images; keeps nets on the way for figure 4."""

from __future__ import annotations

import shlex
from pathlib import Path

import cli

import npzf
from npzf.data import mean_image
from npzf.preprocessing import Preprocessing
from npzf.studies.evolution import EPOCHS
from npzf.training import Trainer, TrainingConfig

NETS = {"zfnet": npzf.zfnet, "krizhevsky": npzf.krizhevsky, "alexnet": npzf.alexnet, "squeezenet": npzf.squeezenet}


def main(args) -> None:
    args.keep = _epochs_to_keep(args.keep)
    if args.resume:
        net = npzf.load(args.resume)
        sets = _sets(args, net)
        trainer = Trainer.resume(args.resume, *sets, args.epochs, args.device, args.precision)
        print(f"going on with {args.resume} in epoch {trainer.epoch + 1}, batch {trainer.batch + 1}")
    else:
        trainer = _new(args)
    print(trainer.net.summary())
    print(f"training on {len(trainer.batches.images)} images, testing on {len(trainer.validation)}; writing to {trainer.folder}/")
    _announce(args.keep, trainer.config.epochs)
    try:
        if trainer.batch == 0:  # an earlier run may have broken off between its checkpoint and the net to be kept
            _keep(trainer, args.keep)
        trainer.run(lambda t: _keep(t, args.keep))
    except KeyboardInterrupt as stop:
        again = ["npzf", "train", args.train, args.validation, "--resume", str(trainer.path)]
        again += [] if args.resize is None else ["--resize", str(args.resize)]
        again += ["--keep", *map(str, args.keep)] if args.keep else []
        raise KeyboardInterrupt(f"{stop}; go on with: {shlex.join(again)}") from None
    for kind, squares in (("training", trainer.batches.images), ("validation", trainer.validation)):
        if squares.failures:
            print(f"{len(squares.failures)} {kind} images could not be decoded and were left out")
    kept = f", and {len(cli.kept_nets(trainer.folder))} nets in epochs" if args.keep else ""
    print(f"done: {trainer.folder}/ has checkpoint.h5 (the last), best.h5 and log.csv{kept}")


def _new(args) -> Trainer:
    classes = cli.images(args.train, "train").classes
    if (Path(args.out) / "checkpoint.h5").exists():
        raise ValueError(
            f"{args.out} has a checkpoint.h5 already: go on with --resume {args.out}/checkpoint.h5, or name another --out"
        )
    if args.net == "small_zfnet":
        net = npzf.small_zfnet(len(classes), args.size, seed=args.seed)
    else:
        net = NETS[args.net](len(classes), seed=args.seed)
    net.classes = classes
    training, validation = _sets(args, net)
    print("taking the mean of the training images")
    std = net.preprocessing.std if args.std is None else args.std
    net.preprocessing = Preprocessing(mean_image(training, net.input_shape[0]), std)
    net.to(args.device, args.precision)
    config = TrainingConfig(
        epochs=TrainingConfig.epochs if args.epochs is None else args.epochs,
        batch=args.batch,
        rate=args.rate,
        momentum=args.momentum,
        decay=args.decay,
        filter_rms=args.filter_rms or None,
        patience=args.patience,
        seed=args.seed,
        save_every=args.save_every,
    )
    return Trainer(net, training, validation, args.out, config)


def _sets(args, net):
    return (
        cli.squares(args.train, "train", net, args.resize),
        cli.squares(args.validation, "validation", net, args.resize),
    )


def _epochs_to_keep(given: list[int] | None) -> list[int]:
    """The epochs that --keep names: none without it, the paper's for a bare one."""
    epochs = list(EPOCHS) if given == [] else sorted(set(given or []))
    if epochs and epochs[0] < 1:
        raise ValueError(f"--keep has {epochs[0]}, expected epochs from 1")
    return epochs


def _announce(epochs: list[int], last: int) -> None:
    """Says which nets will be kept; what lies beyond the last epoch is no error, for training may be resumed with more."""
    beyond = [epoch for epoch in epochs if epoch > last]
    if epochs:
        reached = ", ".join(str(epoch) for epoch in epochs if epoch <= last) or "none"
        never = f"; {', '.join(map(str, beyond))}: not reached in {last} epochs" if beyond else ""
        print(f"keeping the nets after epochs {reached}{never}", flush=True)


def _keep(trainer: Trainer, epochs: list[int]) -> None:
    if trainer.epoch in epochs:
        trainer.net.save(cli.kept_net(trainer.folder, trainer.epoch))


if __name__ == "__main__":
    parser = cli.parser(__doc__.splitlines()[0], "npzf train photos/train photos/val --net zfnet --out runs/photos")
    parser.add_argument("train", nargs="?", default=cli.EMBEDDED, help="folder of class folders, .h5, or 'embedded' (default)")
    parser.add_argument("validation", nargs="?", default=cli.EMBEDDED, help="likewise, for validation")
    parser.add_argument("--net", choices=["small_zfnet", *NETS], default="small_zfnet")
    parser.add_argument("--size", type=int, default=96, help="side of small_zfnet's images in pixels (default 96)")
    parser.add_argument(
        "--resize", type=int, help="shorter side of the images before cropping, in pixels (default 8/7 of the crop)"
    )
    parser.add_argument("--epochs", type=int, help=f"passes over the training images (default {TrainingConfig.epochs})")
    parser.add_argument("--batch", type=int, default=TrainingConfig.batch, help="images a step (default 128)")
    parser.add_argument("--rate", type=float, default=TrainingConfig.rate, help="learning rate (default 0.01)")
    parser.add_argument("--momentum", type=float, default=TrainingConfig.momentum)
    parser.add_argument("--decay", type=float, default=TrainingConfig.decay, help="weight decay (default 0, as in the paper)")
    parser.add_argument(
        "--filter-rms", type=float, default=TrainingConfig.filter_rms, help="largest RMS of a filter (default 0.1); 0: any"
    )
    parser.add_argument(
        "--patience", type=int, default=TrainingConfig.patience, help="epochs without a lower error before the rate falls"
    )
    parser.add_argument(
        "--std",
        type=float,
        help="what pixels less their mean are divided by (default: what the net says; 1 in the paper, 8 in small_zfnet)",
    )
    parser.add_argument(
        "--keep",
        nargs="*",
        type=int,
        metavar="EPOCH",
        help=f"keep the net after each of these epochs, for evolution.py; alone: {' '.join(map(str, EPOCHS))} (default: none)",
    )
    parser.add_argument("--save-every", type=int, default=0, help="batches between checkpoints within an epoch (default: none)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="runs/train", help="folder to write to (default runs/train)")
    parser.add_argument("--resume", help="checkpoint to go on with, in its own folder")
    cli.run(main, parser.parse_args())
