"""What section 1.1 compares with: a unit's optimal input (Erhan et al. 2009) and the directions it ignores (Le et al. 2010).

The unit is maximised over the images of one norm, a sphere. From the optimum its value falls along every great circle; the flat
directions, along which it falls least, are the leading eigenvectors of its Hessian where it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from npzf.network import Network
from npzf.numbers import check_finite, check_seed, check_whole
from npzf.studies.unit_function import Unit, UnitFunction

ValueAndGradient = Callable[[np.ndarray], tuple[float, np.ndarray]]
BOUNDS = (1.0, 0.003)  # largest angle of a step in radians, of the first and of the last
STEEPEST = 10  # spectrum_exponent
MOMENTUM = 0.7


@dataclass(frozen=True)
class OptimalInput:
    """The image that a unit prefers among the images of one norm.

    layer, unit: the unit, a place included where the layer has places.
    x (H, W, C): the image, in units of the net's input; zero outside of the patch.
    value: the unit's activation.
    angle: between x and the unit's gradient, in degrees; 0 at a true optimum.
    norm, spectrum_exponent: as given to `optimal_input`.
    patch: rows and columns of the unit's receptive field.
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
class FlatDirections:
    """Directions along which a unit's value falls least, the flattest first.

    directions (count, H, W, C): of norm 1, at right angles to the optimum and to each other.
    curvatures (count,): the mean second derivative of the value along the great circle in that direction, over the reach on both
    sides, per unit of x squared; above 0 where the circle leads to a better optimum.
    """

    directions: np.ndarray
    curvatures: np.ndarray


def optimal_input(
    net: Network, layer: str, unit: Unit, norm: float, *, steps: int = 200, seed: int = 0, spectrum_exponent: float = 0.0
) -> OptimalInput:
    """Gradient ascent on a unit's activation over the images of this Euclidean norm, in units of x (Erhan et al. 2009).

    unit: (map, row, column), or a map, whose middle unit is taken; seed: of the noise in the receptive field that the ascent
    begins with. spectrum_exponent: the norm is that of the image with its amplitudes multiplied by frequency to this power, on
    average by 1. With 0 it is the plain norm, by which high frequencies win; with 1 all images of one norm are as likely as
    photographs, whose amplitudes fall as 1 / frequency (Field 1987). ValueError for a norm that is not positive, a
    spectrum_exponent below 0, a unit that does not exist, and one without gradient at the noise.
    """
    check_finite(norm=norm, spectrum_exponent=spectrum_exponent)
    check_steps_and_seed(steps, seed)
    if not norm > 0:
        raise ValueError(f"norm is {norm}, expected a positive number")
    if not 0 <= spectrum_exponent <= STEEPEST:
        raise ValueError(f"spectrum_exponent is {spectrum_exponent}, expected a number from 0 to {STEEPEST}")
    function = UnitFunction(net, layer, unit, spectrum_exponent)
    z = np.random.default_rng(seed).standard_normal(function.shape)
    z *= norm / np.linalg.norm(z)
    if not function.value_and_gradient(z)[1].any():
        raise ValueError(
            f"unit is {function.unit} of {layer!r} without gradient at the noise of seed {seed}, expected another unit or seed, "
            "or a layer below its ReLU"
        )
    z, value, gradient = ascend(function.value_and_gradient, z, steps)
    cosine = (gradient * z).sum() / (np.linalg.norm(gradient) * norm)
    angle = float(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))
    return OptimalInput(layer, function.unit, function.image(z), value, angle, norm, spectrum_exponent, function.patch)


def flat_directions(
    net: Network, optimum: OptimalInput, *, count: int = 3, reach: float = 30.0, steps: int = 100, seed: int = 0
) -> FlatDirections:
    """Directions along which the unit's value falls least, by gradient ascent on the sum of its values `reach` degrees away.

    Each is at right angles to the optimum and to the directions before it; both ends lie on a great circle, as in Berkes and
    Wiskott 2006. Where the value is smooth and the reach small, these are the leading eigenvectors of its Hessian on the sphere,
    which Le et al. 2010 take (hessian_directions). A ReLU net is piecewise linear and has no Hessian; eigenvectors of the
    differences of its gradients can lose the value faster than random directions do. A linear unit, such as the first layer's,
    falls alike in all directions: its flat directions are the noise of seed. ValueError for a count or reach out of range.
    """
    function = UnitFunction(net, optimum.layer, optimum.unit, optimum.spectrum_exponent)
    check_count_and_reach(function, count, reach)
    check_steps_and_seed(steps, seed)
    z, angle, noise = function.whiten(optimum.x), np.deg2rad(reach), np.random.default_rng(seed)

    def ends(direction: np.ndarray) -> tuple[float, np.ndarray]:
        """The sum of the values at both ends of the arc in this direction of length 1, and its gradient."""
        offset = np.sin(angle) * optimum.norm * direction
        values, gradients = function.values_and_gradients(np.cos(angle) * z + np.stack([offset, -offset]))
        return values.sum(), np.sin(angle) * optimum.norm * (gradients[0] - gradients[1])

    directions: list[np.ndarray] = []
    sums = np.empty(count)
    for k in range(count):
        axes = [z / optimum.norm, *directions]
        start = _orthogonal(noise.standard_normal(function.shape), axes)
        direction, sums[k], _ = ascend(ends, start / np.linalg.norm(start), steps, axes)
        directions.append(direction)
    return rank(function, optimum, directions, sums, angle)


def check_steps_and_seed(steps: int, seed: int) -> None:
    """ValueError for steps that are no whole number of at least 0, and what is no seed."""
    check_whole(steps=steps)
    check_seed(seed)
    if steps < 0:
        raise ValueError(f"steps is {steps}, expected at least 0")


def check_count_and_reach(function: UnitFunction, count: int, reach: float) -> None:
    """ValueError for a count of directions or a reach in degrees that the unit cannot have."""
    check_whole(count=count)
    check_finite(reach=reach)
    largest = int(np.prod(function.shape)) - 2
    if not 1 <= count <= largest:
        raise ValueError(f"count is {count}, expected 1 to {largest}")
    if not 0 < reach < 90:
        raise ValueError(f"reach is {reach}, expected between 0 and 90 degrees")


def rank(
    function: UnitFunction, optimum: OptimalInput, directions: Sequence[np.ndarray] | np.ndarray, sums: np.ndarray, angle: float
) -> FlatDirections:
    """The directions, each like z and of length 1, by the sums (count,) of the values at both ends of arcs of this angle."""
    order = np.argsort(-sums, kind="stable")
    curvatures = (sums[order] - 2 * optimum.value) / (optimum.norm * angle) ** 2
    return FlatDirections(np.stack([function.image(directions[k]) for k in order]), curvatures)


def great_circle(optimum: OptimalInput, direction: np.ndarray, *, degrees: float = 60.0, frames: int = 25) -> np.ndarray:
    """Images (frames, H, W, C) of the optimum's norm, from -degrees to +degrees on the great circle in direction (H, W, C).

    ValueError for degrees that are not finite, and frames below 1.
    """
    check_finite(degrees=degrees)
    check_whole(frames=frames)
    if frames < 1 or abs(degrees) > 360:
        raise ValueError(f"frames and degrees are {frames} and {degrees}, expected at least 1, and at most 360")
    angles = np.deg2rad(np.linspace(-degrees, degrees, frames))[:, None, None, None]
    return np.cos(angles) * optimum.x + np.sin(angles) * optimum.norm * direction


def ascend(
    function: ValueAndGradient, z: np.ndarray, steps: int, axes: Sequence[np.ndarray] = ()
) -> tuple[np.ndarray, float, np.ndarray]:
    """Gradient ascent from z on the sphere of its length, at right angles to these axes: the best z, its value and gradient.

    A step turns z towards a running mean of the gradients, by the angle between the two, but by no more than a bound that shrinks
    from step to step. ReLU networks have ridges on which plain ascent oscillates; the running mean (momentum) follows the ridge.
    """
    length = np.linalg.norm(z)
    value, gradient = function(z)
    best, mean = (z, value, gradient), np.zeros_like(z)
    for bound in np.geomspace(*BOUNDS, steps):
        mean = _orthogonal(MOMENTUM * mean + (1 - MOMENTUM) * gradient, [z / length, *axes])
        if not mean.any():
            break
        size = np.linalg.norm(mean)
        angle = min(bound, np.arctan2(size, abs((gradient * z).sum()) / length))
        z = _orthogonal(np.cos(angle) * z + np.sin(angle) * (length / size) * mean, axes)
        z *= length / np.linalg.norm(z)
        value, gradient = function(z)
        if value > best[1]:
            best = z, value, gradient
    return best


def _orthogonal(z: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    """z without its components along these axes, which have length 1 and are at right angles to each other."""
    for axis in axes:
        z = z - (axis * z).sum() * axis
    return z
