"""A unit as a function of what it sees alone, for optimal inputs (section 1.1); images that fall off as photographs do."""

from __future__ import annotations

import numpy as np

from npzf.backend import to_numpy
from npzf.deconvnet import gradient
from npzf.network import Network
from npzf.units import index_of

Unit = int | tuple[int, int, int]


class UnitFunction:
    """A unit as a function of what it sees alone: of white images z (h, w, C), which the spectrum_exponent turns into images.

    The net runs on no more of the image than the unit needs. unit: with its place; patch: rows and columns that it sees; shape:
    of z; part: rows and columns that the net is given, of these sides, seen being the patch and inner the unit in them.
    ValueError for a layer or unit that does not exist.
    """

    def __init__(self, net: Network, layer: str, unit: Unit, spectrum_exponent: float):
        self.net, self.layer = net, layer
        height, width, channels = net.input_shape
        shape = net.shapes[layer] if layer in net.layers else ()
        if len(shape) == 3 and not isinstance(unit, tuple):
            unit = (unit, shape[0] // 2, shape[1] // 2)
        self.unit, self.inner = unit, unit
        self.part = self.patch = slice(0, height), slice(0, width)
        if len(shape) == 3:
            index_of(np.broadcast_to(np.float32(0), (1, *shape)), unit)  # refuses a unit that is not there
            field = net.fields()[layer]
            self.patch = field.patch(*unit[1:], height, width)
            if net.has_receptive_field(layer):
                sides, *found = field.windows(*(np.array([at]) for at in unit[1:]), (height, width))
                (top, left), place = ((int(a[0]), int(b[0])) for a, b in found)
                self.part, self.inner = (slice(top, top + sides[0]), slice(left, left + sides[1])), (unit[0], *place)
        self.sides = tuple(part.stop - part.start for part in self.part)
        self.seen = tuple(slice(p.start - q.start, p.stop - q.start) for p, q in zip(self.patch, self.part, strict=True))
        self.shape = (*(p.stop - p.start for p in self.patch), channels)
        self.amplitudes = _amplitudes(*self.shape[:2], spectrum_exponent)

    def values(self, x: np.ndarray) -> np.ndarray:
        """The unit's values (N,) for images x (N, H, W, C), whatever their spectrum_exponent."""
        y = to_numpy(self.net.forward(x[:, *self.part], upto=self.layer))
        return y[index_of(y, self.inner)]

    def value_and_gradient(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """The unit's value at z (h, w, C), and its gradient by z, float64."""
        values, up = self.values_and_gradients(z[None])
        return float(values[0]), up[0]

    def values_and_gradients(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The unit's values (N,) at z (N, h, w, C), and their gradients by z, float64."""
        x = np.zeros((len(z), *self.sides, z.shape[3]))
        x[:, *self.seen] = self._color(z)
        values, up = gradient(self.net, x, self.layer, self.inner)
        return values.astype(np.float64), self._color(up[:, *self.seen].astype(np.float64))

    def image(self, z: np.ndarray) -> np.ndarray:
        """The image (H, W, C) of z (h, w, C): zero where the unit does not see it."""
        x = np.zeros(self.net.input_shape)
        x[self.patch] = self._color(z)
        return x

    def whiten(self, x: np.ndarray) -> np.ndarray:
        """The z (h, w, C) of an image (H, W, C)."""
        return self._times(x[self.patch], 1 / self.amplitudes)

    def _color(self, z: np.ndarray) -> np.ndarray:
        return self._times(z, self.amplitudes)  # symmetric: on the way back, gradients pass the same

    @staticmethod
    def _times(z: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
        """z (..., h, w, C) with its amplitudes multiplied."""
        if (amplitudes == 1).all():
            return z
        return np.fft.irfft2(np.fft.rfft2(z, axes=(-3, -2)) * amplitudes, z.shape[-3:-1], axes=(-3, -2))


def _amplitudes(height: int, width: int, spectrum_exponent: float) -> np.ndarray:
    """1 / frequency^spectrum_exponent (height, width // 2 + 1, 1), its mean square over all frequencies 1; that of 0 is the next one's."""
    y, x = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    fall = np.maximum(np.hypot(y, x), 1 / max(height, width)) ** -spectrum_exponent
    return (fall / np.sqrt((fall**2).mean()))[:, : width // 2 + 1, None]
