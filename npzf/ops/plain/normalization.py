"""Local contrast normalisation (section 2): across maps, and that of Jarrett et al. 2009; with exact gradients.

Neither is undone on the deconvnet's way down (section 2.1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf.backend.arrays import array_module


def local_response_norm(x: Any, n: int, k: float, a: float, beta: float) -> Any:
    """y_c = x_c / (k + a * sum of x_d^2 over the n maps d around c)^beta (Krizhevsky et al. 2012, section 3.3).

    x (..., C) -> y of that shape. For even n the window reaches n / 2 maps below c and n / 2 - 1 above. The caller says by a
    whether alpha was meant for the sum (a = alpha) or for the mean (a = alpha / n).
    """
    return x * scale(x, n, k, a) ** -beta


def local_response_norm_gradient(x: Any, gy: Any, n: int, k: float, a: float, beta: float) -> Any:
    """gx_d = gy_d s_d^-beta - 2 a beta x_d * sum over the maps c whose window holds d of gy_c x_c s_c^(-beta - 1).

    x, gy (..., C) -> gx; s_c is the sum in the brackets of local_response_norm.
    """
    s = scale(x, n, k, a)
    direct = gy * s**-beta
    return direct - 2 * a * beta * x * window_sum(direct * x / s, (n - 1) // 2, n // 2)  # the transposed window


def scale(x: Any, n: int, k: float, a: float) -> Any:
    """k + a * sum of x_d^2 over the n maps d around each map: shaped as x (..., C)."""
    s = window_sum(x * x, n // 2, (n - 1) // 2)
    s *= a
    s += k
    return s


def window_sum(x: Any, below: int, above: int) -> Any:
    """s[..., c] = the sum of x[..., c - below : c + above + 1]; maps that do not exist count nothing."""
    s, maps = x.copy(), x.shape[-1]
    for d in range(1, min(below, maps - 1) + 1):
        s[..., d:] += x[..., :-d]
    for d in range(1, min(above, maps - 1) + 1):
        s[..., :-d] += x[..., d:]
    return s


def local_contrast_norm(x: Any, window: int, sigma: float, floor: float) -> Any:
    """Local contrast normalisation (Jarrett et al. 2009, section 3.1): subtractive, then divisive.

    v = x - the Gaussian-weighted mean of the window x window neighbourhood over all maps; y = v / max(deviation, its mean
    over the image, floor), where deviation is the root of the same weighted mean of v^2. x (N, H, W, C) -> y of that shape.
    At the border the mean is over the pixels that exist (open in that paper), and floor, in units of x, keeps a flat image at
    about 0 (in float32 at x's rounding, some 1e-7 of it, over floor) instead of 0 / 0.
    """
    v, _, divisor = _center(x, window, sigma, floor)
    return v / divisor


def local_contrast_norm_gradient(x: Any, gy: Any, window: int, sigma: float, floor: float) -> Any:
    """The gradient of local_contrast_norm, through mean, deviation and the image's mean deviation: x, gy -> gx (N, H, W, C)."""
    xp = array_module(x)
    v, deviation, divisor = _center(x, window, sigma, floor)
    gdivisor = -(gy * v).sum(-1, keepdims=True) / divisor**2
    level = deviation.mean((1, 2), keepdims=True)
    own = deviation > xp.maximum(level, floor)  # these pixels are divided by their own deviation, the others by the level
    of_level = xp.where(own, 0, gdivisor).sum((1, 2), keepdims=True) / (x.shape[1] * x.shape[2])
    gdeviation = xp.where(own, gdivisor, 0) + xp.where(level > floor, of_level, 0)
    gvariance = xp.where(deviation > 0, gdeviation / xp.where(deviation > 0, 2 * deviation, 1), 0)
    gv = gy / divisor + 2 * v * _mean_transpose(gvariance, x.shape[3], window, sigma)
    return gv - _mean_transpose(gv.sum(-1, keepdims=True), x.shape[3], window, sigma)


def _center(x: Any, window: int, sigma: float, floor: float) -> tuple[Any, Any, Any]:
    """v = x - local mean (N, H, W, C), the local deviation and the divisor (N, H, W, 1)."""
    xp = array_module(x)
    v = x - _mean(x, window, sigma)
    deviation = xp.sqrt(_mean(v * v, window, sigma))
    return v, deviation, xp.maximum(deviation, xp.maximum(deviation.mean((1, 2), keepdims=True), floor))


def _mean(x: Any, window: int, sigma: float) -> Any:
    """(N, H, W, C) -> (N, H, W, 1): the Gaussian-weighted mean of the neighbourhood, over all maps and the pixels that exist."""
    pixels = array_module(x).ones((1, *x.shape[1:3], 1), x.dtype)
    return _blur(x.mean(-1, keepdims=True), window, sigma) / _blur(pixels, window, sigma)


def _mean_transpose(g: Any, maps: int, window: int, sigma: float) -> Any:
    """The adjoint of _mean: (N, H, W, 1) -> (N, H, W, 1), the same share for every map."""
    pixels = array_module(g).ones((1, *g.shape[1:3], 1), g.dtype)
    return _blur(g / _blur(pixels, window, sigma), window, sigma) / maps


def _blur(x: Any, window: int, sigma: float) -> Any:
    """(N, H, W, 1) weighted by a separable Gaussian window, zeros outside; symmetric, hence its own adjoint."""
    distance = np.arange(window) - window // 2
    weights = np.exp(-(distance**2) / (2 * sigma**2))
    for axis in (1, 2):
        blurred, side = array_module(x).zeros_like(x), x.shape[axis]
        for d, weight in zip(distance.tolist(), weights.tolist(), strict=True):
            to, of = [slice(None)] * 4, [slice(None)] * 4
            to[axis], of[axis] = slice(max(0, -d), side - max(0, d)), slice(max(0, d), side - max(0, -d))
            if to[axis].start < to[axis].stop:
                blurred[tuple(to)] += weight * x[tuple(of)]
        x = blurred
    return x
