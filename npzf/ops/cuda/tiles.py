"""The tiles that blocks of the convolution kernels compute (section 3): which one suits a layer, and how it is launched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from npzf import backend

WARP = 32  # threads


@dataclass(frozen=True)
class Tile:
    """bm x bn outputs, summed in slices of bk (M, N and K of geometry.cuh).

    specialization: the kernel with its template arguments; threads and shared: of a block, the latter in bytes of dynamic memory.
    """

    file: str
    specialization: str
    bm: int
    bn: int
    bk: int
    threads: int
    shared: int = 0


def convolution_tile(dtype: Any, group_out: int, vec: int, precision: str) -> Tile:
    """For convolve.cu or convolve_tf32.cu, with `vec` numbers a load."""
    if dtype == "float64":
        return _fma_tile("convolve", "double", (64, 64, 8), (4, 4), vec)
    if precision != "tf32":
        bn = _least_waste(group_out, (128, 96, 64))
        return _fma_tile("convolve", "float", (128, bn, 16 if vec == 4 else 8), (8, 8), vec)
    bn = _least_waste(group_out, (128, 96, 64) if vec == 4 else (96, 64))  # single numbers: too many addresses for a wide tile
    bm, bk, stages, warp = 128, 16, 4, {128: (64, 32), 96: (32, 48), 64: (32, 32)}[bn]
    floats = stages * (bm + bn) * (bk + backend.constant("convolve_tf32.cu", "PAD"))
    return _tensor_core_tile("convolve_tf32", (bm, bn, bk), warp, stages, floats, vec)


def filter_gradient_tile(dtype: Any, group_out: int, vec_gy: int, vec_x: int, precision: str) -> Tile:
    """For filter_gradient.cu or filter_gradient_tf32.cu, with vec_gy and vec_x numbers a load."""
    if dtype == "float64":
        return _fma_tile("filter_gradient", "double", (64, 64, 8), (4, 4), vec_gy, vec_x)
    bm, wide_loads = _least_waste(group_out, (128, 96, 64)), vec_gy == vec_x == 4
    bn = 96 if wide_loads else 64
    if precision != "tf32":
        return _fma_tile("filter_gradient", "float", (bm, bn, 16 if wide_loads else 8), (8, 8), vec_gy, vec_x)
    bk, stages, warp = 16, 4, {128: (64, 32), 96: (48, 32), 64: (32, 32)}[bm]
    floats = stages * bk * (bm + bn + 2 * backend.constant("filter_gradient_tf32.cu", "PAD"))
    return _tensor_core_tile("filter_gradient_tf32", (bm, bn, bk), warp, stages, floats, vec_gy, vec_x)


def _fma_tile(name: str, kind: str, tile: tuple[int, int, int], thread: tuple[int, int], *vecs: int) -> Tile:
    """A tile of which every thread computes tm x tn numbers, by fused multiply-adds."""
    threads = tile[0] // thread[0] * (tile[1] // thread[1])
    arguments = ", ".join(map(str, (kind, *tile, *thread, *vecs)))
    return Tile(f"{name}.cu", f"{name}<{arguments}>", *tile, threads)


def _tensor_core_tile(name: str, tile: tuple[int, int, int], warp: tuple[int, int], stages: int, floats: int, *vecs: int) -> Tile:
    """A tile of which every warp computes wm x wn numbers on tensor cores, with `floats` numbers in shared memory."""
    threads = tile[0] // warp[0] * (tile[1] // warp[1]) * WARP
    arguments = ", ".join(map(str, (*tile, *warp, stages, *vecs)))
    return Tile(f"{name}.cu", f"{name}<{arguments}>", *tile, threads, 4 * floats)


def _least_waste(length: int, widths: tuple[int, ...]) -> int:
    """The tile width that wastes least; ties: the first."""
    return min(widths, key=lambda wide: -(-length // wide) * wide)
