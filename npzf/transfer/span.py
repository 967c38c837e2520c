"""Features in the coordinates of the training images' span (section 5.2): the same classifier, in a fraction of the time.

A linear classifier with a penalty on its squared weights is a sum of the training features: what lies across all of them would
only make the weights larger. So nothing is lost if n training images with F features, F far above n, are turned into n
coordinates along an orthonormal basis of their span: Gram and Schmidt's, by the Cholesky decomposition of the inner products.
"""

from __future__ import annotations

import numpy as np

from npzf.interop.packages import required

JITTERS = (1e-6, 1e-5, 1e-4)  # of each squared length: lets images be alike, or be sums of others, up to float32's rounding


class Span:
    """The span of training features x (n, F); train (n, n): their own coordinates."""

    def __init__(self, x: np.ndarray):
        self.x = x
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes infinite, and is named
            products = (x @ x.T).astype(np.float64)
        self.train = _cholesky(products)
        self._solve = required("scipy.linalg", "transfer").solve_triangular

    def coordinates(self, x: np.ndarray) -> np.ndarray:
        """Features (m, F) -> coordinates (m, n)."""
        return self._solve(self.train, (self.x @ x.T).astype(np.float64), lower=True).T

    def weight(self, weight: np.ndarray) -> np.ndarray:
        """Weights of coordinates (classes, n) -> weights of features (classes, F), with the same scores."""
        shares = self._solve(self.train, weight.T, lower=True, trans="T")
        return shares.T.astype(self.x.dtype) @ self.x


def _cholesky(products: np.ndarray) -> np.ndarray:
    """The lower triangle whose product with its transpose this is, but for the least jitter that makes it possible."""
    squares = np.diag(products)
    if np.isfinite(products).all():
        own = np.diag(np.where(squares > 0, squares, squares.mean() or 1.0))
        for jitter in JITTERS:
            try:
                return np.linalg.cholesky(products + jitter * own)
            except np.linalg.LinAlgError:
                continue
    raise ValueError(f"largest squared length of training features is {squares.max():g}, expected one that float32 can hold")
