"""Both contrast normalisations and their gradients as kernels (section 2); ops/plain has the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf import backend
from npzf.ops.cuda import launching

PER_BLOCK = 1024  # numbers that a block of local_response_norm.cu takes, in whole pixels


def local_response_norm(x: Any, n: int, k: float, a: float, beta: float) -> Any:
    """Every number is read once: a block holds all maps of its pixels in shared memory."""
    y = backend.empty(x.shape, x.dtype)
    _pixels("local_response_norm", 1, (x, y), (n, k, a, beta))
    return y


def local_response_norm_gradient(x: Any, gy: Any, n: int, k: float, a: float, beta: float) -> Any:
    """As local_response_norm, with three numbers in shared memory for each of x."""
    gx = backend.empty(x.shape, x.dtype)
    _pixels("local_response_norm_gradient", 3, (x, gy, gx), (n, k, a, beta))
    return gx


def _pixels(kernel: str, held: int, arrays: tuple, constants: tuple) -> None:
    """Launches a kernel whose blocks take whole pixels and hold `held` numbers in shared memory for each of x."""
    x, maps = arrays[0], arrays[0].shape[-1]
    pixels, per_block = x.size // maps, max(1, PER_BLOCK // maps)
    vec = launching.vector_width(maps, x.dtype, *arrays)
    specialization, grid = f"{kernel}<{backend.c_type(x.dtype)}, {vec}>", (-(-pixels // per_block),)
    shared, block = held * per_block * maps * x.dtype.itemsize, (launching.THREADS,)
    arguments = (*arrays, pixels, maps, per_block, *constants)
    backend.launch("local_response_norm.cu", specialization, grid, block, *arguments, shared=shared)


def local_contrast_norm(x: Any, window: int, sigma: float, floor: float) -> Any:
    """One kernel for each step of the formula, with planes of one number a pixel between them."""
    v, deviation, level = _center(x, window, sigma)
    _elementwise("divide", x, v, deviation, level, v, x.size, x.shape[3], x.shape[1] * x.shape[2], floor)  # in place
    return v


def local_contrast_norm_gradient(x: Any, gy: Any, window: int, sigma: float, floor: float) -> Any:
    """The steps of local_contrast_norm backwards."""
    n, h, w, c = x.shape
    v, deviation, level = _center(x, window, sigma)
    gyv, gvariance = _map_mean(gy, v), backend.empty((n, h, w), x.dtype)
    specialization = f"variance_gradient<{backend.c_type(x.dtype)}>"
    arguments = (gyv, deviation, level, gvariance, h * w, c, floor)
    backend.launch("local_contrast_norm.cu", specialization, (n,), (launching.THREADS,), *arguments)
    gv, spread = backend.empty(x.shape, x.dtype), _blur(gvariance, window, sigma, transpose=True)
    _elementwise("center_gradient", x, gy, v, deviation, level, spread, gv, x.size, c, h * w, floor)
    _elementwise("subtract_plane", x, gv, _blur(_map_mean(gv), window, sigma, transpose=True), gv, x.size, c)
    return gv


def _center(x: Any, window: int, sigma: float) -> tuple[Any, Any, Any]:
    """v = x - local mean (N, H, W, C), the local deviation (N, H, W), and its mean over each image (N,)."""
    n, h, w, c = x.shape
    v, level = backend.empty(x.shape, x.dtype), backend.empty((n,), x.dtype)
    _elementwise("subtract_plane", x, x, _blur(_map_mean(x), window, sigma), v, x.size, c)
    deviation = _blur(_map_mean(v, v), window, sigma, root=True)
    specialization = f"image_mean<{backend.c_type(x.dtype)}>"
    backend.launch("local_contrast_norm.cu", specialization, (n,), (launching.THREADS,), deviation, level, h * w)
    return v, deviation, level


def _elementwise(kernel: str, x: Any, *arguments: Any) -> None:
    launching.elementwise("local_contrast_norm.cu", kernel, x.dtype, x.size, *arguments)


def _map_mean(x: Any, other: Any = None) -> Any:
    """(N, H, W, C) -> (N, H, W): the mean over the maps of x, or of x * other; one warp a pixel."""
    plane, maps = backend.empty(x.shape[:3], x.dtype), x.shape[3]
    grid = (-(-plane.size * 32 // launching.THREADS),)
    specialization = f"map_mean<{backend.c_type(x.dtype)}>"
    arguments = (x, other, plane, plane.size, maps)
    backend.launch("local_contrast_norm.cu", specialization, grid, (launching.THREADS,), *arguments)
    return plane


def _blur(plane: Any, window: int, sigma: float, transpose: bool = False, root: bool = False) -> Any:
    """(N, H, W) -> (N, H, W): the Gaussian-weighted mean over the pixels of the window that exist, its adjoint, or its root."""
    out, distance = backend.empty(plane.shape, plane.dtype), np.arange(window) - window // 2
    weights = backend.to_device(np.exp(-(distance**2) / (2 * sigma**2)).astype(plane.dtype))
    flags = ", ".join(str(flag).lower() for flag in (transpose, root))
    specialization, grid = f"blur<{backend.c_type(plane.dtype)}, {flags}>", (-(-plane.size // launching.THREADS),)
    arguments = (plane, weights, out, *plane.shape, window)
    backend.launch("local_contrast_norm.cu", specialization, grid, (launching.THREADS,), *arguments)
    return out
