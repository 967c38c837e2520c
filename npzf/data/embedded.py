"""The small image set that comes with npzf: twelve Caltech-101 classes at 128 x 128 pixels (section 5.2)."""

from importlib.resources import as_file, files

from npzf.data.packed import PackedImages


def embedded_images(split: str | None = "train") -> PackedImages:
    """The embedded images of one split: "train", "validation", or None for both.

    Caltech-101, Fei-Fei, Fergus and Perona 2004, CC BY 4.0; chosen by scripts/make_embedded.py. ValueError:
    another split.
    """
    with as_file(files("npzf.data") / "embedded.h5") as path:
        return PackedImages(path, split)
