"""Fixtures of all tests: the backends that every operation runs on, kernels on the CPU, and the number of threads."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from cuda_on_cpu.build import missing
from cuda_on_cpu.device import CpuDevice, CupyDevice
from cuda_on_cpu.module import Options

from npzf.backend import CudaError, Gpu, threads, to_numpy, use_device
from npzf.ops import CPU, CUDA, PLAIN, Ops


@pytest.fixture(scope="session", autouse=True)
def signals_as_in_a_terminal():
    """What the shell ignores, of a job in the background or under nohup, is not ignored here, nor by the tests' own children."""
    for number, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL), ("SIGTERM", signal.SIG_DFL)):
        if hasattr(signal, number):
            signal.signal(getattr(signal, number), handler)


@dataclass(frozen=True)
class Backend:
    """Where an operation runs.

    ops: its face of the operations; array brings NumPy arrays there, numpy brings them back; device: what kernels run on, None
    for NumPy.
    """

    name: str
    ops: Ops
    array: Callable = np.asarray
    numpy: Callable = np.asarray
    device: Any = None

    def run(self, op, *arguments, **options):
        """The operation of this name on this backend, from NumPy arrays to a NumPy array."""
        arguments = (self.array(a) if isinstance(a, np.ndarray) else a for a in arguments)
        return self.numpy(getattr(self.ops, op)(*arguments, **options))


def on_plain():
    """The operations as one reads them."""
    return Backend("plain", PLAIN)


def on_cpu():
    """The operations in blocks and threads."""
    return Backend("cpu", CPU)


def on_kernels():
    """The CUDA kernels, executed on the CPU."""
    if missing():
        pytest.skip(missing())
    device = CupyDevice()
    return Backend("kernels", CUDA, array=device.copy, numpy=to_numpy, device=device)


def on_gpu():
    """The CUDA kernels on a GPU, with CuPy's arrays."""
    try:
        gpu = Gpu()
    except CudaError as error:
        pytest.skip(f"no GPU: {error}")
    return Backend("gpu", CUDA, array=gpu.copy, numpy=to_numpy, device=gpu)


# One function for each backend; where its device or library is missing it calls pytest.skip with the reason.
@pytest.fixture(scope="session", params=[on_plain, on_cpu, on_kernels, on_gpu], ids=lambda make: make.__name__)
def backend(request):
    """The backends, one after the other: one test body serves them all."""
    return request.param()


@pytest.fixture(scope="session", params=[on_kernels, on_gpu], ids=lambda make: make.__name__)
def gpu(request):
    """The backends that kernels run on, for tests in which NumPy is the reference."""
    return request.param()


@pytest.fixture(autouse=True)
def _device_of_the_test(request):
    """A test of a backend computes on that backend's device; for every other test no device has been opened yet."""
    asked = next((name for name in ("backend", "gpu") if name in request.fixturenames), None)
    with use_device(request.getfixturevalue(asked).device if asked else None):
        yield


@pytest.fixture(scope="session")
def cpu_device():
    """One device for all tests of kernels, so that every kernel is loaded once."""
    if missing():
        pytest.skip(missing())
    return CpuDevice()


@pytest.fixture
def runner(cpu_device):
    """Kernels launched in the test run on the CPU, between guard pages."""
    for name, value in vars(Options(guard="end")).items():
        setattr(cpu_device.options, name, value)
    with use_device(cpu_device):
        yield cpu_device


@pytest.fixture
def set_threads():
    """threads.set_threads, undone after the test."""
    before = threads.count()
    yield threads.set_threads
    threads.set_threads(before)


@pytest.fixture
def one_torch_thread():
    """PyTorch's threads would wait for each other longer than they compute on nets of a few units."""
    torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install 'npzf[test]'")

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
