"""Figures 2 and 4: the small text that says which map and which epoch a tile shows."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from npzf.text import printable

INK, PALE_INK, PAPER = 40, 120, 255  # grey levels in [0, 255]
FINE = 4  # letters are drawn four times as large and averaged: small ones keep their spacing


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # comes with Pillow: the same letters on every machine


def text_width(text: str, size: int) -> int:
    """Width in pixels of one line of `text`, `size` pixels high."""
    return int(np.ceil(_font(FINE * size).getlength(printable(text)) / FINE))


def lettering(
    text: str, size: int, height: int, width: int, *, align: str = "left", ink: int = INK, paper: int = PAPER
) -> np.ndarray:
    """One line of text as a picture, uint8 (height, width, 3), in letters of `size` pixels, centred vertically.

    align: "left", "middle" or "right"; ink, paper: grey levels in [0, 255].
    """
    fine = Image.new("L", (FINE * width, FINE * height), paper)
    x, anchor = {"left": (0.0, "ls"), "middle": (width / 2, "ms"), "right": (width, "rs")}[align]
    # 0.36 of the size is half the height of a capital: capitals and digits lie in the middle.
    position = FINE * x, FINE * (height / 2 + 0.36 * size)
    ImageDraw.Draw(fine).text(position, printable(text), ink, font=_font(FINE * size), anchor=anchor)
    return np.repeat(np.asarray(fine.reduce(FINE))[..., None], 3, axis=2)
