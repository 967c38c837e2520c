"""Units whose Hessian is known in closed form: an exact parabola, and a plane."""

import numpy as np
from assertions import normal

from npzf import layers
from npzf.network import Network

COEFFICIENTS = np.array([5, 4, 2.5, 1, 0.5, 0.1, -0.2, -0.5, -1, -2, -3, -4])
AXES = np.linalg.qr(normal(12, 12))[0].T  # row k: the direction of the image along which the unit is COEFFICIENTS[k] z^2
B = 1.5
NORM = 3.0


def parabola(coefficients=COEFFICIENTS):
    """One unit: the sum over k of coefficients[k] * (AXES[k] x)^2, exactly.

    A cubic is contrast normalisation over one map with a power of -1, z (k + z^2), and of two cubics the difference
    (z + b)^3 - (z - b)^3 = 6 b z^2 + 2 b^3 is a parabola. What is constant is taken off by the last bias.
    """
    cube = layers.LocalResponseNorm(n=1, k=1.0, alpha=1.0, beta=-1.0, alpha_divided_by_n=False)
    net = Network((2, 2, 3), [("axes", layers.Conv(24, 2)), ("cube", cube), ("sum", layers.Conv(1, 1))], dtype="float64")
    net.parameters["axes/weight"][...] = np.concatenate([AXES, AXES]).reshape(24, 2, 2, 3)
    net.parameters["axes/bias"][...] = np.repeat([B, -B], 12)
    net.parameters["sum/weight"][...] = (np.concatenate([coefficients, -coefficients]) / (6 * B)).reshape(1, 1, 1, 24)
    net.parameters["sum/bias"][...] = -(coefficients * (2 * B**3 + 2 * B) / (6 * B)).sum()
    return net


def plane():
    """One unit of six pixels' filter, which sees a corner of the image."""
    return Network((4, 5, 1), [("conv1", layers.Conv(2, 3))], dtype="float64")
