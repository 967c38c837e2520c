"""A compiled kernel file on the CPU, with the calling convention of cupy.RawModule."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from cuda_on_cpu.build import build, shared_variables
from cuda_on_cpu.guard import Guarded

# typeid names of the Itanium C++ ABI
TYPES = {"f": np.float32, "d": np.float64, "i": np.int32, "j": np.uint32, "x": np.int64, "y": np.uint64, "b": np.bool_}


class KernelError(RuntimeError):
    """What went wrong inside a kernel, or with its arguments."""


class Order(IntEnum):
    """In which order the threads of a block run between barriers."""

    FORWARD = 0
    REVERSE = 1
    SHUFFLED = 2
    FIRST_WARP_AHEAD = 3
    LAST_WARP_AHEAD = 4


@dataclass
class Options:
    """How kernels run: eager copies happen when they are issued, lazy ones at the wait; guard: see Guarded."""

    order: Order = Order.FORWARD
    seed: int = 0
    eager: bool = False
    guard: str | None = None


class _Options(ctypes.Structure):
    _fields_ = (("order", ctypes.c_int), ("seed", ctypes.c_uint), ("eager", ctypes.c_int))


class _Entry(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("call", ctypes.c_void_p),
        ("count", ctypes.c_int),
        ("sizes", ctypes.POINTER(ctypes.c_size_t)),
        ("types", ctypes.POINTER(ctypes.c_char_p)),
    )


class CpuModule:
    """CpuModule(source, specializations).get_function(specialization)(grid, block, args, shared_mem=0)."""

    def __init__(self, source: str, specializations: Sequence[str], options: Options | None = None, sanitize: str | None = None):
        path = build(source, specializations, sanitize)
        library = ctypes.CDLL(str(path))
        library.cpu_kernel.restype = ctypes.POINTER(_Entry)
        library.cpu_launch.restype = ctypes.c_char_p
        base = ctypes.cast(library.cpu_count, ctypes.c_void_p).value
        for offset, size in shared_variables(path):
            library.cpu_shared(ctypes.c_void_p(base + offset), ctypes.c_size_t(size))
        self.kernels = {}
        for index in range(library.cpu_count()):
            kernel = CpuKernel(library, index, options or Options())
            self.kernels[kernel.name] = kernel

    def get_function(self, name: str) -> CpuKernel:
        return self.kernels[name]


class CpuKernel:
    """One kernel; checks its arguments against the C++ signature as strictly as a GPU would suffer from them."""

    max_dynamic_shared_size_bytes = 48 * 1024

    def __init__(self, library: ctypes.CDLL, index: int, options: Options):
        entry = library.cpu_kernel(index).contents
        self.library, self.index, self.options, self.name = library, index, options, entry.name.decode()
        self.types = [entry.types[i].decode() for i in range(entry.count)]
        self.sizes = [entry.sizes[i] for i in range(entry.count)]

    def __call__(self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], shared_mem: int = 0) -> None:
        if len(args) != len(self.types):
            raise KernelError(f"{self.name} takes {len(self.types)} arguments, got {len(args)}")
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise KernelError(f"{self.name}: {shared_mem} bytes of shared memory, allowed {self.max_dynamic_shared_size_bytes}")
        guarded: list[Guarded] = []
        try:
            values = [self._value(i, given, guarded) for i, given in enumerate(args)]
            pointers = (ctypes.c_void_p * (len(values) + 1))(*(value.ctypes.data for value in values))
            error = self.library.cpu_launch(
                self.index,
                _dim3(grid),
                _dim3(block),
                ctypes.c_size_t(shared_mem),
                pointers,
                ctypes.byref(_Options(self.options.order, self.options.seed, self.options.eager)),
            )
        finally:
            for copy in guarded:
                copy.close()
        if error:
            raise KernelError(f"{self.name}: {error.decode()}")

    def _value(self, i: int, given: Any, guarded: list[Guarded]) -> np.ndarray:
        """The argument's bytes, as a 0-d array."""
        kind = self.types[i]
        if kind.startswith("P") and isinstance(given, np.ndarray):
            dtype = np.dtype(TYPES[kind[-1]])
            if given.dtype != dtype or not given.flags.c_contiguous:
                raise KernelError(f"{self.name} argument {i}: {given.dtype}, strides {given.strides}, for a {dtype} pointer")
            if self.options.guard is None:
                return np.array(given.ctypes.data, np.uint64)
            guarded.append(Guarded(given, self.options.guard, writable="K" not in kind))
            return np.array(guarded[-1].address, np.uint64)
        expected = np.uint64 if kind.startswith("P") else TYPES.get(kind)  # a null pointer; a scalar; or a struct
        value = np.array(given) if isinstance(given, np.generic | np.ndarray) else None
        if value is None or value.nbytes != self.sizes[i] or (expected and value.dtype != expected):
            raise KernelError(f"{self.name} argument {i} is {given!r}, expected {expected or f'{self.sizes[i]} bytes'}")
        return value


def _dim3(sides: Sequence[int]) -> ctypes.Array:
    return (ctypes.c_uint * 3)(*(*sides, 1, 1)[:3])
