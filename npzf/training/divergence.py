"""When training has diverged: what is not saved, and which layer it began in (section 3 lowers the rate by hand)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from npzf.backend.arrays import array_module
from npzf.network import Network

LIMIT = 1e6  # of a loss in nats: far above any that training comes back from
LARGEST = 1e12  # of a parameter or velocity: far above those of any net that works


class Diverged(ArithmeticError):
    """The loss, a parameter or a velocity is no number, or absurd."""


def is_absurd(loss: float) -> bool:
    """Whether a loss is NaN, infinite, or above LIMIT."""
    return not abs(loss) <= LIMIT


def absurd_parameter(net: Network, velocity: Mapping[str, Any]) -> str | None:
    """The first parameter, or velocity of one, that is infinite, NaN or beyond LARGEST, in words; None if there is none."""
    for name, parameter in net.parameters.items():
        for what, array in (("", parameter), ("the velocity of ", velocity.get(name))):
            if array is not None and not (array.min() >= -LARGEST and array.max() <= LARGEST):
                finite = array_module(array).isfinite(array).all()
                return f"{what}{name} " + (f"is up to {float(abs(array).max()):.3g}" if finite else "is not finite")
    return None


def culprit(net: Network, velocity: Mapping[str, Any], x: Any = None) -> str:
    """Where a loss that is absurd comes from, in words: the first layer that is not finite, else the first of large activations.

    x: a batch (N, H, W, C), preprocessed, whose activations are looked at.
    """
    if found := absurd_parameter(net, velocity):
        return found
    if x is not None:
        if not array_module(x).isfinite(x).all():
            return "the input is not finite"
        names = net.needed_for((net.scores_name,))
        tape = net.record(x, names)
        most = {name: float(abs(tape[name]).max()) for name in names}
        for name, value in most.items():
            if not math.isfinite(value):
                return f"the activations of {name} are not finite"
        if large := [name for name, value in most.items() if value > LIMIT]:
            return f"the activations of {large[0]} are up to {most[large[0]]:.3g}"
    largest = {name: float(abs(parameter).max()) for name, parameter in net.parameters.items()}
    name = max(largest, key=largest.__getitem__)
    return f"the largest parameters, up to {largest[name]:.3g}, are those of {name}"
