"""Work that takes long is stopped between two steps, never within one (section 3 took twelve days)."""

from __future__ import annotations

import signal


class Signals:
    """Notes an interrupt or a termination signal instead of dying in the middle of a batch; a second one does kill."""

    def __init__(self):
        self.received = False
        self._before = {}

    def __enter__(self) -> Signals:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._before[number] = signal.signal(number, self._note)
            except ValueError:  # not the main thread: signals are not ours to take
                break
        return self

    def _note(self, number, frame) -> None:
        self.received = True
        signal.signal(number, self._before[number])

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
