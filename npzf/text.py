"""Words for a terminal, in which names of any letters are shown and never obeyed; no part of the paper."""

from __future__ import annotations

import re
import shlex
import unicodedata

SHOWN_AS_BYTES = range(0xDC80, 0xDD00)  # how Python keeps the bytes of a file's name that are no UTF-8
SHORT = 32  # letters of a name in a picture or a line
LONGEST = 200  # letters of a name that a message repeats


def printable(text: str, keep: str = "") -> str:
    r"""The text with everything that a terminal would obey escaped: "\x1b[2J" becomes the letters \x1b[2J.

    Escaped are control characters, among them newlines and tabs unless keep names them; what turns the direction of writing
    round, or has no width; line separators; and the bytes of a name that are no UTF-8, as \xff.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter in keep or _harmless(letter) else _escaped(letter) for letter in text)


def short(name: str, most: int = SHORT) -> str:
    """A name as it is shown beside other words: `printable`, its middle left out if it has more than most letters."""
    text = printable(name)
    return text if len(text) <= most else f"{text[: most // 2]}...{text[3 + most // 2 - most :]}"


def one_line(text: object) -> str:
    """The text of an error as one line, as `printable`."""
    return printable(str(text).strip())


def shortened(value: object, most: int = LONGEST) -> str:
    """The value as Python writes it, which escapes what is not printable, at most `most` letters of it."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-(most // 4) :]}"


def shell_word(word: str) -> str:
    """The word as it has to be typed into a POSIX shell, as $'...' if it holds letters that a terminal would obey."""
    if word.isprintable():
        return shlex.quote(word)
    data = word.encode(errors="surrogateescape")
    return "$'" + re.sub(rb"[^ -~]|['\\]", lambda found: b"\\x%02x" % found[0][0], data).decode("ascii") + "'"


def _harmless(letter: str) -> bool:
    return letter.isprintable() or unicodedata.category(letter) == "Zs"  # spaces of any width


def _escaped(letter: str) -> str:
    code = ord(letter)
    if code in SHOWN_AS_BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")
