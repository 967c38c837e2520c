"""The kernels compile for real GPUs, within the budgets of resources.py; no GPU is needed."""

import importlib.metadata
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from resources import USES, compiled, missing

from npzf import backend

FILES = list(dict.fromkeys(use.file for use in USES))


def test_every_kernel_is_checked():
    written = {
        (path.name, name)
        for path in backend.kernel_folder().glob("*.cu")
        for name in re.findall(r"__global__ void\s+(?:__launch_bounds__\(.*\)\s+)?(\w+)\(", path.read_text())
    }
    assert {(use.file, use.specialization.partition("<")[0]) for use in USES} == written


def test_the_readme_lists_every_kernel_that_is_checked():
    table = (backend.kernel_folder() / "README.md").read_text().partition("<!-- resources -->")[2]
    assert re.findall(r"^\| `(.*?)` \|", table, re.M) == [use.specialization for use in USES]


@pytest.fixture(scope="module", params=["sm_80", "sm_90"])
def architecture(request):
    if missing():
        pytest.skip(missing())
    return request.param


@pytest.mark.parametrize("file", FILES)
def test_budgets(file, architecture):
    taken, cubin = compiled(file, architecture)
    for use in (use for use in USES if use.file == file):
        one = taken[use.specialization]
        assert one.spilled == 0, f"{use.specialization} spills: {one}"
        if architecture == "sm_90":  # sm_80 has less shared memory, and its registers are not what we tune for
            assert one.registers <= use.registers, f"{use.specialization}: {one}, expected at most {use.registers} registers"
            assert one.shared + use.dynamic <= use.shared, f"{use.specialization}: {one}, at most {use.shared} bytes"
    tool = disassembler()
    if "tf32" in file and tool:
        code = disassembled(tool, cubin)
        assert "HMMA.1688.F32.TF32" in code
        assert "LDGSTS" in code  # asynchronous copies


def test_a_disassembler_is_there():
    if missing() or not disassembler():
        pytest.skip("neither cuobjdump nor nvdisasm is installed: whether tensor cores are used is not checked")


def disassembler():
    """nvdisasm or cuobjdump, on the path or in NVIDIA's wheels."""
    for tool in ("nvdisasm", "cuobjdump"):
        if found := shutil.which(tool):
            return found
        for package in (f"nvidia-cuda-{tool}", f"nvidia-cuda-{tool}-cu12"):
            try:
                files = importlib.metadata.files(package) or []
            except importlib.metadata.PackageNotFoundError:
                continue
            if path := next((file.locate() for file in files if file.name == tool), None):
                return str(path)
    return None


def disassembled(tool, cubin):
    command = [tool, str(cubin)] if Path(tool).name == "nvdisasm" else [tool, "--dump-sass", str(cubin)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("file", FILES)
def test_cupy_compiles_them(file):
    """With NVRTC and the options that CuPy adds, from its wheels; a driver is not needed."""
    compiler = pytest.importorskip("cupy.cuda.compiler", reason="CuPy is not installed: its compiler is not tried")
    source = backend.pasted(file, [backend.kernel_folder()])
    names = tuple(use.specialization for use in USES if use.file == file)
    try:
        program = compiler._NVRTCProgram(source, "kernel.cu", name_expressions=names)
    except RuntimeError as error:
        pytest.skip(f"NVRTC cannot be loaded: {error}")
    code, mangled = program.compile(("-std=c++17", "-ftz=true", "-arch=sm_90"))
    assert code
    assert set(mangled) == set(names)
