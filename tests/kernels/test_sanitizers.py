"""The kernels under ThreadSanitizer and under Address- and UndefinedBehaviorSanitizer, each shown to find a planted fault."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cuda_on_cpu.build import missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=str(missing()))

LIBRARIES = {"thread": ["libtsan.so"], "address,undefined": ["libasan.so", "libubsan.so"]}


def run(sanitize, name):
    """The process's result; its sanitizer must be there before anything else is."""
    paths = [library(file) for file in LIBRARIES[sanitize]]
    options = {
        "LD_PRELOAD": " ".join(paths),
        "TSAN_OPTIONS": "exitcode=66 report_signal_unsafe=0",
        "ASAN_OPTIONS": "detect_leaks=0 detect_stack_use_after_return=0",
    }
    command = [sys.executable, str(Path(__file__).with_name("sanitized.py")), sanitize, name]
    if sanitize == "thread" and shutil.which("setarch"):
        command = ["setarch", "-R", *command]  # ThreadSanitizer wants the addresses where they were expected
    return subprocess.run(command, env={**os.environ, **options}, capture_output=True, text=True, timeout=300)


def library(file):
    path = subprocess.run(["g++", f"-print-file-name={file}"], capture_output=True, text=True, check=True).stdout.strip()
    if not os.path.isabs(path):
        pytest.skip(f"{file} is not installed")
    return path


@pytest.mark.parametrize("sanitize", LIBRARIES)
def test_kernels_are_clean(sanitize):
    result = run(sanitize, "all")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ran to the end" in result.stdout


FAULTS = [
    ("thread", "reverse<false>", "data race", "faults.cu"),
    ("thread", "overwritten<false>", "data race", "faults.cu"),
    ("address,undefined", "past_the_end", "AddressSanitizer", "faults.cu"),
    ("address,undefined", "outside_shared", "faults.cu", "out of bounds"),
]


@pytest.mark.parametrize("sanitize, name, what, where", FAULTS, ids=[f"{fault[0]}-{fault[1]}" for fault in FAULTS])
def test_planted_faults_are_found(sanitize, name, what, where):
    result = run(sanitize, name)
    assert result.returncode != 0
    assert what in result.stderr
    assert where in result.stderr


@pytest.mark.parametrize("name", ["reverse<true>", "overwritten<true>"])
def test_the_right_kernels_beside_them_are_clean(name):
    assert run("thread", name).returncode == 0
