"""Options of the scripts: numbers that can be, and one line, which names the option, for all that cannot."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from npzf.text import one_line, shortened

WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
NUMBER = re.compile(r"[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][+-]?[0-9]{1,4})?")
PIXELS = 10_000  # the longest side of a picture that is made or asked for
MOST = 1_000_000  # of what is counted: images in a pass, maps, epochs, steps
LARGEST = 1e9  # of numbers that may be as large as one likes


class Paragraphs(argparse.HelpFormatter):
    """Help whose description keeps its paragraphs."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(super(Paragraphs, self)._fill_text(part, width, indent) for part in text.split("\n\n"))


class Options(argparse.ArgumentParser):
    """A parser that says in one line what is wrong with the command line."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._negative_number_matcher = re.compile(r"-(\.?\d|inf|nan)")  # -1e-3, too, is no option

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        for word in sys.argv[1:] if args is None else args:
            name, _, value = word.partition("=")
            if name.startswith("--") and value == "--":  # argparse drops this value, even where there must be one
                self.error(f"{name} is --, expected another value")
        return super().parse_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {one_line(reworded(message))}\n")


def reworded(message: str) -> str:
    """argparse's message in the words of all others: name, what it was, what was expected."""
    if found := re.fullmatch(r"argument (.+?): invalid choice: (.*) \(choose from (.*)\)", message, re.DOTALL):
        return f"{found[1]} is {found[2]}, expected one of {found[3].replace(chr(39), '')}"
    if found := re.fullmatch(r"argument (\S+): (is .*)", message, re.DOTALL):
        return f"{found[1]} {found[2]}"
    return message.removeprefix("argument ")


def whole(least: int, most: int) -> Callable[[str], int]:
    """What a whole number from least to most is read with."""

    def read(text: str) -> int:
        value = int(text) if WHOLE.fullmatch(text) else None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"is {as_given(text)}, expected a whole number from {least} to {most}")
        return value

    return read


def one_of(*values: int) -> Callable[[str], int]:
    """What one of these whole numbers is read with."""

    def read(text: str) -> int:
        if not WHOLE.fullmatch(text) or int(text) not in values:
            raise argparse.ArgumentTypeError(f"is {as_given(text)}, expected one of {', '.join(map(str, values))}")
        return int(text)

    return read


def number(least: float, most: float, *, above: bool = False, below: bool = False, other: str = "") -> Callable[[str], float]:
    """What a finite number from least to most is read with; above, below: without the one, or the other, itself.

    other: what else is expected, as "he, or ".
    """
    first, last = (f"{end:g}".replace("e+0", "e") for end in (least, most))
    start = f"above {first}" if above else f"from {first}"
    end = f"{'and below' if above else 'to below'} {last}" if below else f"{'and at most' if above else 'to'} {last}"

    def read(text: str) -> float:
        value = float(text) + 0.0 if NUMBER.fullmatch(text) else math.nan  # + 0.0: -0 is 0
        low_enough, high_enough = (value < most if below else value <= most), (value > least if above else value >= least)
        if not (low_enough and high_enough):
            raise argparse.ArgumentTypeError(f"is {as_given(text)}, expected {other}a number {start} {end}")
        return value

    return read


def some(text: str) -> str:
    """What the name of a file or folder is read with: it has letters."""
    if not text:
        raise argparse.ArgumentTypeError("is '', expected a name")
    return text


def as_given(text: str) -> str:
    """The word as it was typed, with quotation marks where it would not be seen, or not as one word."""
    return text if re.fullmatch(r"[!-~]{1,60}", text) else shortened(text, 60)
