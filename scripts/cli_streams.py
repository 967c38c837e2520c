"""What the scripts print: names of files, classes and layers are shown on the terminal, and never obeyed by it."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator
from typing import Any, TextIO

from npzf.text import printable

PROGRESS = re.compile(r"(?:\r|\n|\x1b\[A)*")  # how tqdm moves its bars


class Shown:
    """A stream that writes text as `printable`; progress: whether bars may move the cursor on it."""

    def __init__(self, stream: TextIO, *, progress: bool) -> None:
        self._stream, self._progress = stream, progress
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # letters that the encoding lacks

    def write(self, text: str) -> int:
        moved = PROGRESS.match(text) if self._progress else None
        start = moved.end() if moved else 0
        self._stream.write(text[:start] + printable(text[start:], keep="\n\t"))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class OneLine(logging.Formatter):
    """Messages as they are, but for names in them, whose newlines are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record.args, tuple) and "\n" not in str(record.msg):
            record.args = tuple(printable(arg) if isinstance(arg, str) else _named(arg) for arg in record.args)
        return super().format(record)


def _named(value: object) -> object:
    """A path or an error as text that is printable; anything else as it is."""
    return printable(str(value)) if isinstance(value, (os.PathLike, Exception)) else value


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """All that is printed within goes through `Shown`, and so does the traceback of an error that nobody expected."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Shown(sys.stdout, progress=False), Shown(sys.stderr, progress=True)
    try:
        yield
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    finally:
        sys.stdout, sys.stderr = before
