"""Batches to the GPU (section 3 trains on one): the next is copied while the present one is computed on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

SLOTS = 2  # one batch in use, one on its way


def feed(cupy: Any, batches: Iterable[tuple]) -> Iterator[tuple]:
    """(x, ...) NumPy triples -> the same with x on the GPU, valid until the next but one is asked for.

    x goes through page-locked memory on a stream of its own, into one of two buffers in turn. The copy waits until the
    computation has let go of the buffer, the computation until the copy has arrived; the processor waits for neither.
    """
    import cupyx

    copying, slots = cupy.cuda.Stream(non_blocking=True), [None] * SLOTS
    waiting: list[tuple] = []

    def send(slot: int, batch: tuple) -> tuple:
        x = np.ascontiguousarray(batch[0])
        if slots[slot] is None or slots[slot][0].size < x.size or slots[slot][0].dtype != x.dtype:
            locked, there = cupyx.empty_pinned(x.size, x.dtype), cupy.empty(x.size, x.dtype)
            slots[slot] = locked, there, cupy.cuda.Event(), cupy.cuda.Event()
        locked, there, arrived, free = slots[slot]
        arrived.synchronize()  # the copy of two batches ago has left the page-locked memory
        locked[: x.size] = x.ravel()
        copying.wait_event(free)
        there[: x.size].set(locked[: x.size], stream=copying)
        arrived.record(copying)
        return slot, there[: x.size].reshape(x.shape), batch[1:]

    def use(slot: int, x: Any, rest: tuple) -> Iterator[tuple]:
        _, _, arrived, free = slots[slot]
        computing = cupy.cuda.get_current_stream()
        computing.wait_event(arrived)
        yield x, *rest
        free.record(computing)  # all that uses x has been launched

    for number, batch in enumerate(batches):
        waiting.append(send(number % SLOTS, batch))
        if len(waiting) == SLOTS:
            yield from use(*waiting.pop(0))
    for last in waiting:
        yield from use(*last)
