"""Signals end a long computation between two steps, never inside one (section 3 trained for twelve days)."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any, ClassVar

TERMINATING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))  # Windows has no SIGHUP


class Stopped(KeyboardInterrupt):
    """A signal has ended the work; number: which, so that a program can exit with 128 + number."""

    def __init__(self, message: str = "", number: int = signal.SIGINT):
        super().__init__(message)
        self.number = int(number)


class Signals:
    """Inside its `with`, the first SIGINT, SIGTERM or SIGHUP only sets `received` to its number; a second acts as it did before.

    What runs inside stops between two steps with `raise Stopped(words, signals.received)`; if it ends without having done so,
    the end of the `with` raises Stopped: no signal is lost. SIGHUP stays ignored where it is, as under nohup. Inside another's
    `with`, `received` begins as that one's. Outside the main thread, where Python hands out no signals, it stays 0.
    """

    _open: ClassVar[list[Signals]] = []

    def __init__(self) -> None:
        self.received = 0
        self._handlers: dict[int, Any] = {}  # those from before

    def __enter__(self) -> Signals:
        for number in (signal.SIGINT, *TERMINATING):
            before = signal.getsignal(number)
            if before is None or (before == signal.SIG_IGN and number != signal.SIGINT):
                continue  # not Python's to change, or ignored on purpose
            try:
                signal.signal(number, self._defer)
            except ValueError:  # not the main thread
                return self
            self._handlers[number] = before
        if self._open:
            self.received = self._open[-1].received
        self._open.append(self)
        return self

    def _defer(self, number: int, frame: FrameType | None) -> None:
        for open_one in self._open:
            open_one.received = open_one.received or number
        for open_one in reversed(self._open):  # the outermost last: it knows what was before all of them
            open_one._give_back()

    def _give_back(self) -> None:
        while self._handlers:  # once: the end of an inner `with` must not put an outer one's handlers back
            signal.signal(*self._handlers.popitem())

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._give_back()
        if self in self._open:
            self._open.remove(self)
        if self.received and kind is None and not self._open:
            raise Stopped("stopped", self.received)


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise Stopped wherever the program is, as SIGINT raises KeyboardInterrupt.

    So files that are being written are cleared away, and the program ends with a status of its own. SIGHUP stays ignored where it
    is, as under nohup. Does nothing outside the main thread.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped("interrupted", number)

    before: dict[int, Any] = {}
    with contextlib.suppress(ValueError):  # not the main thread
        for number in TERMINATING:
            if signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
