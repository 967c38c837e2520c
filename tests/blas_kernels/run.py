"""Runs tests whose numbers come from matrix products with each of the kernels that OpenBLAS has for x86 processors.

OpenBLAS picks its kernels by the processor, and each adds up in another order. So that no test holds on one processor by luck:

    python tests/blas_kernels/run.py [what pytest is to run]

Without arguments these are the tests that depend on it, and the processor's own kernels are left out: pytest alone has them. The
last run is not one of OpenBLAS's kernels: split_sums.cpp adds up in another order for every shape, on any processor.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KERNELS = {  # OPENBLAS_CORETYPE -> architecture, the name that threadpoolctl reports
    "SkylakeX": "SkylakeX",  # AVX-512
    "Haswell": "Haswell",  # AVX2; what AMD's Zen gets as well
    "Sandybridge": "Sandybridge",  # AVX
    "Nehalem": "Nehalem",  # SSE4
    "Prescott": "Katmai",  # SSE3, the oldest there is; OpenBLAS reports the name of an even older one
}
TESTS = [  # what multiplies matrices and then compares numbers
    *("tests/ops", "tests/layers", "tests/studies", "tests/sweep", "tests/training"),
    *("tests/test_network.py", "tests/test_tape.py", "tests/test_regions.py", "tests/test_deconvnet.py", "tests/test_predict.py"),
    *("tests/test_freezing.py", "tests/test_losses.py", "tests/test_whole_nets.py", "tests/test_checks_can_fail.py"),
]
LEFT_OUT = [  # of these, what does not multiply on the CPU by BLAS, and what takes long and adds nothing
    "on_kernels",
    "on_gpu",
    "(regions and zfnet and plain)",
    "(whole_nets and (float32 or projections or zfnet or krizhevsky))",
]
REPORT = """
import numpy, threadpoolctl
a = numpy.random.default_rng(0).standard_normal((100, 400))
blas = [library for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
print(*{f"{library['internal_api']} {library.get('architecture')}" for library in blas} or ["no BLAS"], sep=", ")
print((a @ a[:64].T)[:7].tobytes() == (a[:7] @ a[:64].T).tobytes())
"""


def report(environment: dict[str, str]) -> tuple[str, bool]:
    """(what threadpoolctl calls NumPy's BLAS, whether a product of few rows has the bits that they have among more)."""
    command = [sys.executable, "-c", REPORT]
    name, same = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.splitlines()
    return name, same == "True"


def with_kernels(name: str) -> dict[str, str] | str:
    """The environment in which OpenBLAS uses the kernels of this name, or why it cannot be had here."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    environment["OPENBLAS_CORETYPE"] = name
    reported, _ = report(environment)
    expected = f"openblas {KERNELS[name]}"
    return environment if reported == expected else f"NumPy's BLAS is {reported}, expected {expected}"


def with_split_sums(folder: Path) -> dict[str, str] | str:
    """The environment in which split_sums.cpp, compiled into the folder, stands before OpenBLAS; or why it cannot be had."""
    if not sys.platform.startswith("linux") or not shutil.which("g++"):
        return "split_sums.cpp needs Linux and g++"
    library = folder / "split_sums.so"
    source = Path(__file__).with_name("split_sums.cpp")
    subprocess.run(["g++", "-std=c++17", "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    environment["LD_PRELOAD"] = str(library)
    name, same = report(environment)
    return environment if not same else f"split_sums.cpp has no effect: NumPy's BLAS is {name}, expected that of NumPy's wheels"


def main(arguments: list[str], leave_out: str | None = None) -> int:
    """Exit status: 0 if every run passed, 1 if one failed or none could be made. leave_out: a name that report gives."""
    results: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in [*KERNELS, "split sums"]:
            environment = with_split_sums(Path(folder)) if name == "split sums" else with_kernels(name)
            if leave_out == f"openblas {KERNELS.get(name)}":
                results[name] = "skipped: this processor's own"
            elif isinstance(environment, str):
                results[name] = f"skipped: {environment}"
            else:
                print(f"+ {name}: pytest {' '.join(arguments)}", flush=True)
                begin = time.monotonic()
                command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
                status = subprocess.run(command, cwd=ROOT, env=environment).returncode
                results[name] = f"{'failed' if status else 'passed'} in {time.monotonic() - begin:.0f} s"
    for name, result in results.items():
        print(f"{name:12}{result}")
    passed = [result.startswith("passed") for result in results.values() if not result.startswith("skipped")]
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(main(sys.argv[1:]))
    sys.exit(main([*TESTS, "-k", f"not ({' or '.join(LEFT_OUT)})"], leave_out=report(dict(os.environ))[0]))
