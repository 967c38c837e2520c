"""Section 5.2: finds images of a target set that are near duplicates of images in the set for pretraining.

They were rescaled, cropped by up to 10 % a side or to their centre square, mirrored, recompressed, or made grey. Prints how many
images overlap, and writes the pairs as a .csv file, whose target images other commands leave out. For near duplicates inside one
set, give it twice: without the targets, the first of each group remains.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cli
from cli_options import number
from cli_outputs import out_file

from npzf.data import ImageSet
from npzf.render import draw_pairs, save_png
from npzf.text import printable
from npzf.transfer.descriptors import ImageDescriptors, describe_images
from npzf.transfer.overlap import LOWEST, THRESHOLD, Pair, near_duplicates, target_indices
from npzf.transfer.overlap_file import short_names, write_overlap

SHOWN = 60  # pairs on a sheet
LISTED = 10  # pairs printed


def main(args: argparse.Namespace) -> None:
    cli.check_png("--sheet", args.sheet)
    if Path(args.out).suffix.lower() != ".csv":
        raise ValueError(f"--out is {args.out}, expected a name that ends in .csv")
    pretraining = cli.image_set(args.pretraining, args.split, labels=False)
    within = Path(args.target).resolve() == Path(args.pretraining).resolve()
    target = pretraining if within else cli.image_set(args.target, args.split, labels=False)
    print(f"{len(target)} images" + ("" if within else f", {len(pretraining)} for pretraining"))
    described = describe(pretraining)
    pairs = near_duplicates(described if within else describe(target), described, args.threshold, progress=True)
    overlapping = len(target_indices(pairs))
    print(f"{overlapping} of {len(target)} images ({overlapping / len(target):.2%}) overlap, in {len(pairs)} pairs")
    names, others = short_names(target), short_names(pretraining)
    for pair in pairs[:LISTED]:
        print(f"  {printable(names[pair.target_index])}  {printable(others[pair.pretraining_index])}  {caption(pair)}")
    if len(pairs) > LISTED:
        print(f"  and {len(pairs) - LISTED} more")
    print(write_overlap(args.out, pairs, target, pretraining))
    if args.sheet and pairs:
        print(write_sheet(args.sheet, pairs, target, pretraining))
    elif args.sheet:
        print(f"no pairs: {args.sheet} is not written")


def describe(images: ImageSet) -> ImageDescriptors:
    """The descriptors of a set; prints how many images were left out, if any were."""
    described = describe_images(images, progress=True)
    if described.failures:
        print(f"{len(described.failures)} images could not be decoded and were left out")
    return described


def caption(pair: Pair) -> str:
    return f"{pair.similarity:.3f}" + (", mirrored" if pair.mirrored else "")


def write_sheet(path: str, pairs: list[Pair], target: ImageSet, pretraining: ImageSet) -> Path:
    """Writes the pairs side by side, or if they are many, some of all similarities, in order."""
    step = -(-len(pairs) // SHOWN)
    shown = pairs[::step]
    pictures = [(target.image(pair.target_index), pretraining.image(pair.pretraining_index)) for pair in shown]
    return save_png(draw_pairs(pictures, [caption(pair) for pair in shown]), path)


def parser() -> argparse.ArgumentParser:
    example = "imagenet/train caltech101/101_ObjectCategories --out runs/overlap.csv --sheet runs/overlap.png"
    made = cli.parser("overlap", __doc__, example)
    kinds = f"folder of images or of class folders, packed .h5, or '{cli.EMBEDDED}'"
    made.add_argument("pretraining", help=f"images that a net is trained on: {kinds}")
    made.add_argument("target", help="images that it is tried on: the same kinds")
    made.add_argument("--split", choices=["train", "validation"], help=f"of packed .h5 and '{cli.EMBEDDED}' (default both)")
    words = f"similarity from which images are the same, {LOWEST} to 1 (default {THRESHOLD})"
    made.add_argument("--threshold", type=number(LOWEST, 1), default=THRESHOLD, help=words)
    cli.add_out(made, "runs/overlap.csv", "table of the pairs")
    made.add_argument("--sheet", type=out_file, metavar="PNG", help=f"also write pairs side by side, {SHOWN} at most")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
