"""CPU threads: a batch is split into one part a thread, BLAS held to one thread in each; no part of the paper."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")


class _Setting:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count() -> int:
    """How many threads the operations use: the processors of this process unless set_threads said otherwise."""
    return _Setting.count


def set_threads(number: int) -> None:
    """Use this many threads; results have the same bits for the same number of threads. ValueError below 1."""
    if number < 1:
        raise ValueError(f"number of threads is {number}, expected at least 1")
    _Setting.count = int(number)


@cache
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="npzf")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


_busy = threading.RLock()  # the number of BLAS threads is one for the whole process


def split(function: Callable[[slice], Result], items: int) -> list[Result]:
    """Calls function(slice) on contiguous parts of range(items), one a thread; the results in order.

    With fewer items than threads, BLAS itself gets the threads that are left over. The parts depend on items and
    count() alone, which is what makes results repeatable.
    """
    parts = max(1, min(count(), items))
    edges = [items * part // parts for part in range(parts + 1)]
    slices = [slice(a, b) for a, b in pairwise(edges)]
    with _busy, _blas().limit(limits=max(1, count() // parts)):
        if parts == 1:
            return [function(slices[0])]
        others = [_pool(parts - 1).submit(function, s) for s in slices[1:]]
        try:
            first = function(slices[0])
        finally:  # never leave while a part still writes into the caller's arrays
            rest = [other.exception() or other.result() for other in others]
        for result in rest:
            if isinstance(result, BaseException):
                raise result
        return [first, *rest]
