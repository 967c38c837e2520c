"""The pixels of one image file, whatever its format: the RGB input of section 3."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError


class DecodeError(ValueError):
    """An image that cannot be decoded; the message is one line, the image's name and the cause."""


def decode(source: bytes | str | os.PathLike, name: str | None = None, *, reduced: int | None = None) -> np.ndarray:
    """Pixels of an encoded image, its first frame, turned as EXIF says: uint8 (H, W, 3) in [0, 255].

    Transparency is laid on white; 16-bit grey is divided by 257, never clipped; CMYK is converted without a colour profile.
    name: what errors call the image, by default its path. reduced: a JPEG may come at a half, a quarter or an eighth of its
    size, which is quicker, as long as both sides keep that many pixels. DecodeError if the image is unreadable, damaged, cut
    short or suspiciously large, or if its pixels have no stated range.
    """
    name = name or ("image" if isinstance(source, bytes) else os.fspath(source))
    try:
        encoded = source if isinstance(source, bytes) else Path(source).read_bytes()
        if not encoded:
            raise ValueError("the file is empty")
        with Image.open(io.BytesIO(encoded)) as image:
            if reduced is not None:
                image.draft(None, (reduced, reduced))  # does nothing to other formats
            ImageOps.exif_transpose(image, in_place=True)
            return _rgb(image)
    except UnidentifiedImageError:
        raise DecodeError(f"{name}: not an image in a known format") from None
    except Exception as error:  # damaged files make Pillow raise almost anything
        cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DecodeError(f"{name}: {' '.join(cause.split())}") from error


def _rgb(image: Image.Image) -> np.ndarray:
    """Pillow image of any mode -> uint8 (H, W, 3)."""
    if image.mode.startswith("I"):
        grey = _eight_bits(np.asarray(image))
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("pixels are floating-point numbers without a stated range, expected integers")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))


def _eight_bits(grey: np.ndarray) -> np.ndarray:
    """Grey levels [0, 65535] -> uint8 [0, 255], to the nearest: 65535 = 257 * 255."""
    low, high = int(grey.min()), int(grey.max())
    if low < 0 or high > 65535:
        raise ValueError(f"grey levels run from {low} to {high}, expected 0 to 65535")
    return ((grey.astype(np.int32) + 128) // 257).astype(np.uint8)
