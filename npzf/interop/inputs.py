"""What a net from elsewhere was fed: its preprocessing, and its channels in the order red, green, blue (section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npzf import layers
from npzf.graph import INPUT
from npzf.network import Network
from npzf.preprocessing import Preprocessing

CHANNELS = ("rgb", "bgr")
LARGEST = 1e9  # of a mean or std: larger ones overflow where they are multiplied
RANGES = (1, 255)
Numbers = float | Sequence[float] | np.ndarray


def set_input(net: Network, mean: Numbers, std: Numbers = 1.0, *, pixel_range: int, channels: str = "rgb") -> None:
    """Sets how pixels become the net's input: (pixels * pixel_range / 255 - mean) / std, pixels in [0, 255].

    mean, std: a number, or one for each channel in the net's own order. pixel_range: the largest value of its pixels, 1 or 255.
    channels: the order that the net was trained on, "rgb" or "bgr"; a net of "bgr" is turned round and takes RGB from then, with
    the same result. ValueError for other values, or for a net that cannot be turned; it is left as it was.
    """
    if pixel_range not in RANGES:
        raise ValueError(f"range is {pixel_range}, expected 1 or 255: the largest value of a pixel that the net was fed")
    if channels not in CHANNELS:
        raise ValueError(f"channels is {channels!r}, expected 'rgb' or 'bgr'")
    count = net.input_shape[2]
    if channels == "bgr" and count != 3:
        raise ValueError(f"channels is 'bgr', expected 'rgb' for a net of {count} channels")
    values = [_numbers(name, value, count)[:: -1 if channels == "bgr" else 1] for name, value in (("mean", mean), ("std", std))]
    if not (values[1] > 0).all():
        raise ValueError(f"std is {std}, expected positive numbers")
    for name, numbers in zip(("mean", "std"), values, strict=True):
        if np.abs(numbers).max(initial=0) > LARGEST:
            raise ValueError(f"{name} has {np.abs(numbers).max():g} in it, expected numbers of at most {LARGEST:g}")
    preprocessing = Preprocessing(values[0] * (255 / pixel_range), values[1] * (255 / pixel_range))
    preprocessing.check(net.input_shape)
    if channels == "bgr":
        reverse_channels(net)
    net.preprocessing = preprocessing


def reverse_channels(net: Network) -> None:
    """Turns the lowest layers round, so that the net takes its three channels in the reverse order, with the same result.

    ValueError, naming the layer, if one of them treats its maps neither alike nor as a convolution does: nothing is changed.
    """
    turned: list[layers.Layer] = []
    reversed_outputs = {INPUT}
    for name, layer in net.layers.items():
        from_reversed = [source in reversed_outputs for source in net.sources[name]]
        if not any(from_reversed):
            continue
        match layer:
            case layers.Conv(groups=1):
                turned.append(layer)
                continue
            case layers.Affine():
                turned.append(layer)
            case layers.LocalResponseNorm(n=n) if n % 2 == 0:
                raise ValueError(f"layer {name!r} is {layer}, whose window is not the same in the reverse order of channels")
            case layers.Add() if all(from_reversed):
                pass
            case layers.Pointwise() | layers.MaxPool() | layers.AveragePool() | layers.ZeroPad() | layers.LocalContrastNorm():
                pass
            case _:
                raise ValueError(f"layer {name!r} is {layer}, expected a convolution without groups below it")
        reversed_outputs.add(name)
    if net.output_name in reversed_outputs:
        raise ValueError(f"layers are {', '.join(net.layers)}, expected a convolution to reverse channels")
    for layer in turned:
        for key, value in layer.parameters.items():
            if isinstance(layer, layers.Affine) or key == "weight":
                value[...] = value[..., ::-1].copy()


def _numbers(name: str, value: Numbers, count: int) -> np.ndarray:
    """One number for each channel, finite."""
    numbers = np.atleast_1d(np.asarray(value, np.float64))
    if numbers.shape not in ((1,), (count,)) or not np.isfinite(numbers).all():
        raise ValueError(f"{name} is {value}, expected one finite number, or {count}: one a channel")
    return np.broadcast_to(numbers, (count,))


def input_words(net: Network) -> str:
    """What the net is fed, in words, such as "RGB, (pixels - 124 116 104) / 58 57 57, pixels in [0, 255]"."""
    channels = {1: "grey", 3: "RGB"}.get(net.input_shape[2], f"{net.input_shape[2]} channels")
    mean, std = net.preprocessing.mean, net.preprocessing.std
    words = "0" if mean is None else "the mean image" if np.ndim(mean) == 3 else _list(mean)
    return f"{channels}, (pixels - {words}) / {_list(std)}, pixels in [0, 255]"


def _list(numbers: Numbers) -> str:
    """Numbers with four digits, one if all are the same."""
    different = np.unique(numbers)
    values = different if len(different) == 1 else np.asarray(numbers)
    return " ".join(f"{value:.4g}" for value in values)
