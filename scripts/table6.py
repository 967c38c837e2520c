"""Table 6: PASCAL VOC's classification by the features of a trained net, one classifier a class, judged by average precision.

Takes a folder in VOC's layout: JPEGImages, Annotations, ImageSets/Main. Prints the table beside the paper's numbers for VOC 2012,
in both of VOC's forms and in scikit-learn's; writes OUT/table6.csv and OUT/table6.png, OUT/net.h5, a net for these classes, and
the test images' scores as VOC's server reads them, OUT/submission/comp2_cls_LIST_CLASS.txt. Images of which all objects of a
class are difficult count neither for that class nor against it. For a list without annotations, such as VOC's own test list,
there are scores and no table.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cli
import cli_transfer
import numpy as np
from cli_outputs import claim

from npzf.data import ImageFolder, VOCFolder
from npzf.transfer import Cell, Table, fit_labels, read_overlap, scores_of, with_classifier
from npzf.transfer.average_precision import FORMS, mean_average_precision
from npzf.transfer.evaluation import example_rows
from npzf.transfer.paper import TABLE_6
from npzf.transfer.voc_submission import submission_files, write_submission

WORDS = {"area": "area", "11-point": "11 points", "step": "step"}
MEANING = (
    "area: under precision as a function of recall, as VOC has it from 2010 on, and the paper; 11 points: as VOC had it before;\n"
    "step: scikit-learn's, where precision may rise again with recall"
)


def main(args: argparse.Namespace) -> None:
    cli_transfer.check(args, "net.h5", "table6.csv", "table6.png")
    lists, test = [(name, VOCFolder(args.images, name)) for name in args.train], VOCFolder(args.images, args.test)
    check_lists(args, lists, test)
    without = overlapping_ids(args)
    labels, judged = [counting(images, without) for _, images in lists], counting(test, without)
    secret = bool(test.difficult.all())
    check_labels(args, test.classes, np.concatenate(labels), None if secret else judged)
    found = [cli_transfer.source(args, images, name=f"features-{name}.h5") for name, images in lists]
    tested = cli_transfer.source(args, test, name=f"features-{args.test}.h5").features
    decoded = [np.flatnonzero(part.features.decoded) for part in found]  # the others have no features
    kept = np.flatnonzero(tested.decoded)
    targets, judged = np.concatenate([one[i] for one, i in zip(labels, decoded, strict=True)]), judged[kept]
    check_labels(args, test.classes, targets, None if secret else judged)

    start = time.perf_counter()
    setting = cli_transfer.setting(args, found[0].layers)
    rows = np.concatenate([example_rows(part.features, setting, i) for part, i in zip(found, decoded, strict=True)])
    classifier = fit_labels(rows, targets == 1, targets != 0, setting.kind, setting.grid)
    scores = scores_of(tested, setting, classifier, kept)
    seconds = time.perf_counter() - start
    total = sum(len(images) for _, images in lists)
    print(f"trained on {len(rows)} of {total} images: {setting.kind}, C {classifier.c:g}; {seconds:.1f} s with the scores")
    files = write_submission(Path(args.out) / "submission", [test.ids[i] for i in kept], test.classes, scores, args.test)
    print(f"{files[0].parent}: scores of {len(kept)} of {len(test)} images of {args.test}, {len(files)} files in VOC's form")
    net = with_classifier(found[0].net, found[0].layers, classifier, test.classes, normalize=setting.normalize)
    net.save(Path(args.out) / "net.h5")
    print(f"{Path(args.out) / 'net.h5'}: {args.net} up to {' '.join(found[0].layers)}, and a classifier for each class")
    if secret:
        print(f"{args.test} has no annotations: there are scores for VOC's server, and no table")
    else:
        write_table(args, test.classes, scores, judged, seconds)


def check_lists(args: argparse.Namespace, lists: list[tuple[str, VOCFolder]], test: VOCFolder) -> None:
    """ValueError, before any work, for an image in two lists, and for names that VOC's result files cannot have."""
    seen: dict[str, str] = {}
    for name, images in [*lists, (args.test, test)]:
        if shared := [i for i in images.ids if i in seen]:
            raise ValueError(f"list {name} has {len(shared)} images of {seen[shared[0]]}, one is {shared[0]}; expected others")
        seen |= dict.fromkeys(images.ids, name)
    files = submission_files(Path(args.out) / "submission", test.ids, test.classes, args.test)
    claim(files[0].parent, *(file.name for file in files))


def overlapping_ids(args: argparse.Namespace) -> set[str]:
    """The images of the whole folder that --without names."""
    if not args.without:
        return set()
    photographs = ImageFolder(Path(args.images) / "JPEGImages")
    ids = {Path(photographs.name(i)).stem for i in read_overlap(args.without, photographs)}
    print(f"{len(ids)} images count neither in training nor in the table, which {args.without} names")
    return ids


def counting(images: VOCFolder, without: set[str]) -> np.ndarray:
    """Labels (n, classes): 1 with the class, -1 without it, 0 where an image does not count: difficult ones, those left out."""
    labels = np.where(images.targets, 1, -1).astype(np.int8)
    labels[images.difficult | np.array([[i in without] for i in images.ids])] = 0
    return labels


def check_labels(args: argparse.Namespace, classes: tuple[str, ...], train: np.ndarray, test: np.ndarray | None) -> None:
    """ValueError for a class without images with it and without it to train on, or with it to test on, if there are labels."""
    needed = [(" ".join(args.train), train, 1), (" ".join(args.train), train, -1)]
    for name, labels, wanted in needed if test is None else [*needed, (args.test, test, 1)]:
        if missing := np.flatnonzero(~(labels == wanted).any(0)).tolist():
            what = f"{'with' if wanted == 1 else 'without'} {classes[missing[0]]!r}"
            raise ValueError(f"list {name} has no image {what} that counts, expected at least one")


def write_table(
    args: argparse.Namespace, classes: tuple[str, ...], scores: np.ndarray, labels: np.ndarray, seconds: float
) -> None:
    """Average precision in percent, by class and its mean, in all three forms, and the paper's."""
    heads = (*classes, "mean")
    title = f"Table 6: {Path(args.images).absolute().name}, {' and '.join(args.train)} to {args.test}, average precision"
    table = Table(title, "class", heads, down=True)
    for form in FORMS:
        mean, by_class = mean_average_precision(scores, labels == 1, form, labels == 0)
        cells = [Cell(100 * value) for value in by_class]
        took = seconds if form == "area" else None
        table.add(f"{Path(args.net).name}, {WORDS[form]}", [*cells, Cell(100 * mean, seconds=took)])
    table.add("paper, VOC 2012", [Cell(TABLE_6[name]) if name in TABLE_6 else None for name in heads])
    cli_transfer.finish(args, table, "table6", unit="average precision (%)", ordered=False)
    print(MEANING)
    vocs = set(TABLE_6) - {"mean"}
    if (shared := vocs & set(classes)) and vocs != set(classes):
        here = np.mean([TABLE_6[name] for name in shared])
        print(f"the paper's mean is over VOC's {len(vocs)} classes; over the {len(shared)} of them here it is {here:.1f}")


def parser() -> argparse.ArgumentParser:
    made = cli.parser("table6", __doc__, "alexnet VOC2012 --train train --test val --out runs/table6")
    cli.add_net(made)
    made.add_argument("images", help="folder in VOC's layout")
    made.add_argument("--train", nargs="+", default=["train"], metavar="LIST", help="lists to train on (default train)")
    made.add_argument("--test", default="val", metavar="LIST", help="list to test on (default val)")
    made.add_argument("--without", metavar="CSV", help="leave out the images that npzf overlap has found")
    cli_transfer.add_features(made, "what the net's classifier is given", squash=True)
    cli_transfer.add_classifier(made, "svm")
    cli.add_out(made, "runs/table6")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
