"""The small image set that comes with npzf: twelve Caltech-101 classes at 128 x 128 pixels (section 5.2)."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from npzf.data.packed import PackedImages


def embedded_images(split: str | None = "train") -> PackedImages:
    """The embedded images of one split: "train", "validation", or None for both.

    Caltech-101, Fei-Fei, Fergus and Perona 2004, CC BY 4.0; chosen by scripts/make_embedded.py. ValueError for another split.
    """
    return PackedImages(_path(), split)


@cache
def _path() -> Path:
    """Where the file lies; for a zipped package, a copy that exists as long as this process."""
    copies = ExitStack()
    atexit.register(copies.close)
    return copies.enter_context(as_file(files("npzf.data") / "embedded.h5"))
