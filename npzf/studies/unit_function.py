"""A unit as a function of its receptive field, for optimal inputs (section 1.1), and images with the spectrum of photographs."""

from __future__ import annotations

import numpy as np

from npzf.deconvnet import gradient
from npzf.network import Network
from npzf.predict import features
from npzf.units import index_of

Unit = int | tuple[int, int, int]


class UnitFunction:
    """A unit's value as a function of a whitened image z (h, w, C) of its receptive field; the net runs on no more than it needs.

    spectrum_exponent: the image is z with its amplitudes divided by frequency to this power, on average by 1; 0 changes nothing.
    ValueError for a layer or unit that does not exist.

    unit: (map, row, column), the place in the middle if a map alone was given; a number in a fully connected layer.
    patch: rows and columns of the unit's receptive field in the image.
    shape: (h, w, C) of z, the patch's.
    window: rows and columns of the image that the net runs on; they hold the patch.
    window_size: (rows, columns) of the window.
    inner_patch: the patch in the window.
    inner_unit: the unit in the window.
    """

    def __init__(self, net: Network, layer: str, unit: Unit, spectrum_exponent: float):
        self.net, self.layer = net, layer
        height, width, channels = net.input_shape
        self.window = self.patch = slice(0, height), slice(0, width)
        self.unit = self.inner_unit = unit
        shape = net.shapes[layer] if layer in net.layers else ()
        if len(shape) == 3:
            self.unit = self.inner_unit = unit if isinstance(unit, tuple) else (unit, shape[0] // 2, shape[1] // 2)
            index_of(np.broadcast_to(np.float32(0), (1, *shape)), self.unit)  # ValueError for a unit that does not exist
            index, row, column = self.unit
            field = net.fields()[layer]
            self.patch = field.patch(row, column, height, width)
            if net.has_receptive_field(layer):
                (rows, columns), corner, place = field.windows(np.array([row]), np.array([column]), (height, width))
                top, left, inner_row, inner_column = (int(one[0]) for one in (*corner, *place))
                self.window = slice(top, top + rows), slice(left, left + columns)
                self.inner_unit = index, inner_row, inner_column
        self.window_size = tuple(side.stop - side.start for side in self.window)
        sides = zip(self.patch, self.window, strict=True)
        self.inner_patch = tuple(slice(p.start - w.start, p.stop - w.start) for p, w in sides)
        rows, columns = (side.stop - side.start for side in self.patch)
        self.shape = (rows, columns, channels)
        self.amplitudes = _amplitudes(rows, columns, spectrum_exponent)

    def values(self, x: np.ndarray) -> np.ndarray:
        """The unit's values (N,) for images x (N, H, W, C), whatever their spectrum."""
        y = features(self.net, x[:, *self.window], [self.layer])[self.layer]
        return y[index_of(y, self.inner_unit)]

    def value_and_gradient(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """The unit's value at z (h, w, C), and its gradient by z, float64."""
        values, gradients = self.values_and_gradients(z[None])
        return float(values[0]), gradients[0]

    def values_and_gradients(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The unit's values (N,) at z (N, h, w, C), and their gradients by z, float64."""
        x = np.zeros((len(z), *self.window_size, z.shape[3]))
        x[:, *self.inner_patch] = self._color(z)
        values, gx = gradient(self.net, x, self.layer, self.inner_unit)
        return values.astype(np.float64), self._color(gx[:, *self.inner_patch].astype(np.float64))

    def image(self, z: np.ndarray) -> np.ndarray:
        """The image (H, W, C) of z (h, w, C): zero outside of the unit's receptive field."""
        x = np.zeros(self.net.input_shape)
        x[self.patch] = self._color(z)
        return x

    def whiten(self, x: np.ndarray) -> np.ndarray:
        """The z (h, w, C) of an image (H, W, C)."""
        return _scale(x[self.patch], 1 / self.amplitudes)

    def _color(self, z: np.ndarray) -> np.ndarray:
        return _scale(z, self.amplitudes)  # a symmetric map: gradients pass it the same way


def _scale(z: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """z (..., h, w, C) with the amplitudes of its spectrum multiplied by these."""
    if (amplitudes == 1).all():
        return z
    return np.fft.irfft2(np.fft.rfft2(z, axes=(-3, -2)) * amplitudes, z.shape[-3:-1], axes=(-3, -2))


def _amplitudes(height: int, width: int, spectrum_exponent: float) -> np.ndarray:
    """1 / frequency^spectrum_exponent, scaled to a mean square of 1: (height, width // 2 + 1, 1).

    Frequency 0 gets the amplitude of the lowest other one.
    """
    y, x = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    amplitudes = np.maximum(np.hypot(y, x), 1 / max(height, width)) ** -spectrum_exponent
    return (amplitudes / np.sqrt((amplitudes**2).mean()))[:, : width // 2 + 1, None]
