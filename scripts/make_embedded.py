"""Makes the small image set that comes with npzf, npzf/data/embedded.h5, from Caltech-101 (section 5.2).

Of each class 20 images are for validation and up to 80 of the others for training, chosen at random by a fixed seed. Only ten
distinct classes of Caltech-101 have 100 images (Faces and Faces_easy are the same photographs), so three of the twelve, chosen
for parts that can be seen, have fewer for training: grand_piano 79, butterfly 71, sunflower 65. Each image is its centre square
at 128 x 128 pixels, as JPEG of the best quality that keeps the file within 6,000,000 bytes.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import cli
import numpy as np
from PIL import Image

from npzf.data import ClassFolders, square, write_packed

CLASSES: tuple[str, ...] = ("Faces_easy", "Leopards", "Motorbikes", "airplanes", "bonsai", "butterfly")
CLASSES += ("car_side", "grand_piano", "hawksbill", "ketch", "sunflower", "watch")
TRAINING, VALIDATION = 80, 20  # images of a class
SIDE = 128  # pixels
SEED = 101
LARGEST = 6_000_000  # bytes of the whole file
ORIGIN = "Caltech-101, Fei-Fei, Fergus, Perona 2004"
LICENCE = "CC BY 4.0"


def choose(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the chosen images, class by class, and the split of each: 0 training, 1 validation."""
    generator = np.random.default_rng(SEED)
    chosen, split = [], []
    for label in range(len(CLASSES)):
        shuffled = generator.permutation(np.flatnonzero(labels == label))
        validation, training = np.split(shuffled[: VALIDATION + TRAINING], [VALIDATION])
        chosen += [np.sort(training), np.sort(validation)]
        split += [np.zeros(len(training), int), np.ones(len(validation), int)]
    return np.concatenate(chosen), np.concatenate(split)


def jpeg(pixels: np.ndarray, quality: int) -> bytes:
    """uint8 (H, W, 3) -> JPEG, colour at half the resolution."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:2:0", optimize=True)
    return file.getvalue()


def encode(squares: list[np.ndarray], largest: int) -> tuple[list[bytes], int]:
    """All images as JPEG of the best common quality that takes at most `largest` bytes in all, and that quality."""
    for quality in range(95, 0, -1):
        encoded = [jpeg(pixels, quality) for pixels in squares]
        if sum(map(len, encoded)) <= largest:
            return encoded, quality
    raise ValueError(f"{len(squares)} images are too large at any JPEG quality, expected at most {largest} bytes in all")


def main(args: argparse.Namespace) -> None:
    present = {folder.name for folder in Path(args.folder).glob("*")}
    if missing := sorted(set(CLASSES) - present):
        raise ValueError(f"{args.folder} lacks {', '.join(missing)}, expected a folder for each of {len(CLASSES)} classes")
    images = ClassFolders(args.folder, without=tuple(present - set(CLASSES)))
    chosen, split = choose(images.targets)
    squares = [square(images.image(i), SIDE) for i in chosen]
    names = [Path(images.name(i)).relative_to(args.folder).as_posix() for i in chosen]
    targets = images.targets[chosen]
    overhead = 200 * len(chosen)  # names, offsets, labels and HDF5's own tables, generously
    encoded, quality = encode(squares, LARGEST - overhead)
    write_packed(
        args.out,
        encoded,
        targets=targets,
        names=names,
        split=split,
        classes=CLASSES,
        origin=ORIGIN,
        licence=LICENCE,
    )

    print(f"{'class':12} training validation")
    for target, name in enumerate(CLASSES):
        print(f"{name:12} {np.sum(split[targets == target] == 0):8} {np.sum(split[targets == target] == 1):10}")
    size = Path(args.out).stat().st_size
    print(f"{args.out}: {len(chosen)} images, JPEG quality {quality}, {size:,} bytes")


def parser() -> argparse.ArgumentParser:
    made = cli.parser("make-embedded", __doc__, "caltech101/101_ObjectCategories")
    made.add_argument("folder", help="Caltech-101's folder 101_ObjectCategories")
    cli.add_out(made, "runs/embedded.h5", "file")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
