"""Local contrast normalisation (section 2): across maps, and that of Jarrett et al. 2009; with exact gradients.

Neither is undone on the deconvnet's way down (section 2.1).
"""

from __future__ import annotations

import numpy as np

from npzf.backend.threads import parallel_for
from npzf.ops.twins import twin


@twin
def across_maps(x, n, k, a, beta) -> np.ndarray:
    """y_c = x_c / (k + a * sum of x_d^2 over the n maps d around c)^beta (Krizhevsky et al. 2012, section 3.3).

    x (N, H, W, C) -> y of that shape. For even n the window reaches n / 2 maps below c and n / 2 - 1 above. The caller says
    by a whether alpha was meant for the sum (a = alpha) or for the mean (a = alpha / n).
    """
    y = np.empty(x.shape, x.dtype)

    def some(images: slice) -> None:
        for i in range(images.start, images.stop):
            np.multiply(x[i], _power(_scale(x[i], n, k, a), -beta), out=y[i])

    parallel_for(some, x.shape[0])
    return y


@twin
def across_maps_gradient(x, gy, n, k, a, beta) -> np.ndarray:
    """gx_d = gy_d s_d^-beta - 2 a beta x_d * sum over the maps c whose window holds d of gy_c x_c s_c^(-beta - 1).

    x, gy (N, H, W, C) -> gx; s_c is the sum in the brackets of across_maps.
    """
    gx = np.empty(x.shape, x.dtype)

    def some(images: slice) -> None:
        for i in range(images.start, images.stop):
            s = _scale(x[i], n, k, a)
            direct = gy[i] * _power(s, -beta)
            through = _window_sum(direct * x[i] / s, (n - 1) // 2, n // 2)  # the window seen from the other side
            through *= x[i]
            through *= -2 * a * beta
            np.add(direct, through, out=gx[i])

    parallel_for(some, x.shape[0])
    return gx


def _scale(x: np.ndarray, n: int, k: float, a: float) -> np.ndarray:
    s = _window_sum(x * x, n // 2, (n - 1) // 2)
    s *= a
    s += k
    return s


def _window_sum(x: np.ndarray, below: int, above: int) -> np.ndarray:
    """s[..., c] = the sum of x[..., c - below : c + above + 1]; maps that do not exist count nothing."""
    s, maps = x.copy(), x.shape[-1]
    for d in range(1, min(below, maps - 1) + 1):
        s[..., d:] += x[..., :-d]
    for d in range(1, min(above, maps - 1) + 1):
        s[..., :-d] += x[..., d:]
    return s


def _power(s: np.ndarray, exponent: float) -> np.ndarray:
    """s ** exponent; the paper's -0.75 by two square roots, several times as fast and as exact."""
    if exponent == -0.75:
        root = np.sqrt(s)
        return 1 / (root * np.sqrt(root))
    return s**exponent


@twin
def local(x, window, sigma, floor) -> np.ndarray:
    """Local contrast normalisation (Jarrett et al. 2009, section 3.1): subtractive, then divisive.

    v = x - the Gaussian-weighted mean of the window x window neighbourhood over all maps; y = v / max(deviation, its mean
    over the image, floor), where deviation is the root of the same weighted mean of v^2. x (N, H, W, C) -> y of that shape.
    At the border the mean is over the pixels that exist (open in that paper), and floor, in units of x, keeps a flat image at
    about 0 (in float32 at x's rounding, some 1e-7 of it, over floor) instead of 0 / 0.
    """
    y = np.empty(x.shape, x.dtype)

    def some(images: slice) -> None:
        for i in range(images.start, images.stop):
            v, deviation, level = _centred(x[i], window, sigma)
            np.divide(v, np.maximum(deviation, max(level, floor))[..., None], out=y[i])

    parallel_for(some, x.shape[0])
    return y


@twin
def local_gradient(x, gy, window, sigma, floor) -> np.ndarray:
    """The gradient of local: x, gy (N, H, W, C) -> gx, through the mean, the deviation and the image's mean deviation."""
    gx = np.empty(x.shape, x.dtype)

    def some(images: slice) -> None:
        for i in range(images.start, images.stop):
            v, deviation, level = _centred(x[i], window, sigma)
            divisor = np.maximum(deviation, max(level, floor))
            gdivisor = -(gy[i] * v).sum(-1) / divisor**2
            own = deviation > max(level, floor)  # these pixels are divided by their own deviation, the others by the level
            gdeviation = np.where(own, gdivisor, 0)
            if level > floor:
                gdeviation = gdeviation + gdivisor[~own].sum() / deviation.size
            gvariance = np.divide(gdeviation, 2 * deviation, out=np.zeros_like(deviation), where=deviation > 0)
            gv = gy[i] / divisor[..., None] + 2 * v * _mean_transpose(gvariance, x.shape[3], window, sigma)
            gx[i] = gv - _mean_transpose(gv.sum(-1), x.shape[3], window, sigma)

    parallel_for(some, x.shape[0])
    return gx


def _centred(x: np.ndarray, window: int, sigma: float) -> tuple[np.ndarray, np.ndarray, float]:
    """One image (H, W, C): v = x - local mean, the local deviation (H, W), and its mean over the image."""
    v = x - _mean(x, window, sigma)[..., None]
    deviation = np.sqrt(_mean(v * v, window, sigma))
    return v, deviation, deviation.mean()


def _mean(x: np.ndarray, window: int, sigma: float) -> np.ndarray:
    """(H, W, C) -> (H, W): the Gaussian-weighted mean of the neighbourhood, over all maps and the pixels that exist."""
    return _blur(x.mean(-1), window, sigma) / _blur(np.ones(x.shape[:2], x.dtype), window, sigma)


def _mean_transpose(g: np.ndarray, maps: int, window: int, sigma: float) -> np.ndarray:
    """The adjoint of _mean: (H, W) -> (H, W, 1), the same share for every map."""
    return _blur(g / _blur(np.ones_like(g), window, sigma), window, sigma)[..., None] / maps


def _blur(x: np.ndarray, window: int, sigma: float) -> np.ndarray:
    """(H, W) weighted by a separable Gaussian window, zeros outside; symmetric, hence its own adjoint."""
    distance = np.arange(window) - window // 2
    weights = np.exp(-(distance**2) / (2 * sigma**2)).astype(x.dtype)
    for axis in (0, 1):
        blurred = np.zeros_like(x)
        for d, weight in zip(distance, weights, strict=True):
            to = [slice(None)] * 2
            to[axis], of = slice(max(0, -d), x.shape[axis] - max(0, d)), [slice(None)] * 2
            of[axis] = slice(max(0, d), x.shape[axis] - max(0, -d))
            if to[axis].start < to[axis].stop:
                blurred[tuple(to)] += weight * x[tuple(of)]
        x = blurred
    return x
