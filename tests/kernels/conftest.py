"""Kernels run on the CPU, in the machine that tests/cuda_on_cpu makes; `twins` is importable."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cuda_on_cpu.build import missing


@pytest.fixture(scope="session")
def cpu_machine():
    """One machine for all tests, so that every kernel is loaded once."""
    if missing():
        pytest.skip(missing())
    from cuda_on_cpu.machine import Cpu

    return Cpu()


@pytest.fixture
def machine(cpu_machine):
    """Kernels launched in the test run on the CPU, between guard pages."""
    from cuda_on_cpu.module import Options

    from npzf import cuda

    for name, value in vars(Options(guard="end")).items():
        setattr(cpu_machine.options, name, value)
    with cuda.on(cpu_machine):
        yield cpu_machine


@pytest.fixture
def random():
    return np.random.default_rng(7)
