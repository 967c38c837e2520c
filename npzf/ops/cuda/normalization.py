"""Both contrast normalisations and their gradients on the GPU (section 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf import backend
from npzf.backend import to_device
from npzf.ops.cuda import launching

TOGETHER = 1024  # numbers that a block of across_maps takes, in whole pixels


def across_maps(x: Any, n: int, k: float, a: float, beta: float) -> Any:
    y = backend.empty(x.shape, x.dtype)
    _pixels("across_maps", 1, x, (x, y), (n, k, a, beta))
    return y


def across_maps_gradient(x: Any, gy: Any, n: int, k: float, a: float, beta: float) -> Any:
    gx = backend.empty(x.shape, x.dtype)
    _pixels("across_maps_gradient", 3, x, (x, gy, gx), (n, k, a, beta))
    return gx


def _pixels(kernel: str, arrays: int, x: Any, given: tuple, constants: tuple) -> None:
    maps = x.shape[-1]
    pixels, together = x.size // maps, max(1, TOGETHER // maps)
    lanes = launching.vector_width(maps, x.dtype, *given)
    instance, grid = f"{kernel}<{backend.c_type(x.dtype)}, {lanes}>", (-(-pixels // together),)
    shared = arrays * together * maps * x.dtype.itemsize
    backend.launch(
        "across_maps.cu", instance, grid, (launching.THREADS,), *given, pixels, maps, together, *constants, shared=shared
    )


def local(x: Any, window: int, sigma: float, floor: float) -> Any:
    y, deviation, level = _centred(x, window, sigma)
    pixels = x.shape[1] * x.shape[2]
    _each("divide", x, y, deviation, level, y, x.size, x.shape[3], pixels, floor)  # v becomes y in place
    return y


def local_gradient(x: Any, gy: Any, window: int, sigma: float, floor: float) -> Any:
    n, h, w, c = x.shape
    v, deviation, level = _centred(x, window, sigma)
    gvariance = backend.empty((n, h, w), x.dtype)
    instance = f"variance_gradient<{backend.c_type(x.dtype)}>"
    gyv = _map_mean(gy, v)
    backend.launch("local_contrast.cu", instance, (n,), (launching.THREADS,), gyv, deviation, level, gvariance, h * w, c, floor)
    gv, spread = backend.empty(x.shape, x.dtype), _blur(gvariance, window, sigma, transpose=True)
    _each("centred_gradient", x, gy, v, deviation, level, spread, gv, x.size, c, h * w, floor)
    _each("subtract_plane", x, gv, _blur(_map_mean(gv), window, sigma, transpose=True), gv, x.size, c)
    return gv


def _centred(x: Any, window: int, sigma: float) -> tuple[Any, Any, Any]:
    n, h, w, c = x.shape
    v, level = backend.empty(x.shape, x.dtype), backend.empty((n,), x.dtype)
    _each("subtract_plane", x, x, _blur(_map_mean(x), window, sigma), v, x.size, c)
    deviation = _blur(_map_mean(v, v), window, sigma, root=True)
    backend.launch(
        "local_contrast.cu", f"image_mean<{backend.c_type(x.dtype)}>", (n,), (launching.THREADS,), deviation, level, h * w
    )
    return v, deviation, level


def _each(kernel: str, x: Any, *arguments: Any) -> None:
    launching.elementwise("local_contrast.cu", kernel, x.dtype, x.size, *arguments)


def _map_mean(x: Any, other: Any = None) -> Any:
    plane, maps = backend.empty(x.shape[:3], x.dtype), x.shape[3]
    grid = (-(-plane.size * 32 // launching.THREADS),)
    instance = f"map_mean<{backend.c_type(x.dtype)}>"
    backend.launch("local_contrast.cu", instance, grid, (launching.THREADS,), x, other, plane, plane.size, maps)
    return plane


def _blur(plane: Any, window: int, sigma: float, transpose: bool = False, root: bool = False) -> Any:
    out, distance = backend.empty(plane.shape, plane.dtype), np.arange(window) - window // 2
    weights = to_device(np.exp(-(distance**2) / (2 * sigma**2)).astype(plane.dtype))
    flags = ", ".join(str(flag).lower() for flag in (transpose, root))
    instance, grid = f"blur<{backend.c_type(plane.dtype)}, {flags}>", (-(-plane.size // launching.THREADS),)
    backend.launch("local_contrast.cu", instance, grid, (launching.THREADS,), plane, weights, out, *plane.shape, window)
    return out
