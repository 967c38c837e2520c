"""Stochastic gradient descent with momentum, and the filter clip (section 3)."""

from __future__ import annotations

from npzf.backend.arrays import array_module
from npzf.layers import Conv
from npzf.network import Network

FILTER_RMS = 1e-1  # section 3: filters whose RMS exceeds 1e-1 are scaled back to it
MOMENTUM = 0.9  # section 3


class SGD:
    """velocity = momentum * velocity + gradient + decay * parameter; parameter -= rate * velocity; then the filter clip.

    Krizhevsky et al. 2012 keep the rate inside the velocity. At one rate that is the same; after the rate is lowered the velocity
    would keep steps scaled by the old rate. rate: step per unit of gradient; decay: weight decay, on weights and biases alike
    (the paper mentions none); filter_rms: the largest RMS of a filter of a conv layer, None for no clip. ValueError for other
    values.
    """

    def __init__(
        self,
        net: Network,
        rate: float,
        momentum: float = MOMENTUM,
        decay: float = 0.0,
        filter_rms: float | None = FILTER_RMS,
    ):
        if not (rate >= 0 and 0 <= momentum < 1 and decay >= 0):
            raise ValueError(f"rate is {rate}, momentum {momentum}, decay {decay}, expected rate, decay >= 0, momentum in [0, 1)")
        if filter_rms is not None and not filter_rms > 0:
            raise ValueError(f"filter_rms is {filter_rms}, expected more than 0, or None for no clip")
        self.net, self.rate, self.momentum, self.decay, self.filter_rms = net, rate, momentum, decay, filter_rms
        self.velocity = {name: array_module(p).zeros_like(p) for name, p in net.parameters.items()}

    def step(self) -> None:
        """Moves every parameter by its velocity, then clips the filters; ValueError before the first backward."""
        ops, gradients = self.net.face, self.net.gradients
        for name, parameter in self.net.parameters.items():
            if name not in gradients:
                raise ValueError(f"{name} has no gradient: call net.forward(x, train=True) and net.backward(gscores) before step")
            ops.sgd_step(parameter, gradients[name], self.velocity[name], self.rate, self.momentum, self.decay)
        if self.filter_rms is not None:
            for layer in self.net.layers.values():
                if isinstance(layer, Conv):
                    ops.clip_filters(layer.parameters["weight"], self.filter_rms)
