"""The pixels of one image file, in a stated list of formats, for files may come from strangers: the RGB input of section 3.

Bytes that decoding takes, measured, of each pixel of the picture as decoded (the result has 3 of them): JPEG, PNG, BMP, TIFF, PPM
and GIF up to 8, AVIF 10 to 12 and more with more bits, WebP 16 to 17: several copies stand in their decoders, so they may have
half as many pixels. A progressive JPEG takes 2 more for each component, at its full size, however much it is reduced.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import threading
from collections.abc import Callable
from importlib import import_module
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile

from npzf.data import libtiff
from npzf.data.picture_headers import check_directory, check_exif, check_gif, check_png, check_ppm, jpeg_memory, webp_size
from npzf.storage.regular import open_regular

FORMATS = {  # Pillow's names and modules; JPEG with MPO, PPM with PGM and PBM
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "WEBP": "WebPImagePlugin",
    "GIF": "GifImagePlugin",
    "BMP": "BmpImagePlugin",
    "TIFF": "TiffImagePlugin",
    "PPM": "PpmImagePlugin",
    "AVIF": "AvifImagePlugin",  # Pillow 11.3 and later
}
COPIES = ("WEBP", "AVIF")  # whose decoders hold several copies of the picture
ORIENTATION = 0x0112  # EXIF's
STRIP = 2**22  # pixels that are converted at once
ENCODED_BYTES = 4  # of each pixel of the limit, at most
HEADERS = 2**20  # bytes that a file may have beside them
DECODER_BYTES = 9  # of each pixel of the limit, at most: what a decoder holds at once

for plugin in FORMATS.values():
    with contextlib.suppress(ImportError):
        import_module(f"PIL.{plugin}")


class DecodeError(ValueError):
    """An image that cannot be decoded; the message is one line, the image's name and the cause."""


class _Limit:
    pixels = 100_000_000


LARGE = 2**24  # pixels: larger pictures are decoded one at a time, whatever the number of threads
_large = threading.Lock()


def _after_fork() -> None:
    """A forked child has perhaps its parent's lock, and none of the threads that hold it."""
    global _large
    _large = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def pixel_limit() -> int:
    """Most pixels that a picture may have, as decoded: 100 million unless set_pixel_limit said otherwise."""
    return _Limit.pixels


def set_pixel_limit(pixels: int) -> None:
    """Refuse pictures of more pixels, as decoded, before they are decoded; ValueError for less than 1.

    A JPEG counts after its decoder's own reduction; a WebP or AVIF may have half as many; a file may have 4 bytes a pixel. Of
    TIFF, GIF and WebP, Pillow itself refuses more than 178 million.
    """
    if isinstance(pixels, bool) or not isinstance(pixels, int) or pixels < 1:
        raise ValueError(f"pixel limit is {pixels!r}, expected a whole number of at least 1")
    _Limit.pixels = pixels


def decode(source: bytes | str | os.PathLike, name: str | None = None, *, reduced: int | None = None) -> np.ndarray:
    """Pixels of an encoded image, its first frame, turned as EXIF says: uint8 (H, W, 3) in [0, 255].

    The formats are JPEG with MPO, PNG, WebP, GIF, BMP, TIFF, PPM with PGM and PBM, and AVIF where Pillow has it, whatever the
    file is called. Transparency is laid on white; 16-bit grey is divided by 257, never clipped; CMYK is converted without a
    colour profile. name: what errors call the image, by default its path. reduced: a JPEG may come at a half, a quarter or an
    eighth of its size, which is quicker, as long as both sides keep that many pixels. DecodeError if the image is none of these,
    damaged, cut short, beyond the pixel limit, no regular file, or if its pixels have no stated range.
    """
    name = name or ("image" if isinstance(source, bytes) else os.fspath(source))
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else open_regular(source, "an image") as file:
            return _decoded(file, reduced)
    except Exception as error:  # damaged files make Pillow raise almost anything
        cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if isinstance(error, FileNotFoundError):
            cause = "No such file"
        elif isinstance(error, MemoryError):
            cause = "there is not enough memory for it"
        elif not isinstance(source, bytes):
            cause = cause.removeprefix(f"{os.fspath(source)} ")
        raise DecodeError(f"{name}: {' '.join(cause.split())}") from error


def _decoded(file: BinaryIO, reduced: int | None) -> np.ndarray:
    """The pixels of an opened file; nothing is decoded before the limits have been checked."""
    size = file.seek(0, io.SEEK_END)
    if not size:
        raise ValueError("the file is empty")
    check_encoded(size)
    form, plugin = _plugin(file)
    coefficients = _check_header(file, form)
    file.seek(0)
    with plugin(file, "") as image:
        if reduced is not None and form == "JPEG":
            image.draft(None, (reduced, reduced))
        _check_size(image.size, form, coefficients)
        if image.mode == "F":
            raise ValueError("pixels are floating-point numbers without a stated range, expected integers")
        with _large if math.prod(image.size) > LARGE else contextlib.nullcontext():
            return _rgb(image, _orientation(image))


def check_encoded(size: int) -> None:
    """ValueError, before they are read, for more encoded bytes of a picture than the pixel limit allows."""
    if size > ENCODED_BYTES * pixel_limit() + HEADERS:
        most = f"{ENCODED_BYTES} for each of {pixel_limit():,} pixels: --pixel-limit raises it"
        raise ValueError(f"the file has {size:,} bytes, expected at most {most}")


def _plugin(file: BinaryIO) -> tuple[str, Callable[..., ImageFile.ImageFile]]:
    """Format of a file and what opens it, by its first bytes; Image.open would check the size before the reduction."""
    file.seek(0)
    prefix = file.read(16)
    for form in FORMATS:
        factory, accept = Image.OPEN.get(form, (None, None))
        if factory is not None and accept is not None and accept(prefix) is True:
            return form, factory
    raise ValueError(f"not an image in a known format, expected one of {', '.join(FORMATS)}")


def _check_header(file: BinaryIO, form: str) -> int:
    """Bytes that the decoder will hold beside the pixels; ValueError if opening alone would take too much."""
    if form == "JPEG":
        return jpeg_memory(file)
    if form == "PNG":
        check_png(file)
    if form == "GIF":
        check_gif(file)
    if form == "PPM":
        check_ppm(file)
    if form == "AVIF":
        _check_avif(file)
    if form == "WEBP":
        _check_size(webp_size(file), form)
    if form == "TIFF":
        libtiff.silence()
        _check_size((check_directory(file, 2 * pixel_limit()), 1), form, what="a tile of")
    return 0


def _check_avif(file: BinaryIO) -> None:
    """ValueError for an AVIF whose EXIF takes too much: its plugin reads it as soon as it opens the file."""
    plugin = import_module("PIL.AvifImagePlugin")
    file.seek(0)
    info = plugin._avif.AvifDecoder(file.read(), plugin.DECODE_CODEC_CHOICE, 1).get_info()  # what the plugin itself does first
    for part in info:
        if isinstance(part, bytes):
            check_exif(part)


def _check_size(size: tuple[int, int], form: str, beside: int = 0, what: str = "") -> None:
    """ValueError for more pixels than the limit; beside: bytes that the decoder holds as well."""
    width, height = size
    most = pixel_limit() // (2 if form in COPIES else 1)
    if width * height > most:
        sides = f"{what} {form}".strip() if what else f"{width} x {height} in {form}"
        raise ValueError(f"it has {width * height} pixels ({sides}), expected at most {most:,}: --pixel-limit raises it")
    if beside + 4 * width * height > DECODER_BYTES * pixel_limit():
        reason = f"to decode its scans takes {beside + 4 * width * height:,} bytes"
        raise ValueError(f"{reason}, expected at most {DECODER_BYTES * pixel_limit():,}: --pixel-limit raises it")


def _orientation(image: Image.Image) -> int:
    """How EXIF says that the picture is to be turned, 1 to 8; 1 where it does not."""
    if isinstance(exif := image.info.get("exif"), bytes):
        check_exif(exif)
    if isinstance(text := image.info.get("Raw profile type exif"), str):  # PNG's older way
        check_exif(bytes.fromhex("".join(text.split("\n")[3:])))
    found = image.getexif().get(ORIENTATION, 1)
    return found if found in range(1, 9) else 1


def _rgb(image: Image.Image, orientation: int) -> np.ndarray:
    """Pillow image of any mode -> uint8 (H, W, 3), strip by strip: no second copy of all of it is made."""
    width, height = image.size
    turned = orientation >= 5
    pixels = np.empty((width, height, 3) if turned else (height, width, 3), np.uint8)
    stored = pixels.transpose(1, 0, 2) if turned else pixels  # a view that has the picture's own rows
    if orientation in (3, 4, 6, 7):
        stored = stored[::-1]
    if orientation in (2, 3, 7, 8):
        stored = stored[:, ::-1]
    rows = max(1, STRIP // width)
    image.load()
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        stored[top : top + rows] = _strip_rgb(strip)
    return pixels


def _strip_rgb(image: Image.Image) -> np.ndarray:
    """Some rows of a picture -> uint8 (H, W, 3), or (H, W, 1) of grey."""
    if image.mode.startswith("I"):
        return _eight_bits(np.asarray(image))[:, :, None]
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))


def _eight_bits(grey: np.ndarray) -> np.ndarray:
    """Grey levels [0, 65535] -> uint8 [0, 255], to the nearest: 65535 = 257 * 255."""
    low, high = int(grey.min()), int(grey.max())
    if low < 0 or high > 65535:
        raise ValueError(f"grey levels run from {low} to {high}, expected 0 to 65535")
    return ((grey.astype(np.int32) + 128) // 257).astype(np.uint8)
