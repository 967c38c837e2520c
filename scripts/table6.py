"""Table 6: PASCAL VOC's classification by the features of a trained net, one classifier a class, judged by average precision.

Takes a folder in VOC's layout: JPEGImages, Annotations, ImageSets/Main. Prints the table beside the paper's numbers for VOC 2012,
in both of VOC's forms and in scikit-learn's; writes OUT/table6.csv and OUT/table6.png, OUT/net.h5, a net for these classes, and
the test images' scores as VOC's server reads them, OUT/submission/comp2_cls_LIST_CLASS.txt. Images of which all objects of a
class are difficult count neither for that class nor against it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cli
import cli_transfer
import numpy as np

from npzf.data import VOCFolder
from npzf.transfer import Cell, Table, fit_labels, label_scores, with_classifier
from npzf.transfer.average_precision import FORMS, mean_average_precision
from npzf.transfer.evaluation import example_rows
from npzf.transfer.paper import TABLE_6
from npzf.transfer.voc_submission import write_submission

WORDS = {"area": "area (VOC 2010 and later)", "11-point": "11 points (VOC 2007)", "step": "without envelope (scikit-learn)"}


def main(args: argparse.Namespace) -> None:
    cli_transfer.check(args)
    lists = [VOCFolder(args.images, name) for name in args.train]
    test = VOCFolder(args.images, args.test)
    if shared := set(test.ids) & {i for images in lists for i in images.ids}:
        raise ValueError(f"--test {args.test} has {len(shared)} images of {' '.join(args.train)}, expected others")
    check_positive(lists, " ".join(args.train), both=True)
    judged = not test.difficult.all()
    if judged:
        check_positive([test], args.test, both=False)
    start = time.perf_counter()
    named = zip(lists, args.train, strict=True)
    found = [cli_transfer.source(args, images, name=f"features-{name}.h5") for images, name in named]
    setting = cli_transfer.setting(args, found[0].layers)
    parts = [(one.features, np.flatnonzero(one.features.decoded)) for one in found]
    rows = np.concatenate([example_rows(features, setting, kept) for features, kept in parts])
    targets = np.concatenate([images.targets[kept] for images, (_, kept) in zip(lists, parts, strict=True)])
    counted = np.concatenate([~images.difficult[kept] for images, (_, kept) in zip(lists, parts, strict=True)])
    classifier = fit_labels(rows, targets, counted, setting.kind, setting.grid)
    tested = cli_transfer.source(args, test, name=f"features-{args.test}.h5").features
    kept = np.flatnonzero(tested.decoded)
    scores = label_scores(example_rows(tested, setting, kept), classifier)
    seconds = time.perf_counter() - start
    print(f"{len(rows)} training and {len(kept)} test images, {setting.kind} with C = {classifier.c:g}, {seconds:.0f} s")
    if judged:
        write_table(args, test, scores, kept)
    else:
        print(f"{args.test} has no labels: there are scores for VOC's server, and no table")
    files = write_submission(Path(args.out) / "submission", [test.ids[i] for i in kept], test.classes, scores, args.test)
    print(f"{files[0].parent}: {len(files)} files in VOC's form")
    net = with_classifier(found[0].net, found[0].layers, classifier, test.classes, normalize=setting.normalize)
    net.save(Path(args.out) / "net.h5")
    print(f"{Path(args.out) / 'net.h5'}: {args.net} up to {' '.join(found[0].layers)}, and a classifier for each class")


def write_table(args: argparse.Namespace, test: VOCFolder, scores: np.ndarray, kept: np.ndarray) -> None:
    """Average precision in percent, by class and its mean, in all three forms, and the paper's."""
    heads = (*test.classes, "mean")
    table = Table(f"Table 6: {Path(args.images).name}, list {args.test}, average precision", "class", heads)
    for form in FORMS:
        mean, by_class = mean_average_precision(scores, test.targets[kept], form, test.difficult[kept])
        table.add(f"{Path(args.net).name}, {WORDS[form]}", [Cell(100 * value) for value in (*by_class, mean)])
    table.add("paper, VOC 2012", [Cell(TABLE_6[name]) if name in TABLE_6 else None for name in heads])
    cli_transfer.finish(args, table, "table6", unit="average precision (%)", ordered=False)


def check_positive(lists: list[VOCFolder], name: str, *, both: bool) -> None:
    """ValueError, before any work, for a class that no image has, or that every one has if both kinds are needed."""
    targets, counted = (np.concatenate(part) for part in zip(*((i.targets, ~i.difficult) for i in lists), strict=True))
    for label, words in enumerate(lists[0].classes):
        known = targets[:, label][counted[:, label]]
        if not known.any() or (both and known.all()):
            raise ValueError(f"list {name} has {'no image' if not known.any() else 'only images'} with {words!r}, expected some")


def parser() -> argparse.ArgumentParser:
    made = cli.parser("table6", __doc__, "alexnet VOC2012 --train train --test val --out runs/table6")
    cli.add_net(made)
    made.add_argument("images", help="folder in VOC's layout")
    made.add_argument("--train", nargs="+", default=["train"], metavar="LIST", help="lists to train on (default train)")
    made.add_argument("--test", default="val", metavar="LIST", help="list to test on (default val)")
    cli_transfer.add_features(made, "what the net's classifier is given", squash=True)
    cli_transfer.add_classifier(made, "svm")
    cli.add_out(made, "runs/table6")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
