"""What a run computes on, said at its start; no part of the paper."""

from __future__ import annotations

import platform

import numpy as np

from npzf import backend
from npzf.backend import threads


def describe(device: str = "cpu") -> str:
    """One line: the GPU, its driver and CUDA versions; or the CPU, its threads, and the library that multiplies matrices.

    CudaError, in one line, if "cuda" is asked for and CuPy or a GPU is missing.
    """
    if device == "cuda":
        return f"device: {backend.versions()}"
    blas = ", ".join(f"{lib['internal_api']} {lib['version']}" for lib in threads.blas_libraries())
    return f"device: CPU ({platform.machine()}), {threads.count()} threads, NumPy {np.__version__} with {blas or 'no BLAS'}"
