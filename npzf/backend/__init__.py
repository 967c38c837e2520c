"""Where numbers are computed: arrays, threads, CUDA source and launches; no part of the paper."""

from npzf.backend.environment import describe
from npzf.backend.gpu import (
    PRECISIONS,
    Gpu,
    check_precision,
    device,
    empty,
    is_device_array,
    prefetch_to_device,
    product,
    to_device,
    to_numpy,
    to_same_device,
    use_device,
)
from npzf.backend.install import CudaError, require, versions
from npzf.backend.launcher import Kernel, launch
from npzf.backend.source import Parameter, c_type, constant, kernel_folder, pasted, signature
from npzf.backend.threads import each, parallel_for, set_threads

__all__ = [
    "PRECISIONS",
    "CudaError",
    "Gpu",
    "Kernel",
    "Parameter",
    "c_type",
    "check_precision",
    "constant",
    "describe",
    "device",
    "each",
    "empty",
    "is_device_array",
    "kernel_folder",
    "launch",
    "parallel_for",
    "pasted",
    "prefetch_to_device",
    "product",
    "require",
    "set_threads",
    "signature",
    "to_device",
    "to_numpy",
    "to_same_device",
    "use_device",
    "versions",
]
