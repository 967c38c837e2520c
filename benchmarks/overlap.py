"""How well near duplicates (npzf/transfer/overlap.py, section 5.2) are found that were made by changing photographs.

    python benchmarks/overlap.py ../shared/data/caltech101/101_ObjectCategories

Of the photographs drawn, the first half is hidden, changed in one way, in a target set with the second half; the pretraining set
is the first half as it is. Every other pair that is found counts against the precision. But a folder may itself have near
duplicates, which are found with no change either: --sheet shows them to the eye.
"""

import argparse
import io
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from npzf.data import ImageFiles
from npzf.data.image_files import is_image_name
from npzf.render import draw_pairs, save_png
from npzf.transfer.descriptors import describe_images
from npzf.transfer.overlap import LOWEST, THRESHOLD, near_duplicates

SHOWN = 60  # pairs on a sheet
THRESHOLDS = (0.80, 0.84, 0.88, 0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96)


def rescaled(image, rng):
    share = rng.uniform(0.25, 0.9)
    return image.resize([max(1, round(share * side)) for side in image.size], Image.Resampling.BICUBIC)


def squeezed(image, rng):
    return image.resize((64, 64), Image.Resampling.BICUBIC)


def cropped(image, rng, most=0.1):
    left, top, right, bottom = rng.uniform(0, most, 4)
    (width, height) = image.size
    return image.crop((round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height)))


def cropped_all_round(image, rng):
    width, height = image.size
    return image.crop((round(0.1 * width), round(0.1 * height), round(0.9 * width), round(0.9 * height)))


def centre_square(image, rng):
    side, (width, height) = min(image.size), image.size
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def mirrored(image, rng):
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def recompressed(image, rng, quality=30):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def brighter(image, rng):
    return ImageEnhance.Brightness(image).enhance(1.2)


def darker(image, rng):
    return ImageEnhance.Brightness(image).enhance(0.8)


def flatter(image, rng):
    return ImageEnhance.Contrast(image).enhance(0.7)


def grey(image, rng):
    return image.convert("L").convert("RGB")


def all_together(image, rng):
    image = rescaled(cropped(image, rng), rng)
    if rng.integers(2):
        image = mirrored(image, rng)
    if rng.integers(2):
        image = grey(image, rng)
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.85, 1.15))
    return recompressed(image, rng, int(rng.integers(30, 91)))


CHANGES = {
    "none": lambda image, rng: image,
    "rescaled to 25-90 %": rescaled,
    "squeezed to 64 x 64": squeezed,
    "cropped by 0-10 % a side": cropped,
    "cropped by 10 % all round": cropped_all_round,
    "centre square": centre_square,
    "mirrored": mirrored,
    "JPEG of quality 30": recompressed,
    "20 % brighter": brighter,
    "20 % darker": darker,
    "30 % less contrast": flatter,
    "grey": grey,
    "all together": all_together,
}


class Hidden:
    """The first half of a set's images, changed, then the second half as it is."""

    classes = ("",)

    def __init__(self, images, change, seed):
        self.images, self.change, self.seed = images, change, seed
        self.targets = np.zeros(len(images), np.int64)

    def __len__(self):
        return len(self.images)

    def name(self, i):
        return self.images.name(i)

    def image(self, i):
        pixels = self.images.image(i)
        if i >= len(self) // 2:
            return pixels
        return np.asarray(self.change(Image.fromarray(pixels), np.random.default_rng((self.seed, i))))


def photographs(folders, count, seed):
    """So many of the image files at any depth in these folders, in a random order."""
    files = sorted(path for folder in folders for path in Path(folder).rglob("*") if is_image_name(path.name))
    if not files:
        raise SystemExit(f"error: {', '.join(folders)} has no images, expected a folder of photographs")
    drawn = np.random.default_rng(seed).permutation(len(files))[:count]
    return ImageFiles([files[i] for i in drawn], np.zeros(len(drawn), np.int64), ("",))


def measure(images, first_half, change, seed):
    """What is found: similarities of the planted pairs, and (i, j) -> similarity of others."""
    pairs = near_duplicates(describe_images(Hidden(images, change, seed)), first_half, LOWEST)
    planted = np.array([pair.similarity for pair in pairs if pair.target_index == pair.pretraining_index])
    others = {(p.target_index, p.pretraining_index): p.similarity for p in pairs if p.target_index != p.pretraining_index}
    return planted, others


def above(others, threshold):
    return {pair for pair, similarity in others.items() if similarity >= threshold}


def print_changes(found, count, threshold):
    print(f"{'change':<27}{'recall':>9}{'precision':>11}{'other pairs':>14}   of them not found without a change")
    for name, (planted, others) in found.items():
        hits, wrong = (planted >= threshold).sum(), above(others, threshold)
        new = wrong - above(found["none"][1], threshold)
        print(f"{name:<27}{hits / count:>9.2%}{hits / max(1, hits + len(wrong)):>11.2%}{len(wrong):>14}{len(new):>8}")


def print_thresholds(found, count):
    print(f"\n{'threshold':<27}{'recall':>9}{'lowest':>11}{'other pairs':>14}   of all changes")
    for threshold in THRESHOLDS:
        recalls = [(planted >= threshold).sum() / count for planted, _ in found.values()]
        wrong = set().union(*(above(others, threshold) for _, others in found.values()))
        print(f"{threshold:<27.2f}{np.mean(recalls):>9.2%}{min(recalls):>11.2%}{len(wrong):>14}")


def write_sheet(path, images, found, threshold):
    """The other pairs, the most similar first, evenly chosen if they are many."""
    best: dict[tuple[int, int], float] = {}
    for _, others in found.values():
        for pair in above(others, threshold):
            best[pair] = max(others[pair], best.get(pair, 0))
    order = sorted(best, key=lambda pair: -best[pair])
    shown = order[:: -(-len(order) // SHOWN)] if order else []
    pictures = [(images.image(i), images.image(j)) for i, j in shown]
    print(save_png(draw_pairs(pictures, [f"{best[pair]:.3f}" for pair in shown]), path) if shown else "no other pairs")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="example: python benchmarks/overlap.py photographs --sheet others.png"
    )
    parser.add_argument("folders", nargs="+", help="photographs, at any depth")
    parser.add_argument("--images", type=int, default=1500, help="so many of them (default 1500)")
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help=f"of the first table (default {THRESHOLD})")
    parser.add_argument("--seed", type=int, default=0, help="of the draw and of the changes (default 0)")
    parser.add_argument("--sheet", help="a .png of pairs that were not planted")
    args = parser.parse_args()
    images = photographs(args.folders, args.images, args.seed)
    half = len(images) // 2
    start = time.perf_counter()
    first_half = describe_images(ImageFiles(images.files[:half], images.targets[:half], images.classes))
    found = {name: measure(images, first_half, change, args.seed) for name, change in CHANGES.items()}
    print(f"{half} hidden among {len(images)}, threshold {args.threshold}, {time.perf_counter() - start:.0f} s")
    print_changes(found, half, args.threshold)
    print_thresholds(found, half)
    if args.sheet:
        write_sheet(args.sheet, images, found, args.threshold)


if __name__ == "__main__":
    main()
