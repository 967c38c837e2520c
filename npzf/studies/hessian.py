"""What section 1.1 compares with: flat directions as eigenvectors of the unit's Hessian at its optimum (Le et al. 2010)."""

from __future__ import annotations

import numpy as np

from npzf.network import Network
from npzf.numbers import check_seed
from npzf.studies.optimum import FlatDirections, OptimalInput, check_count_and_reach, rank
from npzf.studies.unit_function import UnitFunction


def hessian_directions(
    net: Network, optimum: OptimalInput, *, count: int = 3, reach: float = 30.0, seed: int = 0
) -> FlatDirections:
    """The leading eigenvectors of the unit's Hessian on the sphere around its optimum, by Lanczos; no Hessian is ever formed.

    A product of the Hessian with a direction is a difference of two gradients, at steps of tan(`reach` degrees) times the norm to
    both sides of the optimum. A ReLU net is piecewise linear; curvature appears only across pieces, so the step must span many,
    and the eigenvectors are approximate: flat_directions finds better ones. seed: of the first vector. Curvatures as there.
    ImportError without SciPy; ValueError for a count or reach out of range.
    """
    try:
        from scipy.sparse.linalg import LinearOperator, eigsh
    except ImportError:
        raise ImportError("the Hessian's eigenvectors need SciPy: pip install 'npzf[studies]'") from None
    function = UnitFunction(net, optimum.layer, optimum.unit, optimum.spectrum_exponent)
    check_count_and_reach(function, count, reach)
    check_seed(seed)
    n = int(np.prod(function.shape)) - 1
    z, angle = function.whiten(optimum.x), np.deg2rad(reach)
    sphere, step = Tangent(z), np.tan(angle) * optimum.norm
    # On z(t) = z cos t + |z| direction sin t the value curves with the Hessian, minus the radial part of the gradient
    radial = (function.value_and_gradient(z)[1] * z).sum() / optimum.norm**2

    def product(direction: np.ndarray) -> np.ndarray:
        length = np.linalg.norm(direction)
        offset = sphere.embed(direction * (step / length))
        _, (ahead, behind) = function.values_and_gradients(z + np.stack([offset, -offset]))
        return sphere.project(ahead - behind) * (length / (2 * step)) - radial * direction

    first = np.random.default_rng(seed).standard_normal(n)
    _, vectors = eigsh(LinearOperator((n, n), product, dtype=np.float64), count, which="LA", v0=first, tol=1e-4)
    directions = np.stack([sphere.embed(vector) for vector in vectors.T])
    offsets = np.sin(angle) * optimum.norm * directions
    ends = [np.cos(angle) * z + np.stack([offset, -offset]) for offset in offsets]
    sums = np.array([function.values_and_gradients(pair)[0].sum() for pair in ends])
    return rank(function, optimum, directions, sums, angle)


class Tangent:
    """Coordinates, one fewer than z has, of directions at right angles to z: a Householder reflection makes z an axis."""

    def __init__(self, z: np.ndarray):
        self.shape = z.shape
        self.mirror = z.reshape(-1) / np.linalg.norm(z)
        self.mirror[0] += np.copysign(1, self.mirror[0])
        self.mirror /= np.linalg.norm(self.mirror)

    def embed(self, direction: np.ndarray) -> np.ndarray:
        """Coordinates (z.size - 1,) -> the direction, shaped as z."""
        return self._reflect(np.concatenate([[0.0], direction])).reshape(self.shape)

    def project(self, image: np.ndarray) -> np.ndarray:
        """An image shaped as z, without its part along z -> coordinates (z.size - 1,)."""
        return self._reflect(image.reshape(-1))[1:]

    def _reflect(self, v: np.ndarray) -> np.ndarray:
        return v - 2 * (self.mirror @ v) * self.mirror
