"""Section 5.2, every day: a net for your own classes, from a trained net and a folder with a folder of photographs for each.

Prints the accuracy in cross-validation, each photograph being judged by a classifier that has not seen it. Writes OUT/net.h5,
which all commands take; OUT/confusion.png and .csv; OUT/mistakes.png, the most certain wrong answers; OUT/answers.csv, the answer
for each photograph; OUT/curve.png and .csv, accuracy against training images a class (figure 9); OUT/features.h5. An interrupted
run goes on with the same command.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cli
import cli_transfer
import numpy as np
from cli_options import MOST, whole
from tqdm import tqdm

import npzf
from npzf.data import ClassFolders, centre_crop
from npzf.render import confusion_figure, mistakes_figure, result_figure
from npzf.storage.atomic import atomic_write_csv
from npzf.text import shell_word, short
from npzf.transfer import (
    Cell,
    LinearClassifier,
    Protocol,
    ResultFile,
    Setting,
    Table,
    confusion_matrix,
    cross_validation,
    evaluate_protocol,
    evaluate_split,
    fit_split,
    scores_of,
    with_classifier,
)

CURVE = (1, 2, 3, 6, 10, 15, 20, 30, 60, 100)  # training images a class
OUTPUTS = ("net.h5", "answers.csv", "mistakes.png", "confusion.csv", "confusion.png", "curve.csv", "curve.png")
MISTAKES = 12  # that are shown


def main(args: argparse.Namespace) -> None:
    cli_transfer.check(args, *OUTPUTS)
    images = ClassFolders(args.images, without=())
    check_members(images, args.folds)
    source = cli_transfer.source(args, images)
    setting = cli_transfer.setting(args, source.layers)
    scores = cross_validated(source, setting, args.folds, args.seed)
    report(args, source, scores)
    if not args.no_curve:
        curve(args, source, setting)
    print("fitting the classifier to all images", flush=True)
    everything = np.flatnonzero(source.features.decoded)
    classifier = fit_split(source.features, setting, everything, seed=args.seed)
    net = with_classifier(source.net, source.layers, classifier, images.classes, normalize=setting.normalize)
    check_scores(net, source, setting, classifier)
    path = Path(args.out) / "net.h5"
    net.save(path)
    kept = f"{args.net} up to {' '.join(source.layers)}"
    print(f"{path}: {kept}, and {setting.kind} with C = {classifier.c:g} for {len(images.classes)} classes")
    photograph = shell_word(images.name(0))
    print(f"go on with: npzf explain {path} {photograph}\n            npzf atlas {path} {shell_word(args.images)}")


def check_members(images: ClassFolders, folds: int) -> None:
    """ValueError for a single class, and for classes that are too small to be split."""
    members = cli_transfer.members(images)
    if len(members) < 2:
        raise ValueError(f"number of classes is 1 ({images.classes[0]!r}), expected at least two folders of photographs")
    if members.min() < 2:
        name = images.classes[int(members.argmin())]
        raise ValueError(f"class {name!r} has 1 image, expected at least 2: one to train on and one to test on")
    if folds > members.max() or folds < 2:
        raise ValueError(f"--folds is {folds}, expected 2 to {members.max()}, the images of the largest class")


def cross_validated(source: cli_transfer.Source, setting: Setting, folds: int, seed: int) -> np.ndarray:
    """Scores (N, classes) of each image by a classifier of the folds that it is not in; NaN where it cannot be decoded."""
    features = source.features
    scores = np.full((len(features), len(features.classes)), np.nan)
    kept = np.flatnonzero(features.decoded)
    accuracies = []
    for split in tqdm(cross_validation(features.targets[kept], folds, seed), desc="folds", leave=False, disable=None):
        outcome = evaluate_split(features, setting, type(split)(kept[split.train], kept[split.test]), seed=seed)
        scores[outcome.test] = outcome.scores
        accuracies.append(outcome.accuracy)
    over = Cell.over(accuracies)
    print(f"accuracy in cross-validation, mean over classes: {over} % ({folds} folds)")
    return scores


def report(args: argparse.Namespace, source: cli_transfer.Source, scores: np.ndarray) -> None:
    """The confusion matrix, the worst mistakes, and the answer for each image."""
    features, out = source.features, Path(args.out)
    known = np.flatnonzero(np.isfinite(scores).all(1))
    targets, answers = features.targets[known], scores[known].argmax(1)
    right = targets == answers
    guessing = f"guessing among the classes: {100 / len(features.classes):.1f} %"
    print(f"{right.sum()} of {len(known)} photographs right, {100 * right.mean():.1f} % ({guessing})")
    table = confusion_matrix(answers, targets, len(features.classes))
    print(confusion_figure(table, features.classes, out / "confusion.png"))
    counts = [[name, *row] for name, row in zip(features.classes, table.tolist(), strict=True)]
    print(atomic_write_csv(out / "confusion.csv", [["class", *features.classes], *counts]))
    margin = scores[known, answers] - scores[known, targets]
    judged = zip(known, targets, answers, margin, strict=True)
    rows = [[features.names[i], features.classes[t], features.classes[a], f"{m:.4f}"] for i, t, a, m in judged]
    print(atomic_write_csv(out / "answers.csv", [["image", "class", "answer", "margin"], *rows]))
    worst = np.argsort(-margin, kind="stable")[: min(MISTAKES, int((~right).sum()))]
    if not len(worst):
        (out / "mistakes.png").unlink(missing_ok=True)  # of an earlier run
        print("no photograph was mistaken")
        return
    pixels, _ = source.images.take(known[worst])
    size = source.net.input_shape[:2]
    captions = [f"{short(features.classes[targets[k]])}\ntaken for {short(features.classes[answers[k]])}" for k in worst]
    print(mistakes_figure(list(centre_crop(pixels, size)), captions, out / "mistakes.png"))


def curve(args: argparse.Namespace, source: cli_transfer.Source, setting: Setting) -> None:
    """Figure 9 for these classes: accuracy against training images a class, as far as the smallest class reaches."""
    members = np.bincount(source.features.targets[source.features.decoded], minlength=len(source.features.classes))
    counts = tuple(count for count in CURVE if count < members.min())
    results = ResultFile(Path(args.out) / "results.json")
    cells = evaluate_protocol(source.features, setting, Protocol(counts, (0, 1, 2)), results)
    table = Table("Accuracy (%) against training images a class", "training images a class", tuple(map(str, counts)))
    table.add(f"{setting.kind} on {Path(args.net).name}", [cells[count] for count in counts])
    print(table.text())
    table.write_csv(Path(args.out) / "curve.csv")
    rows = [(label, [None if cell is None else (cell.mean, cell.deviation) for cell in row]) for label, row in table.rows]
    print(result_figure(Path(args.images).name, table.corner, table.heads, rows, Path(args.out) / "curve.png"))


def check_scores(net: npzf.Network, source: cli_transfer.Source, setting: Setting, classifier: LinearClassifier) -> None:
    """Prints by how much the scores of net and classifier differ, for one crop; averages over crops are not in the net."""
    if source.features.crops > 1 or source.features.description["average"]:
        print("the net judges one crop; averages over several are not part of it")
        return
    some = np.flatnonzero(source.features.decoded)[:16]
    pixels, _ = source.images.take(some)
    own = net.forward(net.preprocessing.apply(centre_crop(pixels, net.input_shape[:2])))
    difference = np.abs(own - scores_of(source.features, setting, classifier, some)).max()
    print(f"scores of the net and of the classifier differ by at most {difference:.1g}")


def parser() -> argparse.ArgumentParser:
    made = cli.parser("transfer", __doc__, "alexnet photos --out runs/transfer")
    cli.add_net(made)
    cli_transfer.add_folder(made)
    cli_transfer.add_features(made, "what the net's classifier is given", squash=False)
    cli_transfer.add_classifier(made, "svm")
    made.add_argument("--folds", type=whole(2, MOST), default=5, help="of the cross-validation (default 5)")
    made.add_argument("--no-curve", action="store_true", help="without the curve of figure 9")
    cli.add_seed(made, "the folds")
    cli.add_out(made, "runs/transfer")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
