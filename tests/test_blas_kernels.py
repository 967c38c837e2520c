"""The runner of OpenBLAS's kernels: it uses those that it names, says why it leaves some out, and fails if a test fails."""

import subprocess
import sys
from pathlib import Path

import pytest
from blas_kernels import run

PRODUCTS = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from rounding import close_sums

for dtype in ("float32", "float64"):
    for m, n, k in [(1, 1, 300), (1, 5, 300), (5, 1, 300), (7, 9, 300), (60, 80, 90), (3, 2, 1)]:
        for orders in ("CC", "CF", "FC", "FF"):
            draw = np.random.default_rng(k).standard_normal
            a, b = draw((m, k)).astype(dtype, orders[0]), draw((k, n)).astype(dtype, orders[1])
            for one, other in [(a, b), (b.T, a.T), (a, a.T), (a.T, a), (a[0], b), (a, b[:, 0]), (a[0], a[0])]:
                exact, size = (np.einsum("...k,k...->...", f(one), f(other)) if other.ndim == 1 else
                               np.einsum("...k,kj->...j", f(one), f(other)) for f in (np.float64, lambda x: abs(np.float64(x))))
                close_sums(one @ other, exact, one.shape[-1], size)
                assert np.array_equal(one @ other, one @ other)
"""


def test_split_sums_are_sums(tmp_path):
    """For every layout of both factors, matrices and vectors: the right numbers, the same ones each time."""
    environment = run.with_split_sums(tmp_path)
    if isinstance(environment, str):
        pytest.skip(environment)
    subprocess.run([sys.executable, "-c", PRODUCTS, str(Path(__file__).parent)], env=environment, check=True)


def test_kernels_of_another_name_are_left_out_with_the_reason(monkeypatch):
    monkeypatch.setattr(run, "report", lambda environment: ("openblas neoversen1", False))
    assert run.with_kernels("Haswell") == "NumPy's BLAS is openblas neoversen1, expected openblas Haswell"
    monkeypatch.setattr(run, "report", lambda environment: ("openblas Haswell", False))
    assert run.with_kernels("Haswell")["OPENBLAS_CORETYPE"] == "Haswell"


def test_split_sums_without_effect_are_left_out_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "report", lambda environment: ("mkl None", True))
    assert isinstance(run.with_split_sums(tmp_path), str)


def test_the_architecture_is_that_of_the_process_asked(monkeypatch):
    """Nothing that is set outside reaches the runs."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "12345")
    environment = run.with_kernels("Prescott")
    if isinstance(environment, str):
        pytest.skip(environment)
    assert run.report(environment)[0] == "openblas Katmai" and "OPENBLAS_L2_SIZE" not in environment


@pytest.mark.parametrize(("assertion", "status"), [("True", 0), ("False", 1)])
def test_a_test_that_fails_with_any_of_them_fails_the_run(monkeypatch, tmp_path, capfd, assertion, status):
    monkeypatch.setattr(run, "KERNELS", {"Prescott": "Katmai", "Nehalem": "another"})
    monkeypatch.setattr(run, "with_split_sums", lambda folder: "g++ is away")
    if isinstance(reason := run.with_kernels("Prescott"), str):
        pytest.skip(reason)
    test = tmp_path / "test_one.py"
    test.write_text(f"def test_one(): assert {assertion}")
    assert run.main([str(test)]) == status
    lines = capfd.readouterr().out.splitlines()[-3:]
    assert lines[0].startswith(f"Prescott    {'failed' if status else 'passed'} in ")
    assert lines[1:] == [
        "Nehalem     skipped: NumPy's BLAS is openblas Nehalem, expected openblas another",
        "split sums  skipped: g++ is away",
    ]


def test_if_all_are_left_out_the_run_fails(monkeypatch):
    monkeypatch.setattr(run, "with_kernels", lambda name: "no such processor")
    monkeypatch.setattr(run, "with_split_sums", lambda folder: "g++ is away")
    assert run.main(["tests/test_rounding.py"]) == 1


def test_the_kernels_that_pytest_alone_has_are_left_out(monkeypatch, capsys):
    monkeypatch.setattr(run, "with_kernels", lambda name: "no such processor" if name != "Prescott" else {})
    monkeypatch.setattr(run, "with_split_sums", lambda folder: "g++ is away")
    assert run.main(["tests/test_rounding.py"], leave_out="openblas Katmai") == 1
    assert "Prescott    skipped: this processor's own" in capsys.readouterr().out.splitlines()
