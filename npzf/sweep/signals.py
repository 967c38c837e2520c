"""Defers SIGINT and SIGTERM to the end of the current step (section 3 trained for twelve days)."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any


class Signals:
    """Inside its `with`, the first interrupt or termination signal only sets `received`; a second one acts as it did before.

    Outside the main thread, where Python hands out no signals, `received` stays False.
    """

    def __init__(self) -> None:
        self.received = False
        self._handlers: dict[int, Any] = {}  # those from before

    def __enter__(self) -> Signals:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._handlers[number] = signal.signal(number, self._defer)
            except ValueError:  # not the main thread
                break
        return self

    def _defer(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        signal.signal(number, self._handlers[number])

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
