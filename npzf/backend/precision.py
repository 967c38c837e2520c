"""Precision of float32 products on a GPU; no part of the paper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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
