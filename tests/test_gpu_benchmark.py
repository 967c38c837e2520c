"""The GPU benchmark's comparisons and table, with the kernels executed on the CPU."""

import time

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is what is compared with: pip install 'npzf[test]'")

import gpu as gpu_benchmark  # noqa: E402

from npzf.ops import CUDA  # noqa: E402

SMALL = {"conv1": (20, 3, 16, 7, 2, 0), "conv2": (11, 12, 20, 5, 2, 0), "conv3": (7, 8, 12, 3, 1, 1)}


def clock(function):
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1e3 + 1e-3


def cases():
    yield from gpu_benchmark.convolutions(2, "cpu", CUDA, SMALL)
    yield from gpu_benchmark.elementwise(2, "cpu", side=12, maps=8)


def test_both_sides_of_every_case_agree(runner):
    names = []
    for case in cases():
        gpu_benchmark.agrees(case, "fp32")
        names.append(case.name)
    assert len(names) == len(set(names)) == 15


def test_a_wrong_result_is_refused_before_it_is_timed(runner):
    case = next(cases())
    ours = case.ours
    case.ours = lambda: ours() * 1.01
    with pytest.raises(ValueError, match="conv1 forward: npzf and PyTorch differ by"):
        gpu_benchmark.agrees(case, "fp32")


def test_the_table(runner):
    rows = {case.name: gpu_benchmark.timed(case, 1, clock) for case in cases()}
    report = {"device": "X", "torch": "2", "cudnn": 9, "batch": 2, "copy GB/s": 100.0, "results": {"fp32": rows}}
    lines = gpu_benchmark.table(report).splitlines()
    assert len({line.count("|") for line in lines[4:]}) == 1
    assert "| fp32 | pool1 unpool |" in "\n".join(lines)
    assert all(np.isfinite(value) for row in rows.values() for value in row.values())
