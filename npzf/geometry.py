"""Sizes, receptive fields and patches (figure 3; the image patches of figure 2): every size in the project comes from here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Pair = tuple[int, int]  # rows, columns
Sides = tuple[int, int, int, int]  # top, bottom, left, right


def pair(value: int | Pair) -> Pair:
    """A kernel size or stride as (rows, columns): an int stands for both."""
    if isinstance(value, int | np.integer):
        return int(value), int(value)
    rows, columns = value
    return int(rows), int(columns)


def sides(pad: int | Pair | Sides) -> Sides:
    """Padding as (top, bottom, left, right): an int stands for all four, (rows, columns) for both sides of each."""
    if isinstance(pad, int | np.integer) or len(pad) == 2:
        rows, columns = pair(pad)
        return rows, rows, columns, columns
    top, bottom, left, right = pad
    return int(top), int(bottom), int(left), int(right)


def output_size(size: int, window: int, stride: int = 1, pad: int | Pair = 0, ceil: bool = False) -> int:
    """Number of places of a window along one side: floor or ceil of (size + padding - window) / stride, plus 1.

    size, window, stride in pixels of the layer's input; pad: pixels before and after, or one number for both. With ceil (the
    code that the paper builds on rounds up, so that 110 = ceil((224 - 7) / 2) + 1) the last window may hang over the border, but
    it always starts inside the input or the padding before it. ValueError where not even one window fits.
    """
    before, after = pair(pad)
    if window < 1 or stride < 1 or before < 0 or after < 0:
        raise ValueError(f"window is {window}, stride {stride}, pad {pad}, expected window >= 1, stride >= 1, pad >= 0")
    if max(before, after) >= window:
        raise ValueError(f"pad is {pad}, expected less than the window, {window}: a window would see only padding")
    room = size + before + after - window
    if room < 0 and not (ceil and room > -stride and size > 0):
        raise ValueError(f"input side is {size} with pad {pad}, expected at least the window, {window}")
    places = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (places - 1) * stride >= size + before:  # a window that starts behind the last pixel
        places -= 1
    return places


def output_sizes(size: Pair, window: int | Pair, stride: int | Pair = 1, pad: int | Pair | Sides = 0, ceil: bool = False) -> Pair:
    """Places (rows, columns) of a window over images of this (H, W); arguments and errors as for output_size."""
    top, bottom, left, right = sides(pad)
    (height, width), (down, across) = pair(window), pair(stride)
    rows = output_size(size[0], height, down, (top, bottom) if top != bottom else top, ceil)
    return rows, output_size(size[1], width, across, (left, right) if left != right else left, ceil)


@dataclass(frozen=True)
class Field:
    """The input pixels that units see: unit (i, j) sees `size[0]` rows from offset[0] + i * stride[0], and columns alike.

    size, stride, offset: (rows, columns) in input pixels, or an int for both; offset is negative where padding is seen. whole:
    the unit sees everything.
    """

    size: Pair = (1, 1)
    stride: Pair = (1, 1)
    offset: Pair = (0, 0)
    whole: bool = False

    def __post_init__(self) -> None:
        for name in ("size", "stride", "offset"):
            object.__setattr__(self, name, pair(getattr(self, name)))

    def through(self, window: int | Pair, stride: int | Pair = 1, pad: int | Pair | Sides = 0) -> Field:
        """The field after one more layer with this window, stride and pad (in pixels of that layer's input)."""
        (height, width), (down, across), (top, _, left, _) = pair(window), pair(stride), sides(pad)
        rows, columns = self.stride
        return Field(
            size=(self.size[0] + (height - 1) * rows, self.size[1] + (width - 1) * columns),
            stride=(down * rows, across * columns),
            offset=(self.offset[0] - top * rows, self.offset[1] - left * columns),
            whole=self.whole,
        )

    def union(self, other: Field) -> Field:
        """The field of a unit that sees what both see; ValueError if their strides differ."""
        if self.stride != other.stride:
            raise ValueError(f"strides of the branches are {self.stride} and {other.stride}, expected the same to join them")
        offset = np.minimum(self.offset, other.offset)
        end = np.maximum(np.add(self.offset, self.size), np.add(other.offset, other.size))
        return Field(tuple(end - offset), self.stride, tuple(offset), self.whole or other.whole)

    def corner(self, row: int, column: int) -> Pair:
        """First row and column that unit (row, column) sees; negative where it sees padding."""
        return self.offset[0] + row * self.stride[0], self.offset[1] + column * self.stride[1]

    def patch(self, row: int, column: int, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of a (height, width) image seen by unit (row, column), clipped at the border last.

        Where rounding down leaves out a row or column and a later layer pads, a unit at the border sees a little less.
        """
        if self.whole:
            return slice(0, height), slice(0, width)
        (top, left), (rows, columns) = self.corner(row, column), self.size
        return (
            slice(min(max(top, 0), height), max(min(top + rows, height), 0)),
            slice(min(max(left, 0), width), max(min(left + columns, width), 0)),
        )

    def windows(self, rows: np.ndarray, columns: np.ndarray, size: Pair) -> tuple[Pair, tuple, tuple]:
        """Parts of images of this size (H, W) in which units (rows, columns), arrays (U,), come out the same as in the whole.

        Returns the size of the parts, all alike, their first rows and columns (U,), and the units' places in them (U,). A part
        begins whole strides away from the image's first pixel, so that every window moves as before, and ends so, too: padding is
        seen only where it was seen before.
        """
        if self.whole:
            nowhere = np.zeros(len(rows), int)
            return size, (nowhere, nowhere), (rows, columns)
        lengths, firsts, places = [], [], []
        for axis, (unit, side) in enumerate(zip((rows, columns), size, strict=True)):
            field, stride, offset = self.size[axis], self.stride[axis], self.offset[axis]
            least = field + stride - 1  # the field, and what lies between it and whole strides
            length = max(0, side - least) % stride + least if least < side else side
            first = np.clip((offset + unit * stride) // stride * stride, 0, side - length)
            lengths.append(length)
            firsts.append(first)
            places.append(unit - first // stride)
        return (lengths[0], lengths[1]), tuple(firsts), tuple(places)


def check_places(size: Pair, places: Pair, window: int | Pair, stride: int | Pair, pad: int | Pair | Sides) -> None:
    """ValueError unless a window over images of this (H, W) can have taken these (OH, OW) places, rounded down or up."""
    top, bottom, left, right = sides(pad)
    ends = ((top, bottom), (left, right))
    for side, count, k, s, (before, after) in zip(size, places, pair(window), pair(stride), ends, strict=True):
        expected = {output_size(side, k, s, (before, after), ceil=True)}
        if side + before + after >= k:
            expected.add(output_size(side, k, s, (before, after)))
        if count not in expected:
            either = " or ".join(map(str, sorted(expected)))
            raise ValueError(f"y has {tuple(places)} places, expected {either} along a side of {side} pixels")


def window_counts(size: Pair, places: Pair, window: Pair, stride: Pair, pad: Sides, count_padding: bool) -> np.ndarray:
    """Pixels in the window at each of (OH, OW) places, with the padding or without it: what average pooling divides by.

    What a window that hangs over the border (ceil) sees beyond the padding counts in neither case, as in PyTorch.
    """
    counts = []
    for axis in (0, 1):
        before, after = pad[2 * axis : 2 * axis + 2] if count_padding else (0, 0)
        first = np.arange(places[axis]) * stride[axis] - pad[2 * axis]
        counts.append(np.minimum(first + window[axis], size[axis] + after) - np.maximum(first, -before))
    return np.outer(*counts)
