"""What section 1.1 compares with: a unit's optimal input (Erhan et al. 2009) and its invariances (Le et al. 2010).

The unit is maximised among the images of one norm, a sphere. Around the optimum its value falls along every great circle; the
directions along which it falls least, eigenvectors of its Hessian where it has one, are what it does not mind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from npzf.network import Network
from npzf.studies.unit_function import Unit, UnitFunction

Climb = Callable[[np.ndarray], tuple[float, np.ndarray]]
BOUNDS = (1.0, 0.003)  # radians that an ascent turns at most, in its first step and in its last
MOMENTUM = 0.7


@dataclass(frozen=True)
class OptimalInput:
    """An image x (H, W, C), in units of the net's input, that excites a unit most among the images of its norm.

    patch: rows and columns that the unit sees; x is zero elsewhere. value: the unit's activation; angle: between x and the
    unit's gradient there, in degrees: 0 at a true optimum. spectrum_exponent, and norm with respect to it: as given to `optimum`.
    """

    layer: str
    unit: Unit
    x: np.ndarray
    value: float
    angle: float
    norm: float
    spectrum_exponent: float
    patch: tuple[slice, slice]


@dataclass(frozen=True)
class Invariances:
    """Directions (count, H, W, C) of norm 1, at right angles to the optimum, along which the unit's value falls least first.

    curvatures (count,): the mean second derivative of the value along the great circle that begins in that direction, over the
    reach on both sides, per unit of x squared; above 0 where a way leads to a better optimum.
    """

    directions: np.ndarray
    curvatures: np.ndarray


def optimal_input(
    net: Network, layer: str, unit: Unit, norm: float, steps: int = 200, seed: int = 0, spectrum_exponent: float = 0.0
) -> OptimalInput:
    """Gradient ascent on a unit's activation among the images with this Euclidean norm, in units of x (Erhan et al. 2009).

    unit: (map, row, column), or a map, of which the place in the middle is taken. Begins with noise in its receptive field.
    spectrum_exponent: the norm is that of the image with its amplitudes multiplied by frequency to this power, on average by 1: with 0 the
    norm itself, which lets high frequencies win, with 1 all images of one norm are as likely as photographs, whose amplitudes
    fall as 1 / frequency (Field 1987). ValueError for a norm that is not positive, a spectrum_exponent below 0, a unit that does not exist,
    or one whose gradient is zero at the noise.
    """
    if not norm > 0:
        raise ValueError(f"norm is {norm}, expected a positive number")
    if not 0 <= spectrum_exponent < np.inf:
        raise ValueError(f"spectrum_exponent is {spectrum_exponent}, expected a number of at least 0")
    function = UnitFunction(net, layer, unit, spectrum_exponent)
    z = np.random.default_rng(seed).standard_normal(function.shape)
    z *= norm / np.linalg.norm(z)
    if not function.value_and_gradient(z)[1].any():
        found = f"unit {function.unit} of {layer!r} has no gradient at the noise of seed {seed}"
        raise ValueError(f"{found}, expected another, or a layer below its relu")
    z, value, up = _ascend(function.value_and_gradient, z, steps)
    cosine = (up * z).sum() / (np.linalg.norm(up) * norm)
    angle = float(np.rad2deg(np.arccos(min(cosine, 1.0))))
    return OptimalInput(layer, function.unit, function.image(z), value, angle, norm, spectrum_exponent, function.patch)


def invariances(
    net: Network, best: OptimalInput, count: int = 3, reach: float = 30.0, steps: int = 100, seed: int = 0
) -> Invariances:
    """Directions along which the unit's value falls least, by gradient ascent on the sum of its values `reach` degrees away.

    Each is at right angles to the optimum and to those found before; both ends lie on a great circle, as in Berkes and Wiskott
    2006. Where the value is smooth and the reach small, the directions are the leading eigenvectors of its Hessian on the sphere,
    which Le et al. 2010 take (hessian.py). A net of relus is linear piece by piece and has no Hessian; eigenvectors of the
    differences of its gradients can lose the value faster than random directions do. A linear unit, such as the first layer's,
    falls alike in all directions: those found are then the noise of seed. ValueError for count or reach.
    """
    function = UnitFunction(net, best.layer, best.unit, best.spectrum_exponent)
    n = int(np.prod(function.shape)) - 1
    if not 1 <= count < n or not 0 < reach < 90:
        raise ValueError(f"count is {count}, reach {reach}, expected count from 1 to {n - 1}, reach between 0 and 90 degrees")
    z, angle, noise = function.whiten(best.x), np.deg2rad(reach), np.random.default_rng(seed)

    def ends(direction: np.ndarray) -> tuple[float, np.ndarray]:
        """The sum of the values at both ends of the arc in this direction of length 1, and its gradient."""
        away = np.sin(angle) * best.norm * direction
        values, up = function.values_and_gradients(np.cos(angle) * z + np.stack([away, -away]))
        return values.sum(), np.sin(angle) * best.norm * (up[0] - up[1])

    found, sums = [], []
    for _ in range(count):
        axes = [z / best.norm, *found]
        start = _at_right_angles(noise.standard_normal(function.shape), axes)
        direction, both, _ = _ascend(ends, start / np.linalg.norm(start), steps, axes)
        found.append(direction)
        sums.append(both)
    order = np.argsort(-np.array(sums), kind="stable")
    curvatures = (np.array(sums)[order] - 2 * best.value) / (best.norm * angle) ** 2
    return Invariances(np.stack([function.image(found[k]) for k in order]), curvatures)


def great_circle(best: OptimalInput, direction: np.ndarray, degrees: float = 60.0, frames: int = 25) -> np.ndarray:
    """The images (frames, H, W, C) of the optimum's norm from -degrees to +degrees along the great circle in this direction."""
    angles = np.deg2rad(np.linspace(-degrees, degrees, frames))[:, None, None, None]
    return np.cos(angles) * best.x + np.sin(angles) * best.norm * direction


def _ascend(climb: Climb, z: np.ndarray, steps: int, axes: Sequence[np.ndarray] = ()) -> tuple[np.ndarray, float, np.ndarray]:
    """Gradient ascent from z on the sphere of its length, at right angles to some axes: the best z, its value and gradient.

    A step turns z towards a running mean of the gradients, by the angle between the two, but no further than a bound that
    shrinks from step to step. Optima of nets with relus lie on ridges, where a single gradient points across, from one slope to
    the other, and an ascent that takes only steps upwards is stuck; their mean points along.
    """
    length, best = np.linalg.norm(z), (z, *climb(z))
    (_, up), along = best[1:], 0.0
    for bound in np.geomspace(*BOUNDS, steps):
        along = _at_right_angles(MOMENTUM * along + (1 - MOMENTUM) * up, [z / length, *axes])
        if not along.any():
            break
        size = np.linalg.norm(along)
        angle = min(bound, np.arctan2(size, abs((up * z).sum()) / length))
        z = _at_right_angles(np.cos(angle) * z + np.sin(angle) * (length / size) * along, axes)
        z *= length / np.linalg.norm(z)
        value, up = climb(z)
        if value > best[1]:
            best = z, value, up
    return best


def _at_right_angles(z: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    """z without its parts along these axes, which have length 1 and are at right angles to each other."""
    for axis in axes:
        z = z - (axis * z).sum() * axis
    return z
