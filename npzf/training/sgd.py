"""Stochastic gradient descent with momentum, and the filter clip (section 3)."""

from __future__ import annotations

import numpy as np

from npzf.backend.threads import parallel_for
from npzf.layers import Conv
from npzf.network import Network
from npzf.ops.twins import twin

FILTER_RMS = 1e-1  # section 3: filters whose RMS exceeds 1e-1 are scaled back to it
MOMENTUM = 0.9  # section 3
_CHUNK = 1 << 16  # numbers updated together, so that the three passes over them find them in the cache


class SGD:
    """velocity = momentum * velocity + gradient + decay * parameter; parameter -= rate * velocity; then the filter clip.

    Krizhevsky et al. 2012 keep the rate inside the velocity. At one rate that is the same; after the rate is lowered it would
    go on with the old, long steps. rate: step per unit of gradient; decay: weight decay, on weights and biases alike (the paper
    mentions none); filter_rms: the largest RMS of a filter of a conv layer, None for no clip.
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
        self.velocity = {name: np.zeros_like(p) for name, p in net.parameters.items()}

    def step(self) -> None:
        """Moves every parameter by its velocity; ValueError before the first backward."""
        gradients = self.net.gradients
        for name, parameter in self.net.parameters.items():
            if name not in gradients:
                raise ValueError(f"{name} has no gradient: call net.forward(x, train=True) and net.backward(gscores) before step")
            arrays = (parameter, gradients[name], self.velocity[name])
            move(*(array.reshape(-1) for array in arrays), self.rate, self.momentum, self.decay)
        if self.filter_rms is not None:
            for layer in self.net.layers.values():
                if isinstance(layer, Conv):
                    clip_filters(layer.parameters["weight"], self.filter_rms)


@twin
def move(parameter: np.ndarray, gradient: np.ndarray, velocity: np.ndarray, rate: float, momentum: float, decay: float) -> None:
    """One step of flat arrays, in place: the formula of SGD."""

    def some(part: slice) -> None:
        scratch = np.empty(min(_CHUNK, part.stop - part.start), parameter.dtype)
        for start in range(part.start, part.stop, _CHUNK):
            chunk = slice(start, min(start + _CHUNK, part.stop))
            p, g, v, s = parameter[chunk], gradient[chunk], velocity[chunk], scratch[: chunk.stop - start]
            v *= momentum
            v += g
            if decay:
                np.multiply(p, decay, out=s)
                v += s
            np.multiply(v, rate, out=s)
            p -= s

    parallel_for(some, parameter.size)


@twin
def clip_filters(weight: np.ndarray, limit: float) -> None:
    """Scales each filter weight[o] (KH, KW, C) whose RMS value exceeds limit back to it, in place (section 3)."""
    rms = np.sqrt(np.mean(np.square(weight, dtype=np.float64), axis=(1, 2, 3), keepdims=True))  # 1e20 squared is no float32
    over = rms > limit
    if over.any():
        weight *= np.where(over, limit / np.where(over, rms, 1), 1).astype(weight.dtype)
