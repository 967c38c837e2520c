"""Stochastic gradient descent with momentum, and the filter clip (section 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from npzf.backend.arrays import array_module
from npzf.layers import Conv
from npzf.network import Network

FILTER_RMS = 1e-1  # section 3: filters whose RMS exceeds 1e-1 are scaled back to it
MOMENTUM = 0.9  # section 3


class SGD:
    """velocity = momentum * velocity + gradient + decay * parameter; parameter -= rate * velocity; then the filter clip.

    Krizhevsky et al. 2012 keep the rate inside the velocity. At one rate that is the same; after the rate is lowered the velocity
    would keep steps scaled by the old rate. rate: step per unit of gradient; decay: weight decay, on weights and biases alike
    (the paper mentions none); filter_rms: the largest RMS of a filter of a conv layer, None for no clip. rates: by layer,
    what the rate is multiplied by there, 1 if it is not named; a layer of 0 is frozen: neither moved, nor decayed, nor clipped.
    ValueError for other values, or the name of a layer without parameters.
    """

    def __init__(
        self,
        net: Network,
        rate: float,
        momentum: float = MOMENTUM,
        decay: float = 0.0,
        filter_rms: float | None = FILTER_RMS,
        rates: Mapping[str, float] | None = None,
    ):
        check_numbers(rate, momentum, decay, filter_rms)
        self.net, self.rate, self.momentum, self.decay, self.filter_rms = net, rate, momentum, decay, filter_rms
        self.rates = layer_rates(net, rates or {})
        moved = {name: p for name, p in net.parameters.items() if self.rates[_layer(name)]}
        self.velocity = {name: array_module(p).zeros_like(p) for name, p in moved.items()}

    def step(self) -> None:
        """Moves every parameter by its velocity, then clips the filters; ValueError before the first backward."""
        ops, gradients, parameters = self.net.face, self.net.gradients, self.net.parameters
        for name, velocity in self.velocity.items():
            if name not in gradients:
                raise ValueError(f"{name} has no gradient: call net.forward(x, train=True) and net.backward(gscores) before step")
            rate = self.rate * self.rates[_layer(name)]
            ops.sgd_step(parameters[name], gradients[name], velocity, rate, self.momentum, self.decay)
        if self.filter_rms is not None:
            for name, layer in self.net.layers.items():
                if isinstance(layer, Conv) and self.rates[name]:
                    ops.clip_filters(layer.parameters["weight"], self.filter_rms)


def check_numbers(rate: float, momentum: float, decay: float, filter_rms: float | None) -> None:
    """ValueError, naming the one that is out of range, unless SGD can work with these."""
    if not 0 <= rate < math.inf:
        raise ValueError(f"rate is {rate}, expected a finite number of at least 0")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum is {momentum}, expected at least 0 and below 1")
    if not 0 <= decay < math.inf:
        raise ValueError(f"decay is {decay}, expected a finite number of at least 0")
    if filter_rms is not None and not 0 < filter_rms < math.inf:
        raise ValueError(f"filter_rms is {filter_rms}, expected a finite number above 0, or None for no clip")


def layer_rates(net: Network, rates: Mapping[str, float], freeze: str | None = None) -> dict[str, float]:
    """What the rate is multiplied by in each layer that has parameters: as rates say, else 1; 0 up to the layer `freeze`.

    ValueError for the name of a layer without parameters, a negative multiplier, or if nothing is left to be trained.
    """
    learning = [name for name, layer in net.layers.items() if layer.parameters]
    frozen = [] if freeze is None else [name for name in net.needed_for((freeze,)) if name in learning]
    for name, rate in rates.items():
        if name not in learning:
            raise ValueError(f"rates has a layer {name!r}, expected one with parameters: {', '.join(learning)}")
        if not 0 <= rate < math.inf:
            raise ValueError(f"rates has {rate} for {name!r}, expected at least 0")
        if rate and name in frozen:
            raise ValueError(f"rates has {rate} for {name!r}, expected a layer that is not frozen with {freeze!r}")
    found = {name: float(rates.get(name, 1)) for name in learning} | dict.fromkeys(frozen, 0.0)
    if not any(found.values()):
        words = "rates are all 0" if freeze is None else f"freeze is {freeze!r}, which leaves no layer to train"
        raise ValueError(f"{words}, expected at least one layer above 0")
    return found


def _layer(parameter: str) -> str:
    """The layer of a parameter: conv1 of conv1/weight."""
    return parameter.rpartition("/")[0]
