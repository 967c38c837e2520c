"""Make npzf/data/embedded.h5, the small image set that comes with npzf, from Caltech-101 (section 5.2).

Of each class 20 images are for validation and up to 80 of the others for training, chosen at random by a
fixed seed. Only ten distinct classes of Caltech-101 have 100 images (Faces and Faces_easy are the same
photographs), so three of the twelve, chosen for parts that can be seen, have fewer for training:
grand_piano 79, butterfly 71, sunflower 65. Each image is its centre square at 128 x 128 pixels, as JPEG of
the best quality that keeps the file within 6,000,000 bytes.

example:
    npzf make_embedded caltech101/101_ObjectCategories
"""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

import npzf
from npzf.data import ClassFolders, square, write_packed

CLASSES = ("Faces_easy", "Leopards", "Motorbikes", "airplanes", "bonsai", "butterfly")
CLASSES += ("car_side", "grand_piano", "hawksbill", "ketch", "sunflower", "watch")
TRAINING, VALIDATION = 80, 20  # images of a class
SIDE = 128  # pixels
SEED = 101
LARGEST = 6_000_000  # bytes of the whole file
ORIGIN = "Caltech-101, Fei-Fei, Fergus, Perona 2004"
LICENCE = "CC BY 4.0"


def choose(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the images chosen, class by class, and the split of each: 0 training, 1 validation."""
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
    """All images as JPEG of the best common quality with at most `largest` bytes in all, and that quality."""
    for quality in range(95, 0, -1):
        encoded = [jpeg(pixels, quality) for pixels in squares]
        if sum(map(len, encoded)) <= largest:
            return encoded, quality
    raise ValueError(f"{len(squares)} images do not fit in {largest} bytes at any JPEG quality")


def main() -> None:
    """Read the folder, write the file, print what it holds."""
    parser = argparse.ArgumentParser(
        prog="npzf make_embedded", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="Caltech-101's folder 101_ObjectCategories")
    default = Path(npzf.__file__).parent / "data" / "embedded.h5"
    parser.add_argument("--out", type=Path, default=default, help="file to write (%(default)s)")
    arguments = parser.parse_args()

    present = {folder.name for folder in arguments.folder.glob("*")}
    if missing := sorted(set(CLASSES) - present):
        parser.error(f"{arguments.folder} lacks the class folders {', '.join(missing)}")
    images = ClassFolders(arguments.folder, without=tuple(present - set(CLASSES)))
    chosen, split = choose(images.targets)
    squares = [square(images.image(i), SIDE) for i in chosen]
    names = [Path(images.name(i)).relative_to(arguments.folder).as_posix() for i in chosen]
    targets = images.targets[chosen]
    overhead = 200 * len(chosen)  # names, offsets, labels and HDF5's own tables, generously
    encoded, quality = encode(squares, LARGEST - overhead)
    write_packed(
        arguments.out,
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
    size = arguments.out.stat().st_size
    print(f"{arguments.out}: {len(chosen)} images, JPEG quality {quality}, {size:,} bytes")


if __name__ == "__main__":
    main()
