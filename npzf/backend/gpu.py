"""The device that kernels run on, and arrays on their way there and back; no part of the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from npzf.backend.install import CudaError, require
from npzf.backend.prefetch import double_buffered
from npzf.backend.source import kernel_folder, pasted

# The precision of float32 products: exact fp32, or tensor cores, which round the factors to TF32's 10 bits of mantissa.
PRECISIONS = ("fp32", "tf32")


def check_precision(name: str) -> None:
    """ValueError unless this is one of PRECISIONS."""
    if name not in PRECISIONS:
        raise ValueError(f"precision is {name!r}, expected {' or '.join(map(repr, PRECISIONS))}")


class Gpu:
    """The current CUDA device, through CuPy; the tests put a device in its place that runs the same kernel files on the CPU."""

    def __init__(self) -> None:
        self.cupy = require()
        self.array = self.cupy.ndarray
        self.processors = self.cupy.cuda.Device().attributes["MultiProcessorCount"]

    def compile(self, file: str, specialization: str) -> tuple[str, Callable[..., None]]:
        """The pasted source, and the function to call with (grid, block, args, shared_mem=bytes)."""
        source = pasted(file, [kernel_folder()])
        module = self.cupy.RawModule(code=source, options=("-std=c++17",), name_expressions=[specialization])
        try:
            return source, module.get_function(specialization)
        except self.cupy.cuda.compiler.CompileException as error:
            lines = str(error).splitlines()
            reason = next((line for line in lines if "error:" in line), lines[0])
            raise CudaError(f"kernel {specialization} in {file} does not compile: {reason.strip()}") from error

    def misplaced(self, array: Any) -> str | None:
        """Why a kernel cannot use the array where it is, or None if it can."""
        current = self.cupy.cuda.Device().id
        return None if array.device.id == current else f"is on device {array.device.id}, expected the current one, {current}"

    def empty(self, shape: Sequence[int], dtype: Any) -> Any:
        """An uninitialised array; MemoryError with the bytes asked for and free."""
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
        copied = self.empty(array.shape, array.dtype)
        copied.set(np.ascontiguousarray(array))
        return copied

    def product(self, a: Any, b: Any, out: Any, precision: str) -> Any:
        """cuBLAS's a @ b, in one of PRECISIONS."""
        linalg = self.cupy._core._routines_linalg  # CuPy has no public switch but an environment variable read once
        kind = linalg.COMPUTE_TYPE_TF32 if precision == "tf32" else linalg.COMPUTE_TYPE_DEFAULT
        self.cupy._core.set_compute_type(np.float32, kind)
        return self.cupy.matmul(a, b, out=out)

    def prefetch(self, batches: Iterable[tuple]) -> Iterator[tuple]:
        """The batches with their first array on the GPU, each copied while the one before it is used."""
        return double_buffered(self.cupy, batches)

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What a launch may raise."""
        return self.cupy.cuda.driver.CUDADriverError, self.cupy.cuda.runtime.CUDARuntimeError


_current: Any = None


def device() -> Any:
    """The device that kernels run on: the GPU, opened at the first use. CudaError if there is none."""
    global _current
    if _current is None:
        _current = Gpu()
    return _current


@contextmanager
def use_device(other: Any) -> Iterator[Any]:
    """Makes `other` the device inside the `with`; None: no device yet, as when npzf has just been imported."""
    global _current
    before, _current = _current, other
    try:
        yield other
    finally:
        _current = before


def is_device_array(array: Any) -> bool:
    """Whether the array lies on the device; False as long as no device has been used."""
    return _current is not None and isinstance(array, _current.array)


def empty(shape: Sequence[int], dtype: Any) -> Any:
    """An uninitialised array on the device; MemoryError with the bytes asked for and free."""
    return device().empty(shape, dtype)


def to_device(array: np.ndarray) -> Any:
    """A NumPy array, copied to the device."""
    return device().copy(array)


def to_same_device(array: np.ndarray, other: Any) -> Any:
    """A NumPy array, copied to the device if the other array lies there."""
    return to_device(array) if is_device_array(other) else array


def to_numpy(array: Any) -> np.ndarray:
    """Any array as a NumPy array; a copy only if it lies on the GPU."""
    return array if isinstance(array, np.ndarray) else array.get()


def product(a: Any, b: Any, out: Any = None, precision: str = "fp32") -> Any:
    """The matrix product a @ b of arrays on the device, in one of PRECISIONS; written into `out` if there is one."""
    check_precision(precision)
    return device().product(a, b, out, precision)


def prefetch_to_device(batches: Iterable[tuple], name: str) -> Iterable[tuple]:
    """(x, ...) batches with x a NumPy array -> the same with x on the device of this name, "cpu" or "cuda".

    On a GPU each is copied while the one before it is used, and x is valid until the batch after the next is asked for.
    """
    return batches if name == "cpu" else device().prefetch(batches)
