"""CuPy's arrays as far as npzf uses them, in the processor's memory, and as strict: no NumPy array without being asked.

What CuPy refuses is refused here as well, so that the tests of a machine without a GPU find it: np.asarray of a device's array,
and arithmetic with NumPy's arrays or their assignment. Like CuPy the module has NumPy's functions (zeros, stack, maximum, ...);
where CuPy is installed, only those that CuPy has.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a driver that is missing
        import cupy
except ImportError:
    cupy = None


class Array:
    """An array of the device. Its operators, methods and attributes are NumPy's, and give arrays of the device again."""

    __slots__ = ("values",)

    def __init__(self, values: np.ndarray):
        self.values = values

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or (cupy and not hasattr(cupy.ndarray, name)):
            raise AttributeError(f"CuPy's arrays have no {name}")
        found = getattr(self.values, name)
        return _function(found) if callable(found) else _to_device(found)

    def get(self) -> np.ndarray:
        """A copy as a NumPy array."""
        return self.values.copy()

    @property
    def data(self) -> SimpleNamespace:
        """The memory; .ptr is its address."""
        return SimpleNamespace(ptr=self.values.ctypes.data)

    def __getitem__(self, index: Any) -> Any:
        return _to_device(self.values[_index(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.values[_index(index)] = _from_device(value)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.values)

    def __int__(self) -> int:
        return int(self.values)

    def __float__(self) -> float:
        return float(self.values)

    def __index__(self) -> int:
        return self.values.__index__()

    def __deepcopy__(self, memo: dict) -> Array:
        return Array(self.values.copy())

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, function: np.ufunc, method: str, *arguments: Any, **options: Any) -> Any:
        return _function(function)(*arguments, **options) if method == "__call__" else NotImplemented

    def __array_function__(self, function: Callable, types: Any, arguments: tuple, options: dict) -> Any:
        return _function(function)(*arguments, **options)


def _operator(name: str) -> Callable:
    return lambda self, *others: _to_device(getattr(self.values, name)(*map(_from_device, others)))


def _in_place(name: str) -> Callable:
    def apply(self: Array, other: Any) -> Array:
        getattr(self.values, name)(_from_device(other))
        return self

    return apply


BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
for _name in (*BINARY, *(f"r{name}" for name in BINARY), "lt", "le", "gt", "ge", "eq", "ne", "neg", "abs", "invert"):
    setattr(Array, f"__{_name}__", _operator(f"__{_name}__"))
for _name in BINARY:
    setattr(Array, f"__i{_name}__", _in_place(f"__i{_name}__"))


def _to_device(value: Any) -> Any:
    """NumPy's arrays and numbers, alone or in a tuple or list, as arrays of the device; anything else as it is."""
    if type(value) in (tuple, list):
        return type(value)(map(_to_device, value))
    return Array(np.asarray(value)) if isinstance(value, np.ndarray | np.generic) else value


def _from_device(value: Any) -> Any:
    """The other way round; TypeError for NumPy's arrays, which are not on the device."""
    if type(value) in (tuple, list):
        return type(value)(map(_from_device, value))
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    return value.values if isinstance(value, Array) else value


def _index(index: Any) -> Any:
    """NumPy's arrays are allowed here: CuPy copies them to the device by itself."""
    if isinstance(index, tuple):
        return tuple(map(_index, index))
    return index.values if isinstance(index, Array) else index


def _function(function: Callable) -> Callable:
    """NumPy's function, from arrays of the device to arrays of the device."""

    def apply(*arguments: Any, **options: Any) -> Any:
        found = function(*map(_from_device, arguments), **{name: _from_device(value) for name, value in options.items()})
        return _to_device(found)

    return apply


def asarray(values: Any, dtype: Any = None) -> Array:
    """From NumPy's arrays, too: this is how one asks for a copy."""
    return Array(np.array(values.values if isinstance(values, Array) else values, dtype, order="C"))


def __getattr__(name: str) -> Any:
    if name.startswith("__") or (cupy and not hasattr(cupy, name)):
        raise AttributeError(f"CuPy has no {name}")
    found = getattr(np, name)
    return _function(found) if callable(found) and not isinstance(found, type) else found
