"""What the scripts of section 5.2 share: options of features, classifiers and splits, and what becomes of them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cli
import numpy as np
from cli_options import LARGEST, MOST, PIXELS, number, one_of, whole
from cli_outputs import claim

import npzf
from npzf.backend.environment import processor
from npzf.data import ClassFolders, ImageSet, SquareImages, check_takes_images, resized_side
from npzf.interop.packages import required
from npzf.render import result_figure
from npzf.transfer import (
    KINDS,
    FeatureFile,
    Protocol,
    Result,
    Setting,
    Table,
    default_layer,
    extract_features,
    random_split,
    read_overlap,
    with_pooled,
)

BACKGROUND = ("BACKGROUND_Google", "257.clutter")  # of Caltech-101 and of Caltech-256


@dataclass(frozen=True)
class Source:
    """A net whose output are the features, their layers, and the images they are of."""

    net: npzf.Network
    layers: tuple[str, ...]
    images: SquareImages
    features: FeatureFile


def add_features(options: argparse.ArgumentParser, layers: str, *, squash: bool) -> None:
    """Options of what is taken from the net for each image; squash: whether the whole image is the default."""
    group = options.add_argument_group("features")
    group.add_argument("--layers", nargs="+", metavar="LAYER", help=f"whose features are taken (default: {layers})")
    group.add_argument(
        "--cells",
        type=whole(0, PIXELS),
        default=7,
        help="maps are averaged to at most CELLS x CELLS places (default 7); 0: as they are",
    )
    group.add_argument(
        "--crops",
        type=one_of(1, 2, 10),
        choices=[1, 2, 10],
        default=1,
        help="of an image: centre, its mirror image too, or corners too (default 1)",
    )
    group.add_argument("--average", action="store_true", help="the mean of an image's crops instead of an example for each")
    group.add_argument(
        "--fit",
        choices=["squash", "centre"],
        default="squash" if squash else "centre",
        help=f"whole image, its sides made alike, or its centre square (default {'squash' if squash else 'centre'})",
    )
    group.add_argument("--resize", type=whole(1, PIXELS), metavar="SIDE", help="pixels to which it is resized before cropping")
    group.add_argument(
        "--no-unit-length", action="store_true", help="features as they are, not scaled to unit length layer by layer"
    )
    group.add_argument("--float16", action="store_true", help="keep features in half the space")
    cli.add_batch(group, 32, "crops in one pass")


def add_folder(options: argparse.ArgumentParser) -> None:
    options.add_argument("images", help="folder of class folders")


def add_classifier(options: argparse.ArgumentParser, default: str) -> None:
    words = f"one linear SVM a class, or softmax regression (default {default})"
    options.add_argument("--classifier", choices=KINDS, default=default, help=words)
    add_c(options)


def add_c(options: argparse.ArgumentParser) -> None:
    words = "weights of the errors that are tried out on the training images alone"
    options.add_argument("--c", nargs="+", type=number(0, LARGEST, above=True), metavar="C", help=words)


def add_protocol(options: argparse.ArgumentParser, counts: Sequence[int]) -> None:
    """Options of the splits."""
    group = options.add_argument_group("splits")
    words = f"training images a class (default {' '.join(map(str, counts))})"
    group.add_argument("--per-class", nargs="+", type=whole(1, MOST), default=list(counts), metavar="N", help=words)
    group.add_argument("--folds", type=whole(1, MOST), default=5, help="random splits, by seeds 0, 1, ... (default 5)")
    group.add_argument(
        "--most-test", type=whole(0, MOST), default=50, metavar="N", help="test images a class at most (default 50); 0: all"
    )
    group.add_argument("--background", action="store_true", help="with Caltech's background or clutter as a class")
    group.add_argument("--without", metavar="CSV", help="leave out the images that npzf overlap has found")


def check(args: argparse.Namespace, *outputs: str) -> None:
    """What can be known before any work: packages, and files that will be written, in OUT."""
    required("sklearn", "transfer")
    claim(args.out, "results.json", *outputs)
    Path(args.out).mkdir(parents=True, exist_ok=True)


def class_folders(args: argparse.Namespace) -> ClassFolders:
    """The images of class folders, Caltech's background left out unless asked for; ValueError if there are too few."""
    images = ClassFolders(args.images, without=() if getattr(args, "background", False) else BACKGROUND)
    if len(images.classes) < 2:
        raise ValueError(f"number of classes is 1 ({images.classes[0]!r}), expected at least two folders of photographs")
    given = getattr(args, "split_files", None) or getattr(args, "split_lists", None)
    for per_class in () if given else getattr(args, "per_class", None) or ():
        random_split(images.targets, images.classes, per_class)
    return images


def source(args: argparse.Namespace, images: ImageSet, layers: Sequence[str] | None = None, name: str = "features.h5") -> Source:
    """The features that the options name, out of OUT/NAME or computed; layers: the default."""
    net = cli.load_net(args)
    check_takes_images(net)
    chosen = args.layers or layers or [default_layer(net)]
    for layer in chosen:
        if layer not in net.layers:
            raise ValueError(f"--layers has {layer!r}, expected one of {', '.join(net.layers)}")
    net, names = with_pooled(net, chosen, args.cells or None)
    side = args.resize
    if side is None:
        side = max(net.input_shape[:2]) if args.fit == "squash" and args.crops < 10 else resized_side(net)
    squares = SquareImages(images, side, channels=net.input_shape[2], squash=args.fit == "squash")
    path = Path(args.out) / name
    claim(args.out, name)
    shapes = ", ".join(f"{layer} {'x'.join(map(str, net.shapes[layer]))}" for layer in names)
    print(f"features of {len(images)} images at {shapes}", flush=True)
    options: dict[str, Any] = {"crops": args.crops, "average": args.average, "batch": args.batch}
    features = extract_features(net, squares, names, path, dtype="float16" if args.float16 else "float32", **options)
    cli.report_failures(squares)
    return Source(net, names, squares, features)


def setting(args: argparse.Namespace, layers: tuple[str, ...], kind: str | None = None) -> Setting:
    """What is classified and how."""
    return Setting(layers, kind or args.classifier, not args.no_unit_length, tuple(args.c) if args.c else None)


def protocol(args: argparse.Namespace, images: ImageSet, features: FeatureFile) -> Protocol:
    """The splits that the options name; ValueError if one cannot be made."""
    without = tuple(read_overlap(args.without, images).tolist()) if args.without else ()
    if without:
        print(f"{len(without)} images are left out, which {args.without} names")
    made = Protocol(tuple(args.per_class), tuple(range(args.folds)), args.most_test or None, without)
    made.check(features)
    return made


def announce(per_class: int, seed: int, result: Result) -> None:
    """Prints what one split gave."""
    words = f"{per_class} a class, seed {seed}: {result.accuracy:.1f} %"
    chosen = "" if result.c is None else f", C {result.c:g}"
    print(f"{words}{chosen}, {result.seconds:.0f} s", flush=True)


def finish(args: argparse.Namespace, table: Table, name: str, **options: Any) -> None:
    """Prints the table with what it took, and writes it as CSV and as a picture."""
    print(f"\n{table.text()}\n")
    if seconds := table.seconds():
        print(f"on {os.cpu_count()} x {processor()}:\n{seconds}\n")
    print(table.write_csv(Path(args.out) / f"{name}.csv"))
    rows = [(label, [None if cell is None else (cell.mean, cell.deviation) for cell in cells]) for label, cells in table.rows]
    print(result_figure(table.title, table.corner, table.heads, rows, Path(args.out) / f"{name}.png", **options))


def members(images: ImageSet) -> np.ndarray:
    """How many images each class has."""
    return np.bincount(images.targets, minlength=len(images.classes))
