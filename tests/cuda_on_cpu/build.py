"""Compiles a kernel file with g++ to a shared object, kept in a cache under the hash of everything that goes into it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

SHIM = Path(__file__).parent / "shim"
CACHE = Path(os.environ.get("CUDA_ON_CPU_CACHE") or Path(tempfile.gettempdir()) / f"cuda-on-cpu-{os.getuid()}")
FUSED = ["-march=x86-64-v3"] if os.uname().machine == "x86_64" else []  # a * b + c in one rounding, as on a GPU
FLAGS = ["-std=c++17", *FUSED, "-fPIC", "-g1", "-fvisibility=hidden"]
KERNEL_FLAGS = ["-fno-gnu-unique", "-fno-strict-aliasing", "-fno-threadsafe-statics", "-Wno-unknown-pragmas", "-Wno-attributes"]
# extern __shared__ T name[]; becomes a pointer to the launch's dynamic shared memory, on the same line.
_DYNAMIC = re.compile(r"extern\s+__shared__\s+(?:__align__\s*\(\s*\d+\s*\)\s*)?([\w:\s]+?)\s*(\w+)\s*\[\s*\]\s*;")


class BuildError(RuntimeError):
    """What g++ said."""


def missing() -> str | None:
    """Why kernels cannot be compiled here, or None if they can."""
    absent = [tool for tool in ("g++", "nm") if shutil.which(tool) is None]
    return f"{' and '.join(absent)} not installed: the CUDA kernels cannot be run on the CPU" if absent else None


def build(source: str, specializations: Sequence[str], sanitize: str | None = None) -> Path:
    """The shared object of a kernel file's pasted text, with these template specializations in its table."""
    table = ",\n".join(f'  cpu::Entry<(&{specialization})>::entry("{specialization}")' for specialization in specializations)
    text = (
        '#include "cuda_cpu.h"\n'
        + _DYNAMIC.sub(r"\1* \2 = static_cast<\1*>(cpu::dynamic_shared());", source)
        + f'#line 1 "table"\nextern const cpu::KernelEntry cpu_kernels[] = {{\n{table}\n}};\n'
        + f"extern const int cpu_kernel_count = {len(specializations)};\n"
    )
    optimise = ["-O1", f"-fsanitize={sanitize}", "-fno-sanitize-recover=undefined"] if sanitize else ["-O2"]
    return _cached("kernels.so", text, [*FLAGS, *KERNEL_FLAGS, *optimise, "-shared"], [str(_runtime(sanitize))])


def _runtime(sanitize: str | None) -> Path:
    """The runtime's object; it is not instrumented, but knows about the sanitizer."""
    flags = {None: [], "thread": ["-DCPU_SANITIZER", "-DCPU_THREAD_SANITIZER"]}.get(sanitize, ["-DCPU_SANITIZER"])
    return _cached("runtime.o", (SHIM / "runtime.cpp").read_text(), [*FLAGS, "-O2", *flags, "-c"], [])


def _cached(name: str, text: str, flags: list[str], objects: list[str]) -> Path:
    shim = b"".join(path.read_bytes() for path in sorted(SHIM.iterdir()))
    key = hashlib.sha256(repr((text, flags, objects)).encode() + shim).hexdigest()[:24]
    made = CACHE / f"{key}-{name}"
    if not made.exists():
        CACHE.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            (Path(folder) / "source.cpp").write_text(text)
            command = ["g++", *flags, f"-I{SHIM}", "-o", f"{folder}/made", f"{folder}/source.cpp", *objects]
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode:
                raise BuildError(result.stderr)
            os.replace(f"{folder}/made", made)  # at once, whoever else is building it
    return made


def shared_variables(path: Path) -> list[tuple[int, int]]:
    """(offset from cpu_count, bytes) of the static variables inside functions: the kernels' shared memory."""
    listing = subprocess.run(["nm", "-S", "--defined-only", str(path)], capture_output=True, text=True, check=True).stdout
    symbols = [line.split() for line in listing.splitlines()]
    base = next(int(symbol[0], 16) for symbol in symbols if symbol[-1] == "cpu_count")
    return [
        (int(symbol[0], 16) - base, int(symbol[1], 16))
        for symbol in symbols
        if len(symbol) == 4 and symbol[2] in "bBuV" and symbol[3].startswith("_ZZ") and "_ZZN3cpu" not in symbol[3]
    ]
