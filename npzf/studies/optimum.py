"""What section 1.1 compares with: a unit's optimal input (Erhan et al. 2009) and its invariances (Le et al. 2010).

The unit is maximised among the images of one norm, a sphere. Around the optimum its value falls along every great circle; the
directions along which it falls least, eigenvectors of its Hessian, are what it does not mind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npzf.network import Network
from npzf.studies.saliency import gradient

Unit = int | tuple[int, int, int]


@dataclass(frozen=True)
class Optimum:
    """An image x (H, W, C), in units of the net's input, that excites a unit most among the images of its norm.

    value: the unit's activation; angle: between x and the unit's gradient there, in degrees: 0 at a true optimum.
    """

    layer: str
    unit: Unit
    x: np.ndarray
    value: float
    angle: float


@dataclass(frozen=True)
class Invariances:
    """Directions (count, H, W, C) of length 1, at right angles to the optimum, along which the unit's value falls least first.

    curvatures (count,): second derivative of the value along the great circle that begins in that direction, per unit of x
    squared, as the mean over the reach; where the value is smooth it is negative at a maximum.
    """

    directions: np.ndarray
    curvatures: np.ndarray


def optimum(net: Network, layer: str, unit: Unit, norm: float, steps: int = 200, seed: int = 0) -> Optimum:
    """Gradient ascent on a unit's activation among the images with this Euclidean norm, in units of x (Erhan et al. 2009).

    unit: (map, row, column), or a map, of which the place in the middle is taken. Begins with noise in its receptive field; a
    step that does not raise the value is undone and the next is half as long, one that does is followed by one a fifth longer.
    ValueError for a norm that is not positive, a unit that does not exist, or one whose gradient is zero at the noise.
    """
    if not norm > 0:
        raise ValueError(f"norm is {norm}, expected a positive number")
    x, seen = np.zeros(net.input_shape), ...
    if len(net.shapes.get(layer, ())) == 3:
        unit = unit if isinstance(unit, tuple) else (unit, *(side // 2 for side in net.shapes[layer][:2]))
        seen = net.fields()[layer].patch(*unit[1:], *net.input_shape[:2]) if layer in net.layers else ...
    x[seen] = np.random.default_rng(seed).standard_normal(x[seen].shape)
    x *= norm / np.linalg.norm(x)
    value, up = _climb(net, layer, unit, x)
    if not up.any():
        raise ValueError(f"unit {unit} of {layer!r} has no gradient at the noise of seed {seed}, expected another unit or seed")
    step = norm / np.linalg.norm(up)
    for _ in range(steps):
        tried = x + step * up
        tried *= norm / np.linalg.norm(tried)
        found, gradient_there = _climb(net, layer, unit, tried)
        if found > value:
            x, value, up, step = tried, found, gradient_there, 1.2 * step
        else:
            step /= 2
    cosine = (up * x).sum() / (np.linalg.norm(up) * norm)
    return Optimum(layer, unit, x, value, float(np.rad2deg(np.arccos(min(cosine, 1.0)))))


def invariances(net: Network, best: Optimum, count: int = 3, reach: float = 0.5, seed: int = 0) -> Invariances:
    """The leading eigenvectors of the unit's Hessian on the sphere around its optimum, by Lanczos; no Hessian is ever formed.

    A product of the Hessian with a direction is the difference of two gradients, taken `reach` times the norm of x before and
    behind the optimum. Rectification makes nets linear piece by piece, with their maxima on ridges: what bends is the change
    from piece to piece, so the reach must span many, and the eigenvectors are approximate. Le et al. 2010, with the great circles
    of Berkes and Wiskott 2006. ImportError, in one line, without SciPy; ValueError for count or reach.
    """
    try:
        from scipy.sparse.linalg import LinearOperator, eigsh
    except ImportError:
        raise ImportError("invariances need SciPy: pip install 'npzf[studies]'") from None
    n, norm = best.x.size - 1, float(np.linalg.norm(best.x))
    if not 1 <= count < n or not reach > 0:
        raise ValueError(f"count is {count}, reach {reach}, expected count from 1 to {n - 1} and a positive reach")
    sphere, h = Tangent(best.x), reach * norm
    # x(t) = x cos t + |x| direction sin t: the value bends with the Hessian, and falls with the way back to the axis
    back = (_climb(net, best.layer, best.unit, best.x)[1] * best.x).sum() / norm**2

    def product(direction: np.ndarray) -> np.ndarray:
        length = np.linalg.norm(direction)
        ahead = sphere.embed(direction * (h / length))
        before, behind = (_climb(net, best.layer, best.unit, best.x + way * ahead)[1] for way in (1, -1))
        return sphere.project(before - behind) * (length / (2 * h)) - back * direction

    hessian = LinearOperator((n, n), product, dtype=np.float64)
    first = np.random.default_rng(seed).standard_normal(n)
    _, vectors = eigsh(hessian, count, which="LA", v0=first, tol=1e-4)
    curvatures = np.array([v @ product(v) for v in vectors.T])
    order = np.argsort(-curvatures, kind="stable")
    return Invariances(np.stack([sphere.embed(vectors[:, k]) for k in order]), curvatures[order])


def film(best: Optimum, direction: np.ndarray, degrees: float = 60.0, frames: int = 25) -> np.ndarray:
    """The images (frames, H, W, C) of the optimum's norm from -degrees to +degrees along the great circle in this direction."""
    angles = np.deg2rad(np.linspace(-degrees, degrees, frames))[:, None, None, None]
    return np.cos(angles) * best.x + np.sin(angles) * np.linalg.norm(best.x) * direction


class Tangent:
    """Coordinates, one fewer than x has, of directions at right angles to x: a Householder reflection makes x an axis."""

    def __init__(self, x: np.ndarray):
        self.shape = x.shape
        self.mirror = x.reshape(-1) / np.linalg.norm(x)
        self.mirror[0] += np.copysign(1, self.mirror[0])
        self.mirror /= np.linalg.norm(self.mirror)

    def embed(self, direction: np.ndarray) -> np.ndarray:
        """Coordinates (x.size - 1,) -> the direction, shaped as x."""
        return self._reflect(np.concatenate([[0.0], direction])).reshape(self.shape)

    def project(self, image: np.ndarray) -> np.ndarray:
        """An image shaped as x, without its part along x -> coordinates (x.size - 1,)."""
        return self._reflect(image.reshape(-1))[1:]

    def _reflect(self, v: np.ndarray) -> np.ndarray:
        return v - 2 * (self.mirror @ v) * self.mirror


def _climb(net: Network, layer: str, unit: Unit, x: np.ndarray) -> tuple[float, np.ndarray]:
    """The unit's value at one image x (H, W, C), and its gradient there, float64."""
    values, gradients = gradient(net, x[None], layer, unit)
    return float(values[0]), gradients[0].astype(np.float64)
