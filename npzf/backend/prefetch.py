"""Batches to the GPU (section 3 trains on one): the next is copied while the present one is computed on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

SLOTS = 2  # one batch in use, one on its way


@dataclass
class Slot:
    """Page-locked memory, the buffer on the GPU, and the events that say when each may be written again."""

    locked: Any
    buffer: Any
    arrived: Any
    released: Any


def double_buffered(cupy: Any, batches: Iterable[tuple]) -> Iterator[tuple]:
    """(x, ...) with x a NumPy array -> the same with x on the GPU, valid until the batch after the next is asked for.

    x goes through page-locked memory on a stream of its own into one of two buffers in turn. The copy waits until the compute
    stream has released the buffer, the compute stream waits until the copy has arrived; the host never blocks on either.
    """
    import cupyx

    copying = cupy.cuda.Stream(non_blocking=True)
    slots: list[Slot | None] = [None] * SLOTS
    waiting: list[tuple] = []

    def send(number: int, batch: tuple) -> tuple:
        x, slot = np.ascontiguousarray(batch[0]), slots[number]
        if slot is None or slot.buffer.size < x.size or slot.buffer.dtype != x.dtype:
            slot = Slot(cupyx.empty_pinned(x.size, x.dtype), cupy.empty(x.size, x.dtype), cupy.cuda.Event(), cupy.cuda.Event())
            slots[number] = slot
        slot.arrived.synchronize()  # the copy of two batches ago has left the page-locked memory
        slot.locked[: x.size] = x.ravel()
        copying.wait_event(slot.released)
        slot.buffer[: x.size].set(slot.locked[: x.size], stream=copying)
        slot.arrived.record(copying)
        return slot, slot.buffer[: x.size].reshape(x.shape), batch[1:]

    def use(slot: Slot, x: Any, rest: tuple) -> Iterator[tuple]:
        computing = cupy.cuda.get_current_stream()
        computing.wait_event(slot.arrived)
        yield x, *rest
        slot.released.record(computing)  # all that uses x has been launched

    for number, batch in enumerate(batches):
        waiting.append(send(number % SLOTS, batch))
        if len(waiting) == SLOTS:
            yield from use(*waiting.pop(0))
    for last in waiting:
        yield from use(*last)
