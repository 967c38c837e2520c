"""Figure 6: what a look at the first layers says about a net's architecture, as numbers.

The paper sees in Krizhevsky's net dead features, a mix of very low and very high frequencies with little between them, and
aliasing from the stride of 4; in its own, filters that dominate until their RMS is clipped. All four are measured here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from npzf.backend import to_numpy
from npzf.data import Batch, ImageSet, SquareImages, evaluation_batches
from npzf.geometry import Pair, pair
from npzf.layers import Conv
from npzf.network import INPUT, Network
from npzf.ops import ops_of
from npzf.predict import features
from npzf.studies.top import IMAGES, top_activations

LOW, HIGH = 1 / 12, 1 / 4  # cycles per pixel of the layer's input: one cycle in 12 pixels, and half of what pixels can show
BANDS = (f"very low (below 1/{1 / LOW:.0f})", "middle", f"very high (above 1/{1 / HIGH:.0f})")
POINTS = 64  # frequencies along a side: filters are padded with zeros to this size


@dataclass(frozen=True)
class LayerDiagnosis:
    """One convolution of a net with O maps.

    layer, stride: its name and stride.
    weight (O, KH, KW, C): its filters.
    dead (O,): True for maps that are above zero on no image.
    shares (O, 3): of the filter's energy in each of BANDS.
    aliased (O,): share of the map's energy that its stride aliases.
    rms (O,): root mean square of the filter's weights.
    """

    layer: str
    stride: int | Pair
    weight: np.ndarray
    dead: np.ndarray
    shares: np.ndarray
    aliased: np.ndarray
    rms: np.ndarray

    @property
    def dominance(self) -> float:
        """The largest RMS in units of the median one; infinite where half of the filters or more are all zeros."""
        median = np.median(self.rms)
        return float(self.rms.max() / median) if median > 0 else np.inf


def diagnose_layer(net: Network, images: ImageSet | SquareImages | Iterable[Batch], layer: str) -> LayerDiagnosis:
    """Dead maps, spectra, aliasing and RMS of one convolution over a set of images; aliasing over its first batch alone.

    ValueError for a layer that is no convolution, and for no images.
    """
    conv = _convolution(net, layer)
    batches = iter(evaluation_batches(net, images, IMAGES))
    first = next(batches, None)
    if first is None:
        raise ValueError("images is empty, expected at least one image")
    top = top_activations(net, chain([first], batches), [layer], count=1)[layer]
    weight = to_numpy(net.parameters[f"{layer}/weight"])
    return LayerDiagnosis(
        layer,
        conv.stride,
        weight,
        ~(top.values[:, 0] > 0),
        spectral_shares(weight),
        aliasing(net, first[0], layer),
        np.sqrt(np.square(weight, dtype=np.float64).mean((1, 2, 3))),
    )


def _convolution(net: Network, layer: str) -> Conv:
    """The layer of this name, if it is a convolution; otherwise ValueError."""
    conv = net.layers.get(layer)
    if not isinstance(conv, Conv):
        raise ValueError(f"layer is {layer!r}, expected a convolution: {', '.join(net.convolutions)}")
    return conv


def spectral_shares(weight: np.ndarray) -> np.ndarray:
    """Shares of each filter's energy at very low, middle and very high frequencies: (O, KH, KW, C) -> (O, 3).

    Bands are rings of the two-dimensional frequency, in cycles per pixel of the layer's input (LOW, HIGH); the energies of the C
    channels add up. A filter of zeros has shares of 0.
    """
    points = max(POINTS, *weight.shape[1:3])
    frequency = np.fft.fftfreq(points)
    radius = np.hypot(frequency[:, None], frequency)
    spectra = (np.fft.fft2(one, (points, points), axes=(0, 1)) for one in np.asarray(weight, np.float64))
    energy = np.stack([(np.abs(spectrum) ** 2).sum(2) for spectrum in spectra])
    bands = [radius < LOW, (radius >= LOW) & (radius <= HIGH), radius > HIGH]
    parts = np.stack([energy[:, band].sum(1) for band in bands], axis=1)
    total = parts.sum(1, keepdims=True)
    return np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)


def noise_shares() -> np.ndarray:
    """The shares (3,) of a filter that is white noise, whose energy is the same at all frequencies."""
    return spectral_shares(np.ones((1, 1, 1, 1)))[0]


def aliasing(net: Network, x: np.ndarray, layer: str) -> np.ndarray:
    """Share (O,) of the energy of a convolution's activations on x (N, H, W, C) that its stride aliases.

    The filters are run with stride 1; a stride of s keeps apart only what varies with up to 1 / (2 s) cycles per pixel down and
    across. Activations are taken without mean, bias and rectification, and tapered at the borders (Hann window).
    """
    conv, source = _convolution(net, layer), net.sources[layer][0]
    inputs = x if source == INPUT else features(net, x, [source])[source]
    weight = to_numpy(net.parameters[f"{layer}/weight"])
    aliased, total = np.zeros(len(weight)), np.zeros(len(weight))
    for image in inputs:  # one by one: with stride 1 the activations are large
        y = ops_of(weight).convolve(image[None].astype(net.dtype), weight, stride=1, pad=conv.pad, groups=conv.groups)[0]
        energy, above = _energy(y), _above_nyquist(y.shape[:2], pair(conv.stride))
        aliased += energy[above].sum(0)
        total += energy.sum((0, 1))
    return np.divide(aliased, total, out=np.zeros_like(total), where=total > 0)


def _energy(y: np.ndarray) -> np.ndarray:
    """Energy (H, W, O) at each frequency of maps y (H, W, O), each without its mean and tapered at the borders."""
    height, width = y.shape[:2]
    taper = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])[..., None]
    y = y - (y * taper).sum((0, 1)) / taper.sum()
    return np.abs(np.fft.fft2(y * taper, axes=(0, 1))) ** 2


def _above_nyquist(size: Pair, stride: Pair) -> np.ndarray:
    """True (H, W) for the frequencies that a stride cannot keep apart from lower ones."""
    down, across = (np.abs(np.fft.fftfreq(n)) > 0.5 / s for n, s in zip(size, stride, strict=True))
    return down[:, None] | across
