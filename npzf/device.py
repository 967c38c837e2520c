"""What a run computes on, said at its start; no part of the paper."""

from __future__ import annotations

import platform

import numpy as np

from npzf import threads


def describe() -> str:
    """One line: the device, its threads, and the library that multiplies matrices."""
    blas = ", ".join(f"{lib['internal_api']} {lib['version']}" for lib in threads.blas_libraries())
    return f"device: CPU ({platform.machine()}), {threads.count()} threads, NumPy {np.__version__} with {blas or 'no BLAS'}"
