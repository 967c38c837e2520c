"""Finds, compiles, checks and launches the kernels in kernels/*.cu: no part of the paper."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

C_TYPES = {
    "float": np.float32,
    "double": np.float64,
    "int": np.int32,
    "unsigned": np.uint32,
    "long long": np.int64,
    "unsigned long long": np.uint64,
    "bool": np.bool_,
}
STATIC_SHARED = 48 * 1024  # bytes of shared memory that a kernel gets without asking for more


class CudaError(RuntimeError):
    """What is missing, or what went wrong with a kernel: one line that names the kernel and its file."""


# Source: .cu files are read as text, and the .cuh files they include are pasted in, for CuPy's disk cache does not see an
# included file change.


def kernel_folder() -> Path:
    """kernels/ inside the installed package, or beside npzf/ in a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "kernels", package.parent / "kernels"):
        if (folder / "ptx.cuh").is_file():
            return folder
    raise CudaError(f"no kernels in {package / 'kernels'} nor beside {package}: the installation of npzf is incomplete")


def pasted(file: str, folders: Sequence[Path]) -> str:
    """The text of a kernel file; every `#include "..."` gives way to that file, once, from the first folder that has it."""
    seen: set[str] = set()

    def paste(name: str) -> str:
        seen.add(name)
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is None:
            raise CudaError(f"{name} is not in {', '.join(map(str, folders))}")
        lines = [f'#line 1 "{name}"']
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = re.match(r'#include "(\S+)"', line)
            if include and include[1] not in seen:
                lines += [paste(include[1]), f'#line {number + 1} "{name}"']
            else:
                lines.append("" if include else line)
        return "\n".join(lines)

    return paste(file) + "\n"


# Signatures: the launcher reads the parameters' types from the source, so that they are stated once.


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel: a pointer to dtype, or a value of it (a structured dtype for a struct)."""

    name: str
    dtype: np.dtype
    pointer: bool

    @property
    def optional(self) -> bool:
        """Pointers called maybe_... may be null."""
        return self.pointer and self.name.startswith("maybe_")


def signature(source: str, instance: str) -> list[Parameter]:
    """The parameters of `kernel<arguments>`; a template's type parameters take the arguments' place."""
    name, _, given = instance.partition("<")
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", source, flags=re.S)
    found = re.search(rf"(?:template\s*<([^>]*)>\s*)?__global__\s+void[^;{{}}]*?\b{name}\s*\(([^)]*)\)\s*\{{", text)
    if found is None:
        raise CudaError(f"there is no kernel {name} in the source")
    names = [parameter.split()[-1] for parameter in (found[1] or "").split(",") if parameter.strip()]
    arguments = [argument.strip() for argument in given.rstrip(">").split(",") if argument.strip()]
    if len(names) != len(arguments):
        raise CudaError(f"{name} has template parameters <{', '.join(names)}>, got {instance}")
    types = dict(zip(names, arguments, strict=True))
    return [_parameter(declaration, types, text) for declaration in found[2].split(",")]


def _parameter(declaration: str, types: dict[str, str], source: str) -> Parameter:
    words = re.sub(r"\b(const|__restrict__)\b", "", declaration).replace("*", " * ").split()
    name, kind = words[-1], " ".join(word for word in words[:-1] if word != "*")
    kind = types.get(kind, kind)
    struct = re.search(rf"struct\s+{kind}\s*{{(.*?)}}", source, re.S)
    if struct:  # of ints alone
        fields = re.findall(r"\w+", struct[1].replace("int ", ""))
        return Parameter(name, np.dtype([(field, np.int32) for field in fields]), False)
    if kind not in C_TYPES:
        raise CudaError(f"parameter {name} has type {kind}, expected one of {', '.join(C_TYPES)}, or a struct of ints")
    return Parameter(name, np.dtype(C_TYPES[kind]), "*" in words)


def c_type(dtype: Any) -> str:
    """float or double, as a kernel's template argument."""
    return {"float32": "float", "float64": "double"}[np.dtype(dtype).name]


# The machine: where kernels run. The tests put one in its place that runs the same files on the CPU.


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
        from npzf.feed import feed  # with the GPU in hand

        return feed(self.cupy, batches)

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What a launch may raise."""
        return self.cupy.cuda.driver.CUDADriverError, self.cupy.cuda.runtime.CUDARuntimeError


_current: Any = None


def machine() -> Any:
    """Where kernels run: the GPU, opened at the first use."""
    global _current
    if _current is None:
        _current = Gpu()
    return _current


@contextmanager
def on(other: Any) -> Iterator[Any]:
    """Runs the kernels launched inside the `with` on another machine."""
    global _current
    before, _current = _current, other
    try:
        yield other
    finally:
        _current = before


# Launching


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
        where = machine()
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
        name, where = parameter.name, machine()
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
    _kernel(machine(), file, instance)(grid, block, arguments, shared)


# Arrays, here and there


def holds(array: Any) -> bool:
    """Whether the array lies where kernels run; False as long as no GPU has been asked for."""
    return _current is not None and isinstance(array, _current.array)


def empty(shape: Sequence[int], dtype: Any) -> Any:
    """A new array where kernels run; MemoryError with the bytes asked for and free."""
    return machine().empty(shape, dtype)


def on_machine(array: np.ndarray) -> Any:
    """A NumPy array, copied to where kernels run."""
    return machine().copy(array)


def beside(array: np.ndarray, other: Any) -> Any:
    """A NumPy array, copied to where the other one lies."""
    return on_machine(array) if holds(other) else array


def host(array: Any) -> np.ndarray:
    """Any array as a NumPy array; a copy only if it lies on the GPU."""
    return array if isinstance(array, np.ndarray) else array.get()


def product(a: Any, b: Any, out: Any = None) -> Any:
    """The matrix product a @ b where kernels run, in the current precision."""
    return machine().product(a, b, out, precision())


# Precision: exact fp32, or tensor cores that round their factors to TF32's 10 bits of mantissa. float64 is always exact.

PRECISIONS = ("fp32", "tf32")
_precision: ContextVar[str] = ContextVar("precision", default="fp32")


def precision() -> str:
    """The precision of float32 products inside `in_precision`, else "fp32"."""
    return _precision.get()


@contextmanager
def in_precision(name: str) -> Iterator[None]:
    """Computes the float32 products inside the `with` in this precision."""
    token = _precision.set(name)
    try:
        yield
    finally:
        _precision.reset(token)


# CuPy: what is installed, and what is missing


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
    found = re.search(r"\s(\d+\.\d[\d.]*)\s", file.read_text()) if file.is_file() else None
    driver = f"driver {found[1] if found else 'unknown'} (CUDA {_version(cupy.cuda.runtime.driverGetVersion())})"
    return f"{name}, {driver}, CUDA runtime {_version(cupy.cuda.runtime.runtimeGetVersion())}, CuPy {cupy.__version__}"


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"
