"""How much memory a file of weights may take, and one line for whatever is wrong with it; no part of the paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

LEAST = 2**28  # bytes that the arrays of any file may take
RATIO = 16  # and how many times those of the file
LONGEST = 300  # characters of a reason


class Refused(ValueError):
    """A file that is refused for a reason that already names it."""


def most_bytes(size: int) -> int:
    """How many bytes the arrays of a file of this size may take."""
    return max(LEAST, RATIO * size)


def guarded(read: Callable[[], Any], name: str | Path) -> Any:
    """The result of reading; whatever a damaged file raises becomes a ValueError of one line."""
    try:
        return read()
    except Refused:
        raise
    except (Exception, RecursionError) as error:
        raise ValueError(f"{name}: damaged, or not made of arrays ({reason(error)})") from None


def reason(error: BaseException) -> str:
    """What an error says, in one line that is not too long."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    return printable(str(error)) or type(error).__name__


def printable(text: str, most: int = LONGEST) -> str:
    """Text out of a file, in one line that is not too long; what cannot be printed becomes a question mark."""
    line = " ".join(text[: 4 * most].split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= most else f"{line[:most]}..."
