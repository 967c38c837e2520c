"""Sizes, receptive fields and patches (figure 3; the image patches of figure 2): all of the project."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def output_size(size: int, window: int, stride: int = 1, pad: int = 0, ceil: bool = False) -> int:
    """Number of places of a window along one side: floor or ceil of (size + 2 pad - window) / stride, plus 1.

    size, window, stride, pad in pixels of the layer's input. With ceil (the code that the paper builds on rounds up, so that
    110 = ceil((224 - 7) / 2) + 1) the last window may hang over the border, but it always starts inside the input.
    Raises ValueError where not even one window fits.
    """
    if window < 1 or stride < 1 or pad < 0:
        raise ValueError(f"window {window}, stride {stride}, pad {pad}: expected window >= 1, stride >= 1, pad >= 0")
    if pad >= window:
        raise ValueError(f"pad is {pad}, expected less than the window, {window}: a window would see only padding")
    room = size + 2 * pad - window
    if room < 0 and not (ceil and room > -stride and size > 0):
        raise ValueError(f"input side is {size} with pad {pad}, expected at least the window, {window}")
    places = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (places - 1) * stride >= size + pad:  # a window that starts behind the last pixel
        places -= 1
    return places


@dataclass(frozen=True)
class Field:
    """The input pixels seen by the units of a layer: unit (i, j) sees `size` rows from offset + i * stride; columns alike.

    size, stride, offset in input pixels; offset is negative where padding is seen. whole: the unit sees everything.
    """

    size: int = 1
    stride: int = 1
    offset: int = 0
    whole: bool = False

    def through(self, window: int, stride: int = 1, pad: int = 0) -> Field:
        """The field after one more layer with this window, stride and pad (in pixels of that layer's input)."""
        return Field(
            size=self.size + (window - 1) * self.stride,
            stride=self.stride * stride,
            offset=self.offset - pad * self.stride,
            whole=self.whole,
        )

    def union(self, other: Field) -> Field:
        """The field of a unit that sees what both see; ValueError if their strides differ."""
        if self.stride != other.stride:
            raise ValueError(f"branches have strides {self.stride} and {other.stride}, expected the same to concatenate them")
        offset = min(self.offset, other.offset)
        end = max(self.offset + self.size, other.offset + other.size)
        return Field(end - offset, self.stride, offset, self.whole or other.whole)

    def patch(self, row: int, column: int, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of a (height, width) image seen by unit (row, column), clipped at the border last.

        Where rounding down leaves out a row or column and a later layer pads, a unit at the border sees a little less.
        """
        if self.whole:
            return slice(0, height), slice(0, width)
        top, left = self.offset + row * self.stride, self.offset + column * self.stride
        return (
            slice(min(max(top, 0), height), max(min(top + self.size, height), 0)),
            slice(min(max(left, 0), width), max(min(left + self.size, width), 0)),
        )

    def windows(
        self, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]
    ) -> tuple[tuple[int, int], tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Parts of images of this size (H, W) in which units (rows, columns), arrays (U,), come out the same as in the whole.

        Returns the size of the parts, all alike, their first rows and columns (U,), and the units' places in them (U,). A part
        begins whole strides away from the image's first pixel, so that every window moves as before, and ends so, too: padding is
        seen only where it was seen before.
        """
        if self.whole:
            nowhere = np.zeros(len(rows), int)
            return size, (nowhere, nowhere), (rows, columns)
        sides, firsts, places = [], [], []
        for at, side in zip((rows, columns), size, strict=True):
            least = self.size + self.stride - 1  # the field, and what lies between it and whole strides
            length = max(0, side - least) % self.stride + least if least < side else side
            first = np.clip((self.offset + at * self.stride) // self.stride * self.stride, 0, side - length)
            sides.append(length)
            firsts.append(first)
            places.append(at - first // self.stride)
        return tuple(sides), tuple(firsts), tuple(places)
