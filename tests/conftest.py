"""Fixtures of all tests: the backends that every operation runs on, and the number of threads."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from npzf import threads


@dataclass(frozen=True)
class Backend:
    """Where an operation runs: array brings NumPy arrays there, numpy brings them back."""

    name: str
    array: Callable
    numpy: Callable

    def run(self, op, *arguments, **options):
        """op on this backend, from NumPy arrays to a NumPy array."""
        there = (self.array(a) if isinstance(a, np.ndarray) else a for a in arguments)
        return self.numpy(op(*there, **options))


def on_numpy():
    return Backend("numpy", np.asarray, np.asarray)


# One function for each backend; where its machine or library is missing it calls pytest.skip with the reason.
@pytest.fixture(scope="session", params=[on_numpy], ids=lambda make: make.__name__)
def backend(request):
    """The backends, one after the other: one test body serves them all."""
    return request.param()


@pytest.fixture
def set_threads():
    """threads.set_threads, undone after the test."""
    before = threads.count()
    yield threads.set_threads
    threads.set_threads(before)
