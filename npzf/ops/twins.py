"""Each operation has two forms of one name, NumPy's and its CUDA twin in ops/cuda: which one runs; no part of the paper."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from npzf.backend import is_device_array


def twin(op: Callable) -> Callable:
    """Runs the function of this name in ops/cuda/MODULE.py if the first array lies where kernels run, else this one."""
    module = f"npzf.ops.cuda.{op.__module__.rpartition('.')[2]}"

    @wraps(op)
    def either(x: Any, *arguments: Any, **options: Any) -> Any:
        if is_device_array(x):
            return getattr(import_module(module), op.__name__)(x, *arguments, **options)
        return op(x, *arguments, **options)

    return either
