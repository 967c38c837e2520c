"""What a net answers, wherever it computes: the studies of figures 5 to 7 and of Table 1 look at NumPy arrays."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from npzf.backend import to_numpy
from npzf.network import Network


def answers(net: Network, x: np.ndarray, names: Collection[str]) -> dict[str, np.ndarray]:
    """Name -> activation of each of these layers for x (N, H, W, C), as net.activations, but never on a GPU."""
    return {name: to_numpy(y) for name, y in net.activations(x, names).items()}
