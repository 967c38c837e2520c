"""Batches on their way to the GPU, with a stand-in for CuPy that notes the order in which things are asked for."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from npzf.backend import prefetch_to_device
from npzf.backend.prefetch import SLOTS, double_buffered


class Noted:
    """A CuPy whose copies happen only when their stream is waited for: a forgotten wait shows as old numbers."""

    def __init__(self):
        self.late, self.buffers = [], 0
        noted = self

        class Device(np.ndarray):
            def set(self, array, stream):
                noted.late.append((self, array))

        class Event:
            def record(self, stream):
                self.copies = list(noted.late) if stream == "copying" else []

            def synchronize(self):
                pass

        class Stream:
            def __init__(self, non_blocking):
                assert non_blocking

            def wait_event(self, event):
                pass

            def __eq__(self, other):
                return other == "copying"

        class Computing:
            def wait_event(self, event):
                for there, array in event.copies:
                    there[...] = array
                    noted.late = [pair for pair in noted.late if pair[0] is not there]

        def empty(size, dtype):
            noted.buffers += 1
            return np.full(size, np.nan, dtype).view(Device)

        self.empty = empty
        self.cuda = SimpleNamespace(Stream=Stream, Event=Event, get_current_stream=Computing)


@pytest.fixture
def cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupyx", SimpleNamespace(empty_pinned=lambda size, dtype: np.empty(size, dtype)))
    return Noted()


def batches(sizes):
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(n, 3, 2, 1)).astype("f"), np.arange(n), "rest") for n in sizes]


@pytest.mark.parametrize("sizes", [[], [4], [4, 4], [4, 4, 4, 4, 2], [2, 5, 3]])
def test_every_batch_arrives_in_order_when_it_is_used(cupy, sizes):
    sent = batches(sizes)
    found = [(np.array(x), labels, rest) for x, labels, rest in double_buffered(cupy, sent)]
    assert len(found) == len(sent)
    for (x, labels, rest), (y, expected, _) in zip(found, sent, strict=True):
        np.testing.assert_array_equal(x, y)
        assert labels is expected and rest == "rest"


def test_two_buffers_serve_any_number_of_batches(cupy):
    for _ in double_buffered(cupy, batches([4] * 9)):
        pass
    assert cupy.buffers == SLOTS


def test_the_next_batch_is_sent_before_this_one_is_used(cupy):
    taken = []

    def source():
        for batch in batches([2] * 4):
            taken.append(len(taken))
            yield batch

    counts = [len(taken) for _ in double_buffered(cupy, source())]
    assert counts == [2, 3, 4, 4]


def test_on_the_cpu_batches_stay_as_they_are():
    sent = batches([3, 2])
    assert prefetch_to_device(sent, "cpu") is sent


def test_on_a_device_the_first_array_is_copied_there(runner):
    sent = batches([3, 2])
    for (x, labels, rest), (y, expected, _) in zip(prefetch_to_device(sent, "cuda"), sent, strict=True):
        np.testing.assert_array_equal(x, y)
        assert not np.shares_memory(x, y)
        assert labels is expected and rest == "rest"
