"""What the scripts of Tables 4 and 5 share: one table for two sets of Caltech's, from scratch and with a trained net."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import cli
import cli_transfer
from cli_options import LARGEST, MOST, number, whole

from npzf.data import ImageSet, SquareImages, resized_side
from npzf.training import TrainingConfig
from npzf.transfer import (
    KINDS,
    Cell,
    FeatureFile,
    Protocol,
    Result,
    ResultFile,
    Split,
    Table,
    evaluate_protocol,
    read_split,
    result_key,
    split_identity,
    write_splits,
)
from npzf.transfer.scratch import scratch_accuracy


def add_options(options: argparse.ArgumentParser, counts: Sequence[int], out: str) -> None:
    """The options of Tables 4 and 5."""
    cli.add_net(options)
    cli_transfer.add_folder(options)
    options.add_argument(
        "--classifiers", nargs="+", choices=KINDS, default=["softmax", "svm"], help="on the features (default both)"
    )
    cli_transfer.add_c(options)
    group = options.add_argument_group("from scratch")
    group.add_argument("--scratch", action="store_true", help="train the same net from new weights on each split, too")
    group.add_argument("--epochs", type=whole(1, MOST), default=40, help="of that training (default 40)")
    group.add_argument(
        "--rate",
        type=number(0, LARGEST, above=True),
        default=1e-2,
        help="learning rate, which falls along a cosine (default 0.01)",
    )
    group.add_argument("--decay", type=number(0, LARGEST), default=5e-4, help="weight decay (default 0.0005)")
    group.add_argument("--scratch-batch", type=whole(1, MOST), default=32, metavar="N", help="images a step (default 32)")
    group.add_argument("--scratch-folds", type=whole(1, MOST), metavar="N", help="only the first so many splits (default all)")
    cli_transfer.add_features(options, "what the net's classifier is given", squash=True)
    group = options.add_argument_group("splits of others, instead of random ones")
    words = "as npzf or others wrote them: train or test, a tab and a path in each line; or JSON with lists train and test"
    group.add_argument("--split-files", nargs="+", metavar="FILE", help=words)
    group.add_argument("--split-lists", nargs=2, metavar=("TRAIN", "TEST"), help="one split, a list of paths for each part")
    cli_transfer.add_protocol(options, counts)
    cli.add_out(options, out)


def print_table(
    args: argparse.Namespace, name: str, title: str, paper: Mapping[str, Mapping[int, tuple[float, float | None]]]
) -> None:
    """Table 4 or 5: a row for each classifier, one from scratch if asked for, and the paper's."""
    cli_transfer.check(args, f"{name}.csv", f"{name}.png")
    images = cli_transfer.class_folders(args)
    given = given_splits(args, images)
    found = cli_transfer.source(args, images)
    if given:
        table_of_given_splits(args, found, given, name, title)
        return
    splits = cli_transfer.protocol(args, images, found.features)
    write_splits(Path(args.out) / "splits", found.features, splits, args.images)
    results = ResultFile(Path(args.out) / "results.json")
    counts = splits.per_class
    table = Table(f"{title}: {Path(args.images).name}", "training images a class", tuple(map(str, counts)))
    net = Path(args.net).name
    if args.scratch:
        cells = from_scratch(args, images, splits, found.features, results)
        table.add(f"{net}, from scratch", [cells[count] for count in counts])
    for kind in args.classifiers:
        print(f"{kind} on {' '.join(found.layers)}", flush=True)
        cells = evaluate_protocol(
            found.features, cli_transfer.setting(args, found.layers, kind), splits, results, cli_transfer.announce
        )
        table.add(f"{net}, {kind} on {' '.join(found.layers)}", [cells[count] for count in counts])
    for label, numbers in paper.items():
        table.add(label, [Cell(*numbers[count]) if count in numbers else None for count in counts])
    cli_transfer.finish(args, table, name)


def given_splits(args: argparse.Namespace, images: ImageSet) -> list[Split]:
    """The splits that files name; ValueError, before any work, for images that there are not, or with --scratch."""
    names = [images.name(i) for i in range(len(images))]
    splits = [read_split(path, names) for path in args.split_files or ()]
    if args.split_lists:
        splits.append(read_split(args.split_lists[0], names, args.split_lists[1]))
    if splits and (args.scratch or args.without):
        raise ValueError("--scratch and --without are for random splits, expected neither with splits from files")
    return splits


def table_of_given_splits(
    args: argparse.Namespace, found: cli_transfer.Source, splits: list[Split], name: str, title: str
) -> None:
    """A row for each classifier, over splits that others have chosen."""
    results = ResultFile(Path(args.out) / "results.json")
    table = Table(f"{title}: {Path(args.images).name}", "splits", (f"{len(splits)} given",))
    for kind in args.classifiers:
        judged = [
            results.evaluate(found.features, cli_transfer.setting(args, found.layers, kind), split, number)
            for number, split in enumerate(splits)
        ]
        over = Cell.over([result.accuracy for result in judged], sum(result.seconds for result in judged))
        table.add(f"{Path(args.net).name}, {kind} on {' '.join(found.layers)}", [over])
    cli_transfer.finish(args, table, name)


def from_scratch(
    args: argparse.Namespace, images: ImageSet, splits: Protocol, features: FeatureFile, results: ResultFile
) -> dict[int, Cell]:
    """Training images a class -> accuracy of the net trained from new weights on each split."""
    net = cli.load_net(args)
    side = resized_side(net) if args.resize is None else args.resize
    squares = SquareImages(images, side, channels=net.input_shape[2], squash=args.fit == "squash")
    cells = {}
    for per_class in splits.per_class:
        found = []
        for seed in splits.seeds[: args.scratch_folds]:
            config = TrainingConfig(
                epochs=args.epochs,
                batch=args.scratch_batch,
                rate=args.rate,
                decay=args.decay,
                filter_rms=None,
                schedule="cosine",
                seed=seed,
            )
            split = splits.split(features, per_class, seed)
            parts = ("scratch", features.identity["net"], features.identity["images"], config, side, *split_identity(split))
            # The key tells apart what trainings depend on: none goes on where another one stopped.
            folder = Path(args.out) / "scratch" / f"{per_class}-a-class-seed-{seed}-{result_key(parts)[:8]}"

            def compute(split: Split = split, folder: Path = folder, config: TrainingConfig = config) -> Result:
                return scratch_accuracy(net, squares, split, folder, config)

            found.append(results.known(parts, compute))
            cli_transfer.announce(per_class, seed, found[-1])
        cells[per_class] = Cell.over([result.accuracy for result in found], sum(result.seconds for result in found))
    return cells
