"""CuPy and the GPU: what is installed, and one line for what is missing; the only importer of CuPy. No part of the paper."""

from __future__ import annotations

import re
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any


class CudaError(RuntimeError):
    """What is missing, or what went wrong with a kernel: one line that names the kernel and its file."""


def require() -> Any:
    """CuPy, with a GPU to run on; CudaError in one line that says what is missing and what to install."""
    wheels = sorted({d.name.lower() for d in metadata.distributions() if re.fullmatch(r"cupy(-cuda\w+)?", d.name or "", re.I)})
    if len(wheels) > 1:
        every = " ".join(wheels)
        raise CudaError(f"{' and '.join(wheels)} break each other: pip uninstall {every}, then install one of them alone")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CuPy warns at length of what the lines below say in one
            import cupy
    except ImportError as error:
        if not wheels:
            raise CudaError("CuPy is not installed: pip install 'npzf[cuda13]', or 'npzf[cuda12]' for an older driver") from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise CudaError(f"{wheels[0]} cannot be imported ({reason}): pip install --force-reinstall '{wheels[0]}[ctk]'") from error
    runtime, wheel = cupy.cuda.runtime, wheels[0] if wheels else "cupy"
    try:
        driver = runtime.driverGetVersion()
    except Exception:  # CuPy raises its own kinds here, from release to release
        driver = 0
    if driver == 0:
        raise CudaError(f"{wheel} is installed, but there is no NVIDIA driver: install one (nvidia-smi must list a GPU)")
    needed = re.search(r"cuda(\d+)", wheel)
    if needed and driver // 1000 < int(needed[1]):
        raise CudaError(
            f"{wheel} needs CUDA {needed[1]}, the driver supports {_version(driver)}: "
            f"pip uninstall {wheel} and pip install cupy-cuda{driver // 1000}x, or install a newer driver"
        )
    if not cupy.cuda.is_available():
        raise CudaError(f"{wheel} and a driver for CUDA {_version(driver)} are installed, but no GPU is visible to them")
    return cupy


def versions() -> str:
    """GPU name, driver, CUDA runtime and CuPy versions, in one line."""
    cupy = require()
    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    file = Path("/proc/driver/nvidia/version")
    match = re.search(r"\s(\d+\.\d[\d.]*)\s", file.read_text()) if file.is_file() else None
    driver = f"driver {match[1] if match else 'unknown'} (CUDA {_version(cupy.cuda.runtime.driverGetVersion())})"
    return f"{name}, {driver}, CUDA runtime {_version(cupy.cuda.runtime.runtimeGetVersion())}, CuPy {cupy.__version__}"


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"
