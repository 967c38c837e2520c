"""CPU threads: a batch is divided into one chunk a thread, BLAS held to one thread in each; no part of the paper."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import cache
from itertools import pairwise
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")
MOST_THREADS = 1024


class _Setting:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count() -> int:
    """How many threads the operations use: the processors of this process unless set_threads said otherwise."""
    return _Setting.count


def set_threads(number: int) -> None:
    """Use this many threads; results have the same bits for the same number of threads. ValueError outside 1 to MOST_THREADS."""
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_THREADS:
        raise ValueError(f"number of threads is {number!r}, expected a whole number from 1 to {MOST_THREADS}")
    _Setting.count = number


@cache
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="npzf")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def blas_libraries() -> list[dict]:
    """What threadpoolctl knows of the BLAS in use: internal_api, version, architecture, ..."""
    return _blas().info()


_busy = threading.Lock()  # the number of BLAS threads is one for the whole process
_this_thread = threading.local()  # .in_chunk: whether it is running a chunk


def _after_fork() -> None:
    """A forked child has none of the parent's threads, and perhaps its lock."""
    global _busy
    _busy = threading.Lock()
    _pool.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def parallel_for(function: Callable[[slice], Result], items: int) -> list[Result]:
    """Calls function(slice) on contiguous chunks of range(items), one a thread; the results in order.

    With fewer items than threads, the remaining threads go to BLAS; nested calls run serially. The chunks depend on items and
    count() alone, which makes results repeatable.
    """
    chunks = max(1, min(count(), items))
    if getattr(_this_thread, "in_chunk", False):
        return [function(slice(0, items))]
    edges = [items * chunk // chunks for chunk in range(chunks + 1)]
    slices = [slice(a, b) for a, b in pairwise(edges)]
    with _busy, _blas().limit(limits=max(1, count() // chunks)):
        # in the caller's context, so that its numpy.errstate holds in every chunk
        others = [_pool(chunks - 1).submit(copy_context().run, _run, function, chunk) for chunk in slices[1:]]
        try:
            first = _run(function, slices[0])
        finally:  # never leave while a chunk still writes into the caller's arrays
            wait(others)
        return [first, *(other.result() for other in others)]


def each(function: Callable[[int], object], items: int) -> None:
    """Calls function(0), ..., function(items - 1), divided among the threads as parallel_for divides them."""

    def run(chunk: slice) -> None:
        for i in range(chunk.start, chunk.stop):
            function(i)

    parallel_for(run, items)


def _run(function: Callable[[slice], Result], chunk: slice) -> Result:
    _this_thread.in_chunk = True
    try:
        return function(chunk)
    finally:
        _this_thread.in_chunk = False
