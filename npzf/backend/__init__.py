"""Where numbers are computed: arrays, threads, CUDA source and launches; no part of the paper."""

from npzf.backend.gpu import (
    Gpu,
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
from npzf.backend.precision import PRECISIONS, in_precision, precision
from npzf.backend.source import Parameter, c_type, kernel_folder, pasted, signature

__all__ = [
    "PRECISIONS",
    "CudaError",
    "Gpu",
    "Kernel",
    "Parameter",
    "c_type",
    "device",
    "empty",
    "in_precision",
    "is_device_array",
    "kernel_folder",
    "launch",
    "pasted",
    "precision",
    "prefetch_to_device",
    "product",
    "require",
    "signature",
    "to_device",
    "to_numpy",
    "to_same_device",
    "use_device",
    "versions",
]
