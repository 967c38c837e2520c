"""The CPU runner finds what it is there to find."""

from pathlib import Path

import numpy as np
import pytest
from cuda_on_cpu.build import SHIM, BuildError, missing
from cuda_on_cpu.module import CpuModule, KernelError, Options, Order

from npzf import backend

pytestmark = pytest.mark.skipif(bool(missing()), reason=str(missing()))

PLAIN = [
    *("never_waits", "past_the_end", "before_the_start", "writes_const", "unaligned", "divides", "outside_shared"),
    *("past_dynamic", "unwritten", "divergent", "half_a_warp", "outside_mask", "deadlock"),
]
CHOICES = [f"{name}<{flag}>" for name in ("reverse", "copied", "overwritten") for flag in ("true", "false")]


@pytest.fixture(scope="module")
def faults():
    source = backend.pasted("faults.cu", [Path(__file__).parent, SHIM])
    return CpuModule(source, [*PLAIN, *CHOICES], Options())


@pytest.fixture
def run(faults):
    """run(name, threads, *arguments, **options)"""

    def call(name, threads, *arguments, shared=0, **options):
        for option, value in {**vars(Options()), **options}.items():
            setattr(faults.get_function(name).options, option, value)
        faults.get_function(name)((1,), (threads,), arguments, shared_mem=shared)

    return call


def message(run, *arguments, **options):
    with pytest.raises(KernelError) as error:
        run(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("order", Order)
def test_missing_barrier(run, order):
    x, right, wrong = np.arange(64, dtype="f"), np.zeros(64, "f"), np.zeros(64, "f")
    run("reverse<true>", 64, x, right, order=order, seed=1)
    run("reverse<false>", 64, x, wrong, order=order, seed=1)
    assert np.array_equal(right, x[::-1])
    assert not np.array_equal(wrong, right, equal_nan=True)


def test_forgotten_wait(run):
    x, y = np.arange(32, dtype="f"), np.zeros(32, "f")
    run("copied<true>", 32, x, y)
    assert np.array_equal(y, x)
    run("copied<false>", 32, x, y)
    assert not np.array_equal(y, x)


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("eager", [False, True])
def test_buffer_overwritten_too_early(run, order, eager):
    x, right, wrong = np.arange(64, dtype="f"), np.zeros(32, "f"), np.zeros(32, "f")
    run("overwritten<true>", 32, x, right, order=order, eager=eager)
    run("overwritten<false>", 32, x, wrong, order=order, eager=eager)
    assert np.array_equal(right, x[31::-1] + x[:31:-1])
    assert not np.array_equal(wrong, right)


def test_copies_nobody_waited_for(run):
    assert "without waiting" in message(run, "never_waits", 1, np.zeros(1, "f"))


def test_bad_addresses(run):
    x, y = np.zeros(1024, "f"), np.zeros(8, "f")
    assert "thread (0, 0, 0): address out of bounds" in message(run, "past_the_end", 8, x, np.int32(1024), guard="end")
    assert "address out of bounds" in message(run, "before_the_start", 8, x, y, guard="front")
    assert "address out of bounds" in message(run, "writes_const", 8, x, guard="end")
    assert "misaligned" in message(run, "unaligned", 8, x, y)
    assert "division by zero" in message(run, "divides", 8, np.zeros(8, np.int32), np.int32(0))


def test_beyond_dynamic_shared_memory(run):
    x = np.zeros(32, "f")
    run("past_dynamic", 32, x, np.int32(8), shared=40 * 4)
    assert "address out of bounds" in message(run, "past_dynamic", 32, x, np.int32(9), shared=40 * 4)


def test_unwritten_shared_memory(run):
    x = np.zeros(32, "f")
    run("unwritten", 32, x)
    assert np.isnan(x).nonzero()[0].tolist() == [7]


def test_divergence_and_deadlock(run):
    x = np.zeros(64, "f")
    assert "divergent __syncthreads: thread 0 at faults.cu:" in message(run, "divergent", 32, x)
    assert "waits at faults.cu" in message(run, "half_a_warp", 32, x) or "exited" in message(run, "half_a_warp", 32, x)
    assert "not in mask" in message(run, "outside_mask", 32, x)
    assert "deadlock: thread" in message(run, "deadlock", 64, x)


def test_arguments(run):
    x = np.zeros(8, "f")
    assert "takes 2 arguments, got 1" in message(run, "past_the_end", 8, x)
    assert "float64" in message(run, "past_the_end", 8, x.astype(float), np.int32(8))
    assert "expected" in message(run, "past_the_end", 8, x, 8.0)
    assert "strides" in message(run, "past_the_end", 8, np.zeros(16, "f")[::2], np.int32(8))


def test_configuration(run):
    assert "invalid configuration" in message(run, "unwritten", 1025, np.zeros(1, "f"))


def test_what_the_compiler_says():
    with pytest.raises(BuildError, match=r"faults\.cu:2"):
        CpuModule('#line 1 "faults.cu"\n\n__global__ void f() { nothing(); }\n', ["f"])
