"""Compiles, checks and launches the kernels in kernels/*.cu; no part of the paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    specialization: str
    parameters: list[Parameter]
    function: Callable[..., None]

    def __call__(self, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any], shared: int = 0) -> None:
        if len(arguments) != len(self.parameters):
            names = ", ".join(parameter.name for parameter in self.parameters)
            raise self._error(f"takes {len(self.parameters)} arguments ({names}), got {len(arguments)}", TypeError)
        if 0 in grid:
            return  # nothing to do
        values = [self._value(parameter, given) for parameter, given in zip(self.parameters, arguments, strict=True)]
        function: Any = self.function
        if shared > STATIC_SHARED and function.max_dynamic_shared_size_bytes < shared:
            function.max_dynamic_shared_size_bytes = shared
        try:
            function(tuple(map(int, grid)), tuple(map(int, block)), tuple(values), shared_mem=shared)
        except device().failures as error:
            reason = f"grid {tuple(grid)}, block {tuple(block)}, {shared} bytes of shared memory: {error}"
            raise self._error(reason, CudaError) from error

    def _error(self, text: str, kind: type[Exception]) -> Exception:
        return kind(f"kernel {self.specialization} in {self.file}: {text}")

    def _value(self, parameter: Parameter, given: Any) -> Any:
        """What CuPy passes on unchanged: a checked array, or a NumPy scalar or struct of exactly the declared type."""
        if parameter.pointer:
            return self._array(parameter, given)
        if parameter.dtype.names:
            return self._struct(parameter, given)
        allowed = {"f": (int, float, np.integer, np.floating), "b": (bool, np.bool_)}
        kinds = allowed.get(parameter.dtype.kind, (int, np.integer))
        if not isinstance(given, kinds) or (isinstance(given, bool) and parameter.dtype.kind != "b"):
            raise self._error(f"{parameter.name} is {given!r}, expected {parameter.dtype}", TypeError)
        try:
            return parameter.dtype.type(given)
        except OverflowError as error:
            raise self._error(f"{parameter.name} is {given}, too large for {parameter.dtype}", OverflowError) from error

    def _struct(self, parameter: Parameter, given: Any) -> np.ndarray:
        fields = parameter.dtype.names or ()
        if not isinstance(given, Mapping) or set(given) != set(fields):
            has = ", ".join(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
            raise self._error(f"{parameter.name} has the fields {has or 'none'}, expected {', '.join(fields)}", TypeError)
        for field, value in given.items():
            if not isinstance(value, int | np.integer) or isinstance(value, bool):
                raise self._error(f"{parameter.name}.{field} is {value!r}, expected int32", TypeError)
        try:
            return np.array(tuple(given[field] for field in fields), parameter.dtype)
        except OverflowError as error:
            raise self._error(f"{parameter.name} is {dict(given)}, too large for int32", OverflowError) from error

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
def _kernel(where: Any, file: str, specialization: str) -> Kernel:
    source, function = where.compile(file, specialization)
    return Kernel(file, specialization, signature(source, specialization), function)


def launch(file: str, specialization: str, grid: Sequence[int], block: Sequence[int], *arguments: Any, shared: int = 0) -> None:
    """Runs one kernel: launch("elementwise.cu", "rectify<float>", grid, block, x, y, count), compiled at its first use.

    Arrays must be of the parameter's type, C-contiguous and on the current device; numbers are converted to the parameter's C
    type; a struct is given as a mapping with exactly its fields; None is null for a pointer called maybe_... shared: bytes of
    dynamic shared memory. TypeError, ValueError or OverflowError for arguments that do not fit, CudaError for what CUDA says.
    """
    _kernel(device(), file, specialization)(grid, block, arguments, shared)
