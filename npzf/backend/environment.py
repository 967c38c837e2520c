"""What a run computes on, said at its start; no part of the paper."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np

from npzf.backend import threads
from npzf.backend.install import versions


def describe(device: str = "cpu") -> str:
    """One line: the GPU, its driver and CUDA versions; or the CPU, its threads, and the library that multiplies matrices.

    For OpenBLAS it names the kernel in use (Haswell, SkylakeX, ...), on which the order of sums and hence the last bits depend.
    CudaError, in one line, if "cuda" is asked for and CuPy or a GPU is missing.
    """
    if device == "cuda":
        return f"device: {versions()}"
    return f"device: CPU ({platform.machine()}), {threads.count()} threads, NumPy {np.__version__} with {blas()}"


def blas() -> str:
    """The library that multiplies matrices, its version, and the kernels that it has chosen for this processor."""
    return ", ".join(_library(library) for library in threads.blas_libraries()) or "no BLAS"


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _library(library: dict) -> str:
    kernel = library.get("architecture")
    return f"{library['internal_api']} {library['version']}{f' ({kernel} kernels)' if kernel else ''}"
