"""The mathematics of section 2 as pure functions on arrays, in three faces with one signature: plain, cpu, cuda.

`plain` is the one to read: each operation in a few lines. `cpu` and `cuda` compute the same faster. Which face a net computes
with is the net's choice (`net.ops`); arrays that no net has made are computed on where they lie.
"""

from __future__ import annotations

from typing import Any

from npzf.backend import is_device_array
from npzf.ops.cpu import CPU
from npzf.ops.cuda import CUDA, CUDA_TF32
from npzf.ops.face import Ops
from npzf.ops.plain import PLAIN
from npzf.ops.switches import Switches

FACES = ("plain", "fast")

__all__ = ["CPU", "CUDA", "CUDA_TF32", "FACES", "PLAIN", "Ops", "Switches", "face", "ops_of"]


def face(name: str, device: str = "cpu", precision: str = "fp32") -> Ops:
    """The operations that `net.ops`, one of FACES, stands for on a device, "cpu" or "cuda", in a precision, "fp32" or "tf32"."""
    if name not in FACES:
        raise ValueError(f"ops is {name!r}, expected one of {', '.join(FACES)}")
    if name == "plain":
        return PLAIN
    if device == "cpu":
        return CPU
    return CUDA_TF32 if precision == "tf32" else CUDA


def ops_of(array: Any) -> Ops:
    """The fast operations for an array, where it lies."""
    return CUDA if is_device_array(array) else CPU
