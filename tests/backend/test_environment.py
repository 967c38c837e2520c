"""The line that a run begins with: the processor, its threads, and the library and kernel that multiply matrices."""

import platform

import pytest

from npzf import backend
from npzf.backend import environment, threads


def test_of_the_cpu(set_threads):
    set_threads(3)
    line = backend.describe()
    assert line.startswith(f"device: CPU ({platform.machine()}), 3 threads, NumPy ")
    assert "\n" not in line
    for library in threads.blas_libraries():
        assert f"{library['internal_api']} {library['version']}" in line


@pytest.mark.parametrize(
    "libraries, expected",
    [
        (
            [{"internal_api": "openblas", "version": "0.3.31", "architecture": "Haswell"}],
            "with openblas 0.3.31 (Haswell kernels)",
        ),
        ([{"internal_api": "mkl", "version": "2024.1"}], "with mkl 2024.1"),
        ([], "with no BLAS"),
    ],
)
def test_of_the_library(monkeypatch, libraries, expected):
    monkeypatch.setattr(threads, "blas_libraries", lambda: libraries)
    assert backend.describe().endswith(expected)


def test_of_the_gpu(monkeypatch):
    monkeypatch.setattr(environment, "versions", lambda: "NVIDIA H200, driver 580")
    assert backend.describe("cuda") == "device: NVIDIA H200, driver 580"
