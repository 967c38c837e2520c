"""What tells one image set from another: training goes on with the images that it began with (section 3)."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from npzf.data.image_files import file_stamps
from npzf.data.protocols import ImageSet
from npzf.data.subset import Subset


def image_digest(images: ImageSet) -> str:
    """SHA-256, in hexadecimal, of the classes, the targets, and what is known of the images without decoding them.

    Of files these are their sizes and their names below the folder that they share, so that a set may be moved; of a packed file
    its own digest and the names; of other sets the names. The order of the images counts.
    """
    digest = hashlib.sha256()
    parts = [*images.classes, *_words(images)]
    for array in (images.targets, getattr(images, "difficult", None)):
        parts.append("none" if array is None else f"{array.dtype} {array.shape}")
        digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    for part in parts:
        encoded = part.encode(errors="surrogateescape")
        digest.update(b"%d " % len(encoded) + encoded)
    return digest.hexdigest()


def _words(images: ImageSet) -> list[str]:
    """A word or more for each image, and for the whole."""
    names = [images.name(i) for i in range(len(images))]
    stamps = file_stamps(images)
    sizes = [str(stamp[0]) for stamp in stamps]
    whole: ImageSet = images
    while isinstance(whole, Subset):
        whole = whole.source
    if hasattr(whole, "digest"):
        return [str(whole.digest), *names]
    return [*(_below(names) if len(stamps) == len(names) else names), *sizes]


def _below(names: list[str]) -> list[str]:
    """Paths of files below the folder that they share."""
    paths = [os.path.abspath(name) for name in names]
    try:
        shared = os.path.commonpath({os.path.dirname(path) for path in paths})
    except ValueError:  # no files, or on several drives
        return names
    return [path[len(shared) :].lstrip(os.sep).replace(os.sep, "/") for path in paths]
