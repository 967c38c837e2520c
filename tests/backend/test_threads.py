"""How a batch is split over CPU threads: order, repeatable parts, exceptions, and BLAS threads put back."""

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
    parts = threads.parallel_for(lambda part: list(range(items))[part], items)
    assert list(chain(*parts)) == list(range(items))
    assert len(parts) == max(1, min(number, items))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_every_part_has_its_own_thread(set_threads):
    """All parts wait for each other: this ends only if they run at the same time."""
    set_threads(3)
    together = threading.Barrier(3, timeout=20)
    assert sorted(threads.parallel_for(lambda part: together.wait(), 3)) == [0, 1, 2]


def test_the_same_number_of_threads_gives_the_same_bits(set_threads):
    set_threads(3)
    a = np.random.default_rng(0).standard_normal((50, 90, 70)).astype("float32")

    def total():
        return sum(threads.parallel_for(lambda part: np.einsum("nij,nkj->ik", a[part], a[part]), len(a))).tobytes()

    assert len({total() for _ in range(5)}) == 1


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_exception_arrives_after_all_parts_ended(set_threads, failing):
    set_threads(3)
    ended = []

    def work(part):
        if part.start == failing:
            raise KeyError(failing)
        time.sleep(0.05)
        ended.append(part.start)

    with pytest.raises(KeyError, match=str(failing)):
        threads.parallel_for(work, 3)
    assert sorted(ended) == [i for i in range(3) if i != failing]


def test_of_several_exceptions_one_arrives_and_the_threads_go_on_working(set_threads):
    set_threads(3)
    with pytest.raises(ZeroDivisionError):
        threads.parallel_for(lambda part: 1 / 0, 3)
    assert threads.parallel_for(lambda part: part.start, 3) == [0, 1, 2]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_blas_gets_the_threads_that_are_left_over(set_threads, number):
    """Two parts on four threads: two BLAS threads in each."""
    set_threads(4)
    inside = threads.parallel_for(lambda part: blas_threads(), number)
    assert all(count == 4 // number for part in inside for count in part)


def test_blas_threads_are_put_back(set_threads):
    before = blas_threads()
    set_threads(len(before) + 2)
    threads.parallel_for(lambda part: None, 8)
    with pytest.raises(KeyError):
        threads.parallel_for(lambda part: {}[0], 8)
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
