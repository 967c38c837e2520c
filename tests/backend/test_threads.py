"""How a batch is divided among CPU threads: order, repeatable chunks, exceptions, and BLAS threads put back."""

import threading
import time
from itertools import chain

import numpy as np
import pytest

from npzf.backend import threads


def blas_threads():
    """Of the BLAS that NumPy multiplies with; another package's, loaded later, is none of our business."""
    return [library["num_threads"] for library in threads.blas_libraries()]


@pytest.mark.parametrize("number", [1, 2, 3, 7])
@pytest.mark.parametrize("items", [0, 1, 2, 3, 8, 20])
def test_parts_cover_the_items_in_order(set_threads, number, items):
    set_threads(number)
    chunks = threads.parallel_for(lambda chunk: list(range(items))[chunk], items)
    assert list(chain(*chunks)) == list(range(items))
    assert len(chunks) == max(1, min(number, items))
    assert max(map(len, chunks)) - min(map(len, chunks)) <= 1


def test_every_part_has_its_own_thread(set_threads):
    """All chunks wait for each other: this ends only if they run at the same time."""
    set_threads(3)
    together = threading.Barrier(3, timeout=20)
    assert sorted(threads.parallel_for(lambda chunk: together.wait(), 3)) == [0, 1, 2]


def test_the_same_number_of_threads_gives_the_same_bits(set_threads):
    set_threads(3)
    a = np.random.default_rng(0).standard_normal((50, 90, 70)).astype("float32")

    def total():
        return sum(threads.parallel_for(lambda chunk: np.einsum("nij,nkj->ik", a[chunk], a[chunk]), len(a))).tobytes()

    assert len({total() for _ in range(5)}) == 1


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("items", [0, 1, 2, 7])
def test_each_calls_every_number_once(set_threads, number, items):
    set_threads(number)
    called = []
    assert threads.each(called.append, items) is None
    assert sorted(called) == list(range(items))


def test_each_divides_contiguously_among_the_threads(set_threads):
    set_threads(2)
    names, together = {}, threading.Barrier(2, timeout=20)

    def work(i):
        if i in (0, 3):  # the first of either chunk: both threads are at work
            together.wait()
        names.setdefault(threading.current_thread().name, []).append(i)

    threads.each(work, 6)
    assert sorted(names.values()) == [[0, 1, 2], [3, 4, 5]]


def test_nested_calls_run_serially(set_threads):
    set_threads(3)
    inside = threads.parallel_for(lambda chunk: threads.parallel_for(lambda own: (own.start, own.stop), 7), 3)
    assert inside == [[(0, 7)]] * 3


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_exception_arrives_after_all_parts_ended(set_threads, failing):
    set_threads(3)
    ended = []

    def work(chunk):
        if chunk.start == failing:
            raise KeyError(failing)
        time.sleep(0.05)
        ended.append(chunk.start)

    with pytest.raises(KeyError, match=str(failing)):
        threads.parallel_for(work, 3)
    assert sorted(ended) == [i for i in range(3) if i != failing]


def test_of_several_exceptions_one_arrives_and_the_threads_go_on_working(set_threads):
    set_threads(3)
    with pytest.raises(ZeroDivisionError):
        threads.parallel_for(lambda chunk: 1 / 0, 3)
    assert threads.parallel_for(lambda chunk: chunk.start, 3) == [0, 1, 2]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_remaining_threads_go_to_blas(set_threads, number):
    """Two chunks on four threads: two BLAS threads in each."""
    set_threads(4)
    inside = threads.parallel_for(lambda chunk: blas_threads(), number)
    assert all(count == 4 // number for chunk in inside for count in chunk)


def test_blas_threads_are_put_back(set_threads):
    before = blas_threads()
    set_threads(len(before) + 2)
    threads.parallel_for(lambda chunk: None, 8)
    with pytest.raises(KeyError):
        threads.parallel_for(lambda chunk: {}[0], 8)
    assert blas_threads() == before


def test_set_threads_counts(set_threads):
    set_threads(5)
    assert threads.count() == 5


@pytest.mark.parametrize("number", [0, -3])
def test_set_threads_below_1_is_refused(number):
    before = threads.count()
    with pytest.raises(ValueError, match=f"number of threads is {number}"):
        threads.set_threads(number)
    assert threads.count() == before
