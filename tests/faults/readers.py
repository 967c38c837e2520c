"""Readers that do what none may, which the trials have to notice; no part of the paper."""

from __future__ import annotations

import ctypes
import time

import numpy as np
from faults.kinds import outcome


def eats() -> dict[str, str]:
    return outcome(lambda: np.ones(300 * 2**20, np.float32).sum())


def waits() -> None:
    time.sleep(1000)


def computes() -> None:
    while True:
        pass


def crashes() -> None:
    ctypes.string_at(0)


def raises() -> dict[str, str]:
    return outcome(lambda: {}["a"])
