"""Signals end work between two steps, whatever the work does then; none is lost, and a second one ends it at once."""

import os
import signal

import pytest

from npzf.sweep import Signals, Stopped, stopping

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers_are_given_back():
    before = [signal.getsignal(number) for number in NUMBERS]
    yield
    found = [signal.getsignal(number) for number in NUMBERS]
    for number, handler in zip(NUMBERS, before, strict=True):
        signal.signal(number, handler)
    assert found == before


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_only_says_which_it_was(number):
    with pytest.raises(Stopped, match="here") as caught, Signals() as signals:
        assert not signals.received
        os.kill(os.getpid(), number)
        assert signals.received == number
        raise Stopped("here", signals.received)
    assert caught.value.number == number and isinstance(caught.value, KeyboardInterrupt)


@pytest.mark.parametrize("number", NUMBERS)
def test_one_that_the_work_did_not_look_for_is_not_lost(number):
    with pytest.raises(Stopped) as caught, Signals():
        os.kill(os.getpid(), number)
    assert caught.value.number == number


def test_an_error_is_not_hidden_by_a_signal():
    with pytest.raises(ZeroDivisionError), Signals():
        os.kill(os.getpid(), signal.SIGINT)
        _ = 1 / 0


@pytest.mark.parametrize("second", NUMBERS)
def test_a_second_one_acts_as_before(second):
    with pytest.raises(KeyboardInterrupt, match=r"^(interrupted)?$"), stopping(), Signals():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), second)
        pytest.fail("not reached")


def test_what_begins_inside_knows_of_one_that_came_before():
    with pytest.raises(Stopped), Signals() as outer:
        os.kill(os.getpid(), signal.SIGTERM)
        with Signals() as inner:
            assert inner.received == signal.SIGTERM
        assert outer.received == signal.SIGTERM


def test_one_that_comes_inside_is_known_outside_and_the_next_acts():
    with pytest.raises(Stopped, match="interrupted"), stopping(), Signals() as outer:
        with Signals() as inner:
            os.kill(os.getpid(), signal.SIGHUP)
        assert inner.received == outer.received == signal.SIGHUP
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("not reached")


def test_a_hangup_that_is_ignored_stays_so():
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping(), Signals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
        assert not signals.received
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_where_nothing_defers_it_ends_the_program_as_an_interrupt_does(number):
    with pytest.raises(Stopped, match="interrupted") as caught, stopping():
        os.kill(os.getpid(), number)
    assert caught.value.number == number
