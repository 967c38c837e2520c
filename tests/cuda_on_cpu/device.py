"""A device for npzf.backend that runs the kernels on the CPU: NumPy arrays in place of CuPy's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cupy_on_cpu
import numpy as np

from cuda_on_cpu.build import SHIM
from cuda_on_cpu.module import CpuKernel, CpuModule, KernelError, Options
from npzf import backend


class CpuDevice:
    """What backend.Gpu is, without a GPU; options may be changed between launches."""

    array = np.ndarray
    processors = 3  # few, so that small sizes are split too
    failures = (KernelError,)

    def __init__(self, sanitize: str | None = None):
        self.options, self.sanitize = Options(), sanitize

    def compile(self, file: str, specialization: str) -> tuple[str, Callable]:
        folder = backend.kernel_folder()
        shimmed = backend.pasted(file, [SHIM, folder])  # ptx.cuh is the shim's
        module = CpuModule(shimmed, [specialization], self.options, self.sanitize)
        return backend.pasted(file, [folder]), module.get_function(specialization)

    def misplaced(self, array: np.ndarray) -> str | None:
        return None

    def copy(self, array: np.ndarray) -> np.ndarray:
        return array.copy()

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None, precision: str) -> np.ndarray:
        """What cuBLAS does on a GPU; in TF32 the factors lose 13 bits of mantissa, as on tensor cores."""
        if precision == "tf32" and a.dtype == np.float32:
            a, b = (round_to_tf32(factor) for factor in (a, b))
        return np.matmul(a, b, out=out)

    def prefetch(self, batches: Iterable[tuple]) -> Iterator[tuple]:
        """The batches with their first array copied, as to a GPU."""
        return ((self.copy(x), *rest) for x, *rest in batches)

    def empty(self, shape: Sequence[int], dtype: Any) -> np.ndarray:
        """Filled with NaN or -1, so that a number nobody has written is seen."""
        array = np.empty(shape, dtype)
        array.reshape(-1).view(np.uint8)[:] = 0xFF
        return array


class CupyDevice(CpuDevice):
    """The same, with arrays as strict as CuPy's: they become NumPy arrays only where to_numpy is called."""

    array = cupy_on_cpu.Array

    def compile(self, file: str, specialization: str) -> tuple[str, Callable]:
        source, kernel = super().compile(file, specialization)
        return source, _KernelOfArrays(kernel)

    def copy(self, array: np.ndarray) -> cupy_on_cpu.Array:
        return cupy_on_cpu.asarray(array)

    def empty(self, shape: Sequence[int], dtype: Any) -> cupy_on_cpu.Array:
        return cupy_on_cpu.Array(super().empty(shape, dtype))

    def product(self, a: Any, b: Any, out: Any, precision: str) -> cupy_on_cpu.Array:
        found = super().product(a.values, b.values, None if out is None else out.values, precision)
        return cupy_on_cpu.Array(found)


@dataclass
class _KernelOfArrays:
    """A CpuKernel that takes cupy_on_cpu's arrays."""

    kernel: Callable
    max_dynamic_shared_size_bytes: int = CpuKernel.max_dynamic_shared_size_bytes

    def __call__(self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], shared_mem: int = 0) -> None:
        self.kernel.max_dynamic_shared_size_bytes = self.max_dynamic_shared_size_bytes
        args = [arg.values if isinstance(arg, cupy_on_cpu.Array) else arg for arg in args]
        self.kernel(grid, block, args, shared_mem=shared_mem)


def round_to_tf32(x: np.ndarray) -> np.ndarray:
    """The nearest numbers with 10 bits of mantissa; ties away from zero, infinities and NaN stay what they are."""
    bits = np.ascontiguousarray(x).view(np.uint32)
    rounded = ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)
    return np.where(np.isfinite(x), rounded, x)
