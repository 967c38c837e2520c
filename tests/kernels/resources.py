"""What the compiled kernels take: `python tests/kernels/resources.py` writes the table of kernels/README.md."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (1, 2)]  # also where this file is run by itself

from cuda_on_cpu.build import CACHE  # noqa: E402

from npzf import backend  # noqa: E402
from npzf.ops.cuda.tiles import Tile, convolution_tile, filter_gradient_tile  # noqa: E402


@dataclass(frozen=True)
class Use:
    """A kernel's specialization: threads and dynamic shared bytes of a block, blocks wanted at once on a multiprocessor."""

    file: str
    specialization: str
    threads: int
    blocks: int
    dynamic: int = 0

    @property
    def registers(self) -> int:
        """The most registers that let these blocks onto one multiprocessor (65536 registers, handed out in eights)."""
        return min(255, 65536 // (self.threads * self.blocks) // 8 * 8)

    @property
    def shared(self) -> int:
        """The most shared memory of a block, of 227 KB and 1 KB each that CUDA takes for itself."""
        return min((228 * 1024) // self.blocks - 1024, 227 * 1024)


def _tiles() -> Iterator[Use]:
    """Every tile of the convolutions, with the widest loads and with those of single numbers."""
    for vec in (4, 1):
        for bn in (128, 96, 64):
            yield _use(convolution_tile("float32", bn, vec, "fp32"), 2)
        for bn in (128, 96, 64) if vec == 4 else (96, 64):
            yield _use(convolution_tile("float32", bn, vec, "tf32"), 2)
    for bm, blocks, single in ((128, 2, 2), (96, 2, 3), (64, 3, 4)):
        for vecs in ((4, 4), (4, 1), (1, 1)):
            yield _use(filter_gradient_tile("float32", bm, *vecs, "fp32"), blocks if vecs == (4, 4) else single)
            yield _use(filter_gradient_tile("float32", bm, *vecs, "tf32"), 2)
    for vec in (2, 1):
        yield _use(convolution_tile("float64", 64, vec, "fp32"), 1)
        yield _use(filter_gradient_tile("float64", 64, vec, vec, "fp32"), 1)


def _use(tile: Tile, blocks: int) -> Use:
    return Use(tile.file, tile.specialization, tile.threads, blocks, tile.shared)


USES = [
    Use("convolve_naive.cu", "convolve_naive<float>", 256, 6),
    *sorted(_tiles(), key=lambda use: use.file),
    Use("convolve_narrow.cu", "convolve_narrow<float, 3, 4>", 128, 8, 96 * 16 * 3 * 4),  # conv1's, down to the pixels
    Use("flip_filters.cu", "flip_filters<float>", 256, 6),
    Use("pooling.cu", "max_pool<float, 4>", 256, 4),
    Use("pooling.cu", "unpool<float, 4, false>", 256, 4),
    Use("pooling.cu", "unpool<float, 4, true>", 256, 4),
    Use("pooling.cu", "unpool_region<float, 4>", 256, 3),
    Use("average_pool.cu", "average_pool<float, 4>", 256, 4),
    Use("average_pool.cu", "average_pool_transpose<float, 4>", 256, 4),
    Use("local_response_norm.cu", "local_response_norm<float, 4>", 256, 6, 1024 * 4),
    Use("local_response_norm.cu", "local_response_norm_gradient<float, 4>", 256, 6, 3 * 1024 * 4),
    Use("local_contrast_norm.cu", "map_mean<float>", 256, 8),
    Use("local_contrast_norm.cu", "blur<float, false, true>", 256, 4),
    Use("local_contrast_norm.cu", "blur<float, true, false>", 256, 4),
    Use("local_contrast_norm.cu", "variance_gradient<float>", 256, 4),
    Use("local_contrast_norm.cu", "image_mean<float>", 256, 8),
    Use("local_contrast_norm.cu", "subtract_plane<float>", 256, 8),
    Use("local_contrast_norm.cu", "divide<float>", 256, 6),
    Use("local_contrast_norm.cu", "center_gradient<float>", 256, 6),
    Use("elementwise.cu", "rectify<float>", 256, 8),
    Use("elementwise.cu", "rectify_gradient<float>", 256, 8),
    Use("dropout.cu", "dropout_mask<float>", 256, 8),
    Use("softmax.cu", "softmax<float>", 128, 8),
    Use("softmax.cu", "softmax_gradient<float>", 128, 8),
    Use("softmax.cu", "cross_entropy<float>", 128, 8),
    Use("sgd.cu", "sgd_step<float>", 256, 8),
    Use("sgd.cu", "clip_filters<float>", 256, 8),
    Use("sums.cu", "sum_rows<float>", 256, 8),
    Use("sums.cu", "reduce_splits<float>", 256, 8),
]


@dataclass(frozen=True)
class Taken:
    """What ptxas reports for one kernel: registers of a thread, bytes of stack, of spills, of static shared memory."""

    registers: int
    stack: int
    spilled: int
    shared: int


def missing() -> str | None:
    """Why nothing can be compiled here, or None."""
    absent = [tool for tool in ("nvcc", "c++filt") if shutil.which(tool) is None]
    return f"{' and '.join(absent)} not installed: registers and shared memory are not checked" if absent else None


def compiled(file: str, architecture: str) -> tuple[dict[str, Taken], Path]:
    """Compiles a file with all its USES for sm_80 or sm_90: {specialization: Taken}, and where the machine code (a cubin) is."""
    cubin, report = _compile(file, architecture)
    found = {}
    for block in report.split("Compiling entry function")[1:]:
        name = re.search(r"'(?:void )?(\w+(?:<.*?>)?)\(", block)[1]
        stack, *spills = map(int, re.search(r"(\d+) bytes stack frame, (\d+) .*? stores, (\d+)", block).groups())
        shared = re.search(r"(\d+) bytes smem", block)
        registers = int(re.search(r"Used (\d+) registers", block)[1])
        found[name] = Taken(registers, stack, sum(spills), int(shared[1]) if shared else 0)
    return found, cubin


def _compile(file: str, architecture: str) -> tuple[Path, str]:
    """The cubin and what ptxas says, kept under a hash of the source."""
    names = [use.specialization for use in USES if use.file == file]
    uses = "".join(f"__device__ void* use{i}() {{ return (void*)&{name}; }}\n" for i, name in enumerate(names))
    source = backend.pasted(file, [backend.kernel_folder()]) + uses
    version = subprocess.run(["nvcc", "--version"], capture_output=True, text=True, check=True).stdout
    key = hashlib.sha256(repr((source, architecture, version)).encode()).hexdigest()[:24]
    made, report = CACHE / f"{key}.cubin", CACHE / f"{key}.txt"
    if not (made.exists() and report.exists()):
        CACHE.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            (Path(folder) / "source.cu").write_text(source)
            flags = ["-std=c++17", f"-arch={architecture}", "-cubin", "-ftz=true", "-Xptxas", "-v", "-o", f"{folder}/made"]
            result = subprocess.run(["nvcc", *flags, f"{folder}/source.cu"], capture_output=True, text=True)
            if result.returncode:
                raise RuntimeError(result.stderr)
            said = subprocess.run(["c++filt"], input=result.stderr, capture_output=True, text=True, check=True).stdout
            (Path(folder) / "said").write_text(said)
            os.replace(f"{folder}/said", report)
            os.replace(f"{folder}/made", made)
    return made, report.read_text()


def table(architecture: str) -> str:
    """Markdown, one line for each of USES."""
    lines = ["| kernel | threads | registers (at most) | shared bytes (at most) | blocks at once |", "|---|---|---|---|---|"]
    taken = {}
    for file in dict.fromkeys(use.file for use in USES):
        taken.update(compiled(file, architecture)[0])
    for use in USES:
        one = taken[use.specialization]
        registers, shared = f"{one.registers} ({use.registers})", f"{one.shared + use.dynamic:,} ({use.shared:,})"
        lines.append(f"| `{use.specialization}` | {use.threads} | {registers} | {shared} | {use.blocks} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if missing():
        sys.exit(missing())
    readme = backend.kernel_folder() / "README.md"
    before, mark, _ = readme.read_text().partition("<!-- resources -->\n")
    readme.write_text(before + mark + table("sm_90") + "\n")
    print(f"wrote the table of {readme}")
