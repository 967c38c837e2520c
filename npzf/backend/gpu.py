"""Where kernels run, and arrays there and here; no part of the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from npzf.backend.install import CudaError, require
from npzf.backend.precision import precision
from npzf.backend.source import kernel_folder, pasted

# The tests put a device in the GPU's place that runs the same files on the CPU.


class Gpu:
    """The current CUDA device, through CuPy."""

    def __init__(self):
        self.cupy = require()
        self.array = self.cupy.ndarray
        device = self.cupy.cuda.Device()
        self.processors = device.attributes["MultiProcessorCount"]

    def compile(self, file: str, instance: str) -> tuple[str, Callable]:
        """The pasted source, and the function to call with (grid, block, args, shared_mem=bytes)."""
        source = pasted(file, [kernel_folder()])
        module = self.cupy.RawModule(code=source, options=("-std=c++17",), name_expressions=[instance])
        try:
            return source, module.get_function(instance)
        except self.cupy.cuda.compiler.CompileException as error:
            lines = str(error).splitlines()
            reason = next((line for line in lines if "error:" in line), lines[0])
            raise CudaError(f"kernel {instance} in {file} does not compile: {reason.strip()}") from error

    def misplaced(self, array: Any) -> str | None:
        """Why a kernel cannot use the array where it is, or None if it can."""
        here = self.cupy.cuda.Device().id
        return None if array.device.id == here else f"is on device {array.device.id}, expected the current one, {here}"

    def empty(self, shape: Sequence[int], dtype: Any) -> Any:
        """An array of any contents; MemoryError with the bytes asked for and free."""
        try:
            return self.cupy.empty(shape, dtype)
        except self.cupy.cuda.memory.OutOfMemoryError as error:
            free, total = self.cupy.cuda.runtime.memGetInfo()
            asked = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
            free += self.cupy.get_default_memory_pool().free_bytes()
            message = f"{asked:,} bytes asked for, {free:,} of {total:,} free on the GPU: take a smaller batch"
            raise MemoryError(message) from error

    def copy(self, array: np.ndarray) -> Any:
        """A NumPy array, on the GPU; MemoryError as empty."""
        there = self.empty(array.shape, array.dtype)
        there.set(np.ascontiguousarray(array))
        return there

    def product(self, a: Any, b: Any, out: Any, precision: str) -> Any:
        """cuBLAS's a @ b."""
        linalg = self.cupy._core._routines_linalg  # CuPy has no public switch but an environment variable read once
        kind = linalg.COMPUTE_TYPE_TF32 if precision == "tf32" else linalg.COMPUTE_TYPE_DEFAULT
        self.cupy._core.set_compute_type(np.float32, kind)
        return self.cupy.matmul(a, b, out=out)

    def feed(self, batches: Iterable[tuple]) -> Iterator[tuple]:
        """The batches with their first array on the GPU, each copied while the one before it is used."""
        from npzf.backend.prefetch import feed  # with the GPU in hand

        return feed(self.cupy, batches)

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What a launch may raise."""
        return self.cupy.cuda.driver.CUDADriverError, self.cupy.cuda.runtime.CUDARuntimeError


_current: Any = None


def device() -> Any:
    """Where kernels run: the GPU, opened at the first use."""
    global _current
    if _current is None:
        _current = Gpu()
    return _current


@contextmanager
def use_device(other: Any) -> Iterator[Any]:
    """Runs the kernels launched inside the `with` on another machine."""
    global _current
    before, _current = _current, other
    try:
        yield other
    finally:
        _current = before


def is_device_array(array: Any) -> bool:
    """Whether the array lies where kernels run; False as long as no GPU has been asked for."""
    return _current is not None and isinstance(array, _current.array)


def empty(shape: Sequence[int], dtype: Any) -> Any:
    """A new array where kernels run; MemoryError with the bytes asked for and free."""
    return device().empty(shape, dtype)


def to_device(array: np.ndarray) -> Any:
    """A NumPy array, copied to where kernels run."""
    return device().copy(array)


def to_same_device(array: np.ndarray, other: Any) -> Any:
    """A NumPy array, copied to where the other one lies."""
    return to_device(array) if is_device_array(other) else array


def to_numpy(array: Any) -> np.ndarray:
    """Any array as a NumPy array; a copy only if it lies on the GPU."""
    return array if isinstance(array, np.ndarray) else array.get()


def product(a: Any, b: Any, out: Any = None) -> Any:
    """The matrix product a @ b where kernels run, in the current precision."""
    return device().product(a, b, out, precision())


def prefetch_to_device(batches: Iterable[tuple], name: str) -> Iterable[tuple]:
    """These (x, ...) batches with x on the device of this name, where the next is copied while the present one is computed on."""
    return batches if name == "cpu" else device().feed(batches)
