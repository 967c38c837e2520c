"""Max pooling that records its switches, and unpooling through them (section 2.1, figure 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npzf.backend.threads import parallel_for
from npzf.geometry import output_size
from npzf.ops.twins import twin


@dataclass(frozen=True)
class Switches:
    """Where the maxima were: index (N, OH, OW, C) int32 = row * W + column in the pooled layer's input of size (H, W).

    moves: the window, stride and pad that found them, in pixels.
    """

    index: np.ndarray
    size: tuple[int, int]
    moves: tuple[int, int, int]

    def check(self, y: np.ndarray) -> None:
        """ValueError unless these are switches for y."""
        if y.shape != self.index.shape:
            raise ValueError(f"y has shape {y.shape}, expected that of the switches, {self.index.shape}")


@twin
def max_pool(x, window, stride, pad=0, ceil=False, record=True) -> tuple[np.ndarray, Switches | None]:
    """The largest value in each window of each map, and where it was.

    x (N, H, W, C) -> y (N, OH, OW, C), Switches (None unless record). Of equal values the first in raster order counts; a
    NaN is larger than everything, so that it is seen and not hidden. Padding is never a maximum: a switch lies in its window
    and in the image.
    """
    n, h, w, c = x.shape
    size = output_size(h, window, stride, pad, ceil), output_size(w, window, stride, pad, ceil)
    y = np.empty((n, *size, c), x.dtype)
    index = np.empty(y.shape, np.int32) if record else None
    taps = list(_taps((h, w), size, window, stride, pad))
    place = np.array([0] + [kh * w + kw for kh, kw, _, _ in reversed(taps)], np.int32)
    first = (np.arange(size[0])[:, None] * stride - pad) * w + np.arange(size[1]) * stride - pad

    def some(images: slice) -> None:
        for i in range(images.start, images.stop):
            y[i] = -np.inf
            for _, _, out, seen in taps:
                np.maximum(y[i][out], x[i][seen], out=y[i][out])
            if record:
                rank = _first_maximum(x[i], y[i], taps)
                np.add(place[rank], first[:, :, None], out=index[i], casting="unsafe")

    parallel_for(some, n)
    return y, Switches(index, (h, w), (window, stride, pad)) if record else None


def _taps(size, places, window, stride, pad):
    """For each element of the window, in raster order: (kh, kw, the output places it serves, the pixels they see there)."""
    for kh in range(window):
        for kw in range(window):
            rows, columns = _seen(kh, size[0], places[0], stride, pad), _seen(kw, size[1], places[1], stride, pad)
            yield kh, kw, (rows[0], columns[0]), (rows[1], columns[1])


def _seen(k: int, length: int, count: int, stride: int, pad: int) -> tuple[slice, slice]:
    """Along one side: the output places at which element k of the window lies inside the image, and the pixels it sees."""
    start = max(0, -((k - pad) // stride))
    stop = max(start, min(count, (length - 1 + pad - k) // stride + 1))
    pixel = start * stride + k - pad
    return slice(start, stop), slice(pixel, pixel + (stop - start) * stride, stride)


def _first_maximum(x: np.ndarray, y: np.ndarray, taps: list) -> np.ndarray:
    """(OH, OW, C) uint8: len(taps) where the first element of the window is the maximum, ..., 1 where the last one is.

    The largest rank is the first in raster order, and a running maximum of small integers is far faster than a masked copy.
    """
    rank = np.zeros(y.shape, np.min_scalar_type(len(taps)))
    for r, (_, _, out, seen) in zip(range(len(taps), 0, -1), taps, strict=True):
        np.maximum(rank[out], (x[seen] == y[out]) * rank.dtype.type(r), out=rank[out])
    if not rank.all():  # NaN equals nothing: in these windows look for the NaN itself
        for r, (_, _, out, seen) in zip(range(len(taps), 0, -1), taps, strict=True):
            np.maximum(rank[out], np.isnan(x[seen]) * rank.dtype.type(r), out=rank[out])
    return rank


@twin
def unpool(y: np.ndarray, switches: Switches, overwrite: bool = False) -> np.ndarray:
    """Puts every value back in the place its maximum came from; zeros elsewhere.

    y (N, OH, OW, C) -> x (N, H, W, C). Where overlapping windows share a maximum the values add up, which makes this the
    exact adjoint of the pooling; with overwrite the last window in raster order wins. ValueError if the switches belong to
    another size.
    """
    switches.check(y)
    n, _, _, c = y.shape
    x = np.zeros((n, *switches.size, c), y.dtype)

    def some(images: slice) -> None:
        maps = np.arange(c)
        for i in range(images.start, images.stop):
            flat = (switches.index[i].astype(np.intp) * c + maps).ravel()
            if overwrite:
                x[i].reshape(-1)[flat] = y[i].ravel()
            else:
                np.add.at(x[i].reshape(-1), flat, y[i].ravel())

    parallel_for(some, n)
    return x
