"""What section 1.1 compares with: a unit's invariances as eigenvectors of its Hessian at the optimum (Le et al. 2010)."""

from __future__ import annotations

import numpy as np

from npzf.network import Network
from npzf.studies.optimum import Invariances, OptimalInput
from npzf.studies.unit_function import UnitFunction


def hessian_invariances(net: Network, best: OptimalInput, count: int = 3, reach: float = 30.0, seed: int = 0) -> Invariances:
    """The leading eigenvectors of the unit's Hessian on the sphere around its optimum, by Lanczos; no Hessian is ever formed.

    A product of the Hessian with a direction is the difference of two gradients, taken tan(`reach` degrees) times the norm before
    and behind the optimum. A net of relus is linear piece by piece: what bends is the change from piece to piece, so the reach
    must span many, and the eigenvectors are approximate; `optimum.invariances` finds better ones. Curvatures as there.
    ImportError, in one line, without SciPy; ValueError for count or reach.
    """
    try:
        from scipy.sparse.linalg import LinearOperator, eigsh
    except ImportError:
        raise ImportError("the Hessian's eigenvectors need SciPy: pip install 'npzf[studies]'") from None
    function = UnitFunction(net, best.layer, best.unit, best.spectrum_exponent)
    n = int(np.prod(function.shape)) - 1
    if not 1 <= count < n or not 0 < reach < 90:
        raise ValueError(f"count is {count}, reach {reach}, expected count from 1 to {n - 1}, reach between 0 and 90 degrees")
    z, angle = function.whiten(best.x), np.deg2rad(reach)
    sphere, h = Tangent(z), np.tan(angle) * best.norm
    # z(t) = z cos t + |z| direction sin t: the value bends with the Hessian, and falls with the way back to the axis
    back = (function.value_and_gradient(z)[1] * z).sum() / best.norm**2

    def product(direction: np.ndarray) -> np.ndarray:
        length = np.linalg.norm(direction)
        ahead = sphere.embed(direction * (h / length))
        _, (before, behind) = function.values_and_gradients(z + np.stack([ahead, -ahead]))
        return sphere.project(before - behind) * (length / (2 * h)) - back * direction

    first = np.random.default_rng(seed).standard_normal(n)
    _, vectors = eigsh(LinearOperator((n, n), product, dtype=np.float64), count, which="LA", v0=first, tol=1e-4)
    found = np.stack([sphere.embed(vector) for vector in vectors.T])
    away = np.sin(angle) * best.norm * found
    sums = np.array([function.values_and_gradients(np.cos(angle) * z + np.stack([one, -one]))[0].sum() for one in away])
    order = np.argsort(-sums, kind="stable")
    curvatures = (sums[order] - 2 * best.value) / (best.norm * angle) ** 2
    return Invariances(np.stack([function.image(found[k]) for k in order]), curvatures)


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
