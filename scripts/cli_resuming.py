"""How npzf train goes on with a run: what the command line may change, and the command that goes on (section 3)."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cli

import npzf
from npzf.backend import describe
from npzf.backend.threads import count
from npzf.data import SquareImages
from npzf.text import shell_word
from npzf.training import Trainer
from npzf.training.generations import stored
from npzf.training.resuming import MAY_CHANGE

OF_SMALL_ZFNET = ("size", "maps", "fc_units", "dropout")  # its own options
OF_THE_NET = ("net", *OF_SMALL_ZFNET, "norm", "init", "start", "upto", "mean", "std", "range", "channels")  # how a run begins
OF_THE_CONFIG = ("batch", "seed", "schedule", "loss", "freeze")  # stay as the run began


def resumed_folder(args: argparse.Namespace, given: set[str]) -> Path:
    """The folder of the checkpoint; ValueError if --out names another one."""
    folder = Path(args.resume).parent
    if "out" in given and Path(args.out).resolve() != folder.resolve():
        raise ValueError(f"--out is {args.out}, expected {folder} or none: a run goes on in its own folder")
    if not folder.is_dir():
        raise FileNotFoundError(f"{args.resume} does not exist, expected a checkpoint written by training")
    return folder


def resumed_trainer(args: argparse.Namespace, given: set[str]) -> Trainer:
    """The run of the checkpoint, with what the command line changes; ValueError for what it must not."""
    found, printed = stored(args.resume), describe(args.device)
    check_as_begun(args, given, found.state)
    side = found.state["images"]["training"]["side"]
    images = image_sets(args, found.net, args.resize if "resize" in given else side)
    changes = {name: getattr(args, name) for name in MAY_CHANGE if name in given}
    if "filter_rms" in given:
        changes["filter_rms"] = args.filter_rms or None
    if "threads" not in given:
        npzf.set_threads(found.state["computing"]["threads"])
    device, precision = (getattr(args, name) if name in given else None for name in ("device", "precision"))
    accept = args.accept_changed_images
    trainer = Trainer.resume(found, *images, None, device, precision, changes=changes, accept_changed_images=accept)
    if "ops" in given:
        trainer.net.ops = args.ops
    print(f"going on with {args.resume} in epoch {trainer.epoch + 1}, batch {trainer.batch + 1}")
    if trainer.config.schedule == "cosine" and "epochs" in given:
        print(f"the cosine is now one of {trainer.config.epochs} epochs: the rate goes on at {trainer.schedule.rate:g}")
    if (device_now := describe(trainer.net.device)) != printed:
        print(f"as the run began: {device_now}")
    return trainer


def check_as_begun(args: argparse.Namespace, given: set[str], state: Mapping[str, Any]) -> None:
    """ValueError for an option that says otherwise than the run began with, and cannot change."""
    config, notes = state["config"], state["notes"]
    began = {name: config.get(name) for name in OF_THE_CONFIG} | {name: notes.get(name) for name in OF_THE_NET}
    began["rates"] = [f"{layer}={rate:g}" for layer, rate in config["rates"].items()] or None
    for name, value in began.items():
        if name in given and getattr(args, name) != value:
            words = "none" if value is None else in_words(value)
            raise ValueError(f"--{dashed(name)} is {in_words(getattr(args, name))}, expected {words}, as the run began")


def given_options(options: argparse.ArgumentParser) -> set[str]:
    """The arguments and options that the command line gives, as they are called in args."""
    nothing = object()
    preset = argparse.Namespace(**dict.fromkeys(vars(options.parse_args([])), nothing))
    return {name for name, value in vars(options.parse_args(namespace=preset)).items() if value is not nothing}


def resuming_command(args: argparse.Namespace, keep: list[int], trainer: Trainer, path: Path | None = None) -> list[str]:
    """What has to be typed to go on with the same bits; path: the checkpoint, by default the last."""
    command = ["npzf", "train", args.train, args.validation, "--resume", str(path or trainer.path), "--threads", str(count())]
    for name, value in (("device", trainer.net.device), ("precision", trainer.net.precision), ("ops", trainer.net.ops)):
        command += [f"--{name}", value]
    if args.pixel_limit is not None:
        command += ["--pixel-limit", str(args.pixel_limit)]
    return [*command, "--keep", *map(str, keep)] if keep else command


def typed(command: Sequence[str]) -> str:
    """The command as it has to be typed."""
    return " ".join(map(shell_word, command))


def image_sets(args: argparse.Namespace, net: npzf.Network, side: int | None) -> tuple[SquareImages, SquareImages]:
    """The training and validation images, as squares for the net of this side in pixels, None for what suits it."""
    pairs = ((args.train, "train"), (args.validation, "validation"))
    training, validation = (cli.square_images(where, split, net, side) for where, split in pairs)
    return training, validation


def refuse_options(args: argparse.Namespace, names: Sequence[str], when: str) -> None:
    """ValueError if one of these options is given."""
    for name in names:
        if (value := getattr(args, name)) is not None:
            raise ValueError(f"--{dashed(name)} is {in_words(value)}, expected none {when}")


def dashed(name: str) -> str:
    """An option as it is typed."""
    return name.replace("_", "-")


def in_words(value: object) -> str:
    """An option's value as it is typed."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
