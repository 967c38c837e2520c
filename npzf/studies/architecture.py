"""Figure 6: what a look at the first layers says about a net's architecture, as numbers.

The paper sees in Krizhevsky's net dead features, a mix of very low and very high frequencies with little between them, and
aliasing from the stride of 4; in its own some filters that dominate until their RMS is clipped. All four are measured here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from npzf.backend import to_numpy
from npzf.layers import Conv
from npzf.network import INPUT, Network
from npzf.ops import CPU
from npzf.predict import features
from npzf.studies.top import top_activations

LOW, HIGH = 1 / 12, 1 / 4  # cycles per pixel of the layer's input: one cycle in 12 pixels, and half of what pixels can show
BANDS = (f"very low (below 1/{1 / LOW:.0f})", "middle", f"very high (above 1/{1 / HIGH:.0f})")
POINTS = 64  # frequencies along a side: filters are set in zeros to this size


@dataclass(frozen=True)
class LayerDiagnosis:
    """One convolution of a net, each array with an entry a map.

    weight (O, KH, KW, C); dead: never above zero on any image; shares (O, 3): of the filter's energy in each of BANDS;
    aliased: share of the answer's energy that the stride folds back; rms: root mean square of the filter's weights.
    """

    layer: str
    stride: int
    weight: np.ndarray
    dead: np.ndarray
    shares: np.ndarray
    aliased: np.ndarray
    rms: np.ndarray

    @property
    def dominance(self) -> float:
        """The largest RMS in units of the median one; infinite where half of the filters or more are nothing but zeros."""
        median = np.median(self.rms)
        return float(self.rms.max() / median) if median > 0 else np.inf


def diagnose_layer(net: Network, batches: Iterable[tuple], layer: str) -> LayerDiagnosis:
    """Looks at one convolution of a net over (x (N, H, W, C), labels, indices (N,)) batches; aliasing in the first of them.

    ValueError for a layer that is no convolution, or no images.
    """
    if not isinstance(net.layers.get(layer), Conv):
        convolutions = [name for name, found in net.layers.items() if isinstance(found, Conv)]
        raise ValueError(f"layer is {layer!r}, expected a convolution: {', '.join(convolutions)}")
    batches = iter(batches)
    first = next(batches, None)
    if first is None:
        raise ValueError("there are no images to look at, expected at least one")
    top = top_activations(net, chain([first], batches), [layer], count=1)[layer]
    weight = to_numpy(net.parameters[f"{layer}/weight"])
    return LayerDiagnosis(
        layer,
        net.layers[layer].stride,
        weight,
        ~(top.values[:, 0] > 0),
        spectral_shares(weight),
        aliasing(net, first[0], layer),
        np.sqrt(np.square(weight, dtype=np.float64).mean((1, 2, 3))),
    )


def spectral_shares(weight: np.ndarray) -> np.ndarray:
    """Shares of each filter's energy at very low, middle and very high frequencies: (O, KH, KW, C) -> (O, 3).

    By the distance of the two-dimensional frequency from 0, in cycles per pixel of the layer's input (LOW, HIGH); the energies
    of the C channels add up. A filter of zeros has shares of 0.
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
    """The shares (3,) of a filter that is white noise, whose energy lies at all frequencies alike."""
    return spectral_shares(np.ones((1, 1, 1, 1)))[0]


def aliasing(net: Network, x: np.ndarray, layer: str) -> np.ndarray:
    """Share (O,) of the energy of a convolution's answers to x (N, H, W, C) that its stride folds back onto lower frequencies.

    The filters are run with stride 1; taking every s-th place keeps apart only what varies with up to 1 / (2 s) cycles per pixel
    down and across. Answers are taken without their mean, without bias or rectification, and faded at the borders (Hann window).
    """
    conv, source = net.layers[layer], net.sources[layer][0]
    y = x if source == INPUT else features(net, x, [source])[source]
    weight = to_numpy(net.parameters[f"{layer}/weight"])
    folded, total = np.zeros(len(weight)), np.zeros(len(weight))
    for image in y:  # with stride 1 the answers are large: one image at a time
        answer = CPU.convolve(image[None].astype(net.dtype), weight, None, stride=1, pad=conv.pad, groups=conv.groups)[0]
        energy, beyond = _answer_energy(answer), _above_nyquist(answer.shape[:2], conv.stride)
        folded += energy[beyond].sum(0)
        total += energy.sum((0, 1))
    return np.divide(folded, total, out=np.zeros_like(total), where=total > 0)


def _answer_energy(answer: np.ndarray) -> np.ndarray:
    """Energy (H, W, O) at each frequency of maps (H, W, O), each without its mean and faded at the borders."""
    height, width = answer.shape[:2]
    fade = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])[..., None]
    answer = answer - (answer * fade).sum((0, 1)) / fade.sum()
    return np.abs(np.fft.fft2(answer * fade, axes=(0, 1))) ** 2


def _above_nyquist(size: tuple[int, int], stride: int) -> np.ndarray:
    """True (H, W) for the frequencies that a stride cannot keep apart from lower ones."""
    down, across = (np.abs(np.fft.fftfreq(side)) > 0.5 / stride for side in size)
    return down[:, None] | across
