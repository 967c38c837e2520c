"""Compiles, checks and launches the kernels in kernels/*.cu; no part of the paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from npzf.backend.gpu import device
from npzf.backend.install import CudaError
from npzf.backend.source import Parameter, signature

STATIC_SHARED = 48 * 1024  # bytes of shared memory that a kernel gets without asking for more


@dataclass(frozen=True)
class Kernel:
    """A compiled kernel that checks what it is given."""

    file: str
    instance: str
    parameters: list[Parameter]
    function: Callable

    def __call__(self, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any], shared: int = 0) -> None:
        if len(arguments) != len(self.parameters):
            names = ", ".join(parameter.name for parameter in self.parameters)
            raise self._error(f"takes {len(self.parameters)} arguments ({names}), got {len(arguments)}", TypeError)
        if 0 in grid:
            return  # nothing to do
        values = [self._value(parameter, given) for parameter, given in zip(self.parameters, arguments, strict=True)]
        where = device()
        if shared > STATIC_SHARED and self.function.max_dynamic_shared_size_bytes < shared:
            self.function.max_dynamic_shared_size_bytes = shared
        try:
            self.function(tuple(map(int, grid)), tuple(map(int, block)), tuple(values), shared_mem=shared)
        except where.failures as error:
            reason = f"grid {tuple(grid)}, block {tuple(block)}, {shared} bytes of shared memory: {error}"
            raise self._error(reason, CudaError) from error

    def _error(self, text: str, kind: type[Exception]) -> Exception:
        return kind(f"kernel {self.instance} in {self.file}: {text}")

    def _value(self, parameter: Parameter, given: Any) -> Any:
        """What CuPy passes on unchanged: a checked array, or a NumPy scalar or struct of exactly the declared type."""
        if parameter.pointer:
            return self._array(parameter, given)
        if parameter.dtype.names:
            try:
                return np.array(tuple(given[name] for name in parameter.dtype.names), parameter.dtype)
            except (KeyError, TypeError, OverflowError, IndexError) as error:
                raise self._error(f"{parameter.name} lacks a field or holds no ints: {error!r}", TypeError) from error
        allowed = {"f": (int, float, np.integer, np.floating), "b": (bool, np.bool_)}
        kinds = allowed.get(parameter.dtype.kind, (int, np.integer))
        if not isinstance(given, kinds) or (isinstance(given, bool) and parameter.dtype.kind != "b"):
            raise self._error(f"{parameter.name} is {given!r}, expected {parameter.dtype}", TypeError)
        try:
            return parameter.dtype.type(given)
        except OverflowError as error:
            raise self._error(f"{parameter.name} is {given}, too large for {parameter.dtype}", OverflowError) from error

    def _array(self, parameter: Parameter, given: Any) -> Any:
        name, where = parameter.name, device()
        if given is None and parameter.optional:
            return np.uint64(0)
        if not isinstance(given, where.array):
            expected = f"{where.array.__module__.split('.')[0]} array"
            raise self._error(f"{name} is {type(given).__module__}.{type(given).__name__}, expected a {expected}", TypeError)
        if given.dtype != parameter.dtype:
            raise self._error(f"{name} is {given.dtype}, expected {parameter.dtype}", TypeError)
        if not given.flags.c_contiguous:
            raise self._error(f"{name} has strides {given.strides} for shape {given.shape}, expected C order", ValueError)
        if reason := where.misplaced(given):
            raise self._error(f"{name} {reason}", ValueError)
        return given


@cache
def _kernel(where: Any, file: str, instance: str) -> Kernel:
    source, function = where.compile(file, instance)
    return Kernel(file, instance, signature(source, instance), function)


def launch(file: str, instance: str, grid: Sequence[int], block: Sequence[int], *arguments: Any, shared: int = 0) -> None:
    """Runs one kernel: launch("pooling.cu", "max_pool<float, 4>", grid, block, x, y, ...), compiled at its first use.

    Arrays must be of the parameter's type, C-contiguous and on the current device; numbers are converted to the parameter's C
    type; a struct is given as a mapping of its fields; None is null for a pointer called maybe_... shared: bytes of dynamic
    shared memory. TypeError, ValueError or OverflowError for arguments that do not fit, CudaError for what CUDA says.
    """
    _kernel(device(), file, instance)(grid, block, arguments, shared)
