"""The kernels on a GPU under NVIDIA's compute-sanitizer: no bad address, no race in shared memory."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from npzf import backend
from npzf.backend import CudaError

ROOT = Path(__file__).parents[1]
RUNS = "on_gpu and float32 and not whole"  # one type is enough: the types share their source


@pytest.mark.parametrize("tool", ["memcheck", "racecheck"])
def test_clean(tool):
    try:
        backend.require()
    except CudaError as error:
        pytest.skip(f"no GPU: {error}")
    sanitizer = shutil.which("compute-sanitizer")
    if sanitizer is None:
        pytest.skip("compute-sanitizer is not installed: it comes with the CUDA toolkit")
    tests = [sys.executable, "-m", "pytest", "-q", "-x", "tests/ops", "-k", RUNS]
    command = [sanitizer, "--tool", tool, "--error-exitcode", "9", *tests]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-3000:]
