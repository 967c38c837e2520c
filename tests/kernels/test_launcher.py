"""npzf.backend: what it accepts, what it refuses and in which words; where kernels are found; what is said to be missing."""

import importlib.metadata
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from npzf import backend
from npzf.backend import CudaError, launcher, source
from npzf.backend import gpu as gpu_module
from npzf.ops.cuda.convolution import geometry

ROOT = Path(__file__).resolve().parents[2]
X = np.arange(6, dtype="f")


def rectify(*arguments, grid=(1,)):
    backend.launch("elementwise.cu", "rectify<float>", grid, (32,), *arguments)


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ((X, X), TypeError, r"takes 3 arguments \(x, y, count\), got 2"),
        ((X.astype(float), X, 6), TypeError, "x is float64, expected float32"),
        ((np.zeros(12, "f")[::2], X, 6), ValueError, r"x has strides \(8,\) for shape \(6,\), expected C order"),
        (([1.0], X, 6), TypeError, "x is builtins.list, expected a numpy array"),
        ((None, X, 6), TypeError, "x is builtins.NoneType, expected a numpy array"),
        ((X, X, 6.0), TypeError, "count is 6.0, expected int64"),
        ((X, X, True), TypeError, "count is True, expected int64"),
        ((X, X, 2**63), OverflowError, "too large for int64"),
    ],
)
def test_refused_arguments(runner, arguments, error, text):
    with pytest.raises(error, match=text) as raised:
        rectify(*arguments)
    assert str(raised.value).startswith("kernel rectify<float> in elementwise.cu: ")
    assert "\n" not in str(raised.value)


def test_numbers_become_the_declared_types(runner):
    mask = np.zeros(8, np.float64)

    def launch(*first):  # a Python float for float32, ints for double and unsigned
        backend.launch("dropout.cu", "dropout_mask<double>", (1,), (32,), mask, 2, 4, 0.5, 2, np.uint32(1), 2, 3, *first)

    launch(0)
    assert set(mask) <= {0.0, 2.0}
    with pytest.raises(OverflowError, match="first is -1, too large for uint64"):
        launch(-1)


GEOMETRY = geometry((1, 3, 3, 1), (1, 2, 2, 1), (2, 2), (1, 1), (0, 0, 0, 0), 1)


@pytest.mark.parametrize(
    "change, error, text",
    [
        ({"n": None}, TypeError, "g has the fields h, w, .*, expected n, h, w, c, oh, ow, o, kh, kw, stride_h"),
        ({"depth": 3}, TypeError, "g has the fields n, .*, depth, expected n, h, .*"),
        ({"kh": 2.0}, TypeError, "g.kh is 2.0, expected int32"),
        ({"w": True}, TypeError, "g.w is True, expected int32"),
        ({"w": 2**31}, OverflowError, "g is {.*}, too large for int32"),
    ],
)
def test_structs_are_checked(runner, change, error, text):
    """None: without this field."""
    fields = {name: value for name, value in (GEOMETRY | change).items() if value is not None}
    x, weight, y = np.zeros(9, "f"), np.zeros(4, "f"), np.zeros(4, "f")
    with pytest.raises(error, match=f"kernel convolve_naive<float> in convolve_naive.cu: {text}") as raised:
        backend.launch("convolve_naive.cu", "convolve_naive<float>", (1,), (32,), x, weight, None, y, fields, 0)
    assert "\n" not in str(raised.value)
    backend.launch("convolve_naive.cu", "convolve_naive<float>", (1,), (32,), x, weight, None, y, GEOMETRY, 0)


def test_constants_are_read_from_the_kernels():
    assert (backend.constant("sums.cu", "WIDTH"), backend.constant("sums.cu", "HEIGHT")) == (32, 8)
    with pytest.raises(CudaError, match=r"sums\.cu has no constant DEPTH"):
        backend.constant("sums.cu", "DEPTH")


def test_an_empty_grid_is_nothing_to_do(runner):
    rectify(X, X.copy(), 6, grid=(0,))


def test_compiled_once(runner):
    rectify(X, X.copy(), 6)
    before = launcher._kernel.cache_info()
    rectify(X, X.copy(), 6)
    after = launcher._kernel.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 1)


def test_another_device(runner, monkeypatch):
    monkeypatch.setattr(runner, "misplaced", lambda array: "is on device 1, expected the current one, 0")
    with pytest.raises(ValueError, match=r"in elementwise.cu: x is on device 1, expected the current one, 0"):
        rectify(X, X, 6)


def test_what_cuda_says(runner):
    with pytest.raises(CudaError, match=r"kernel rectify<float> in elementwise.cu: grid .* invalid configuration"):
        backend.launch("elementwise.cu", "rectify<float>", (1,), (2048,), X, X, 6)


def test_signatures():
    source = """
    struct Shape { int rows, columns; int maps; };
    template <typename T, int V>  // a comment (with a parenthesis)
    __global__ void __launch_bounds__(V * (2)) kernel(const T* __restrict__ x, unsigned long long* maybe_y, const Shape s, T a) {
    """
    x, y, s, a = backend.signature(source, "kernel<double, 4>")
    assert (x.name, x.dtype, x.pointer, x.optional) == ("x", np.float64, True, False)
    assert (y.dtype, y.optional) == (np.uint64, True)
    assert (s.dtype.names, s.dtype.itemsize, s.pointer) == (("rows", "columns", "maps"), 12, False)
    assert (a.name, a.dtype, a.pointer) == ("a", np.float64, False)
    for specialization, text in (
        ("none", "no kernel none"),
        ("kernel<float>", "template parameters <T, V>"),
        ("kernel<half, 1>", "type half"),
    ):
        with pytest.raises(CudaError, match=text):
            backend.signature(source, specialization)


def test_included_files_are_pasted(tmp_path):
    (tmp_path / "a.cu").write_text('// a\n#include "b.cuh"\n#include "c.cuh"\nint a;\n')
    (tmp_path / "b.cuh").write_text('#include "c.cuh"\nint b;\n')
    (tmp_path / "c.cuh").write_text("int c;\n")
    text = backend.pasted("a.cu", [tmp_path])
    assert "#include" not in text
    assert text.count("int c;") == 1
    assert text.index("int c;") < text.index("int b;") < text.index("int a;")
    assert '#line 3 "a.cu"' in text
    with pytest.raises(CudaError, match=r"d\.cu is not in"):
        backend.pasted("d.cu", [tmp_path])


def test_no_kernels(monkeypatch, tmp_path):
    monkeypatch.setattr(source, "__file__", str(tmp_path / "npzf" / "backend" / "source.py"))
    with pytest.raises(CudaError, match="the installation of npzf is incomplete"):
        backend.kernel_folder()


def test_kernel_files_keep_the_rules():
    for path in backend.kernel_folder().glob("*.cu*"):
        lines = path.read_text().splitlines()
        assert "ection" in lines[0] or "figure" in lines[0], f"{path.name}: the first line says where in the paper it belongs"
        assert len(lines) <= 400
        assert max(map(len, lines)) <= 130
        assert path.name == "ptx.cuh" or not any("asm" in line.split() for line in lines)
        assert not any(line.startswith("#include <") for line in lines)
        assert "atomic" not in " ".join(line.split("//")[0] for line in lines)


def test_kernels_are_in_the_wheel(tmp_path):
    if "force-include" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]:
        pytest.fail('pyproject.toml lacks [tool.hatch.build.targets.wheel.force-include] "kernels" = "npzf/kernels"')
    pytest.importorskip("hatchling", reason="hatchling is not installed: the wheel is not built")
    # a copy, so that nothing is left in the checkout
    for name in ("npzf", "kernels", "scripts", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", "dist", "."], cwd=tmp_path, check=True)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", str(tmp_path / "installed"), str(wheel)], check=True)
    code = (
        "from npzf.backend import kernel_folder as folder, pasted; print(folder()); print(len(pasted('convolve.cu', [folder()])))"
    )
    environment = {"PYTHONPATH": str(tmp_path / "installed"), "PATH": ""}
    result = subprocess.run([sys.executable, "-c", code], cwd="/", env=environment, capture_output=True, text=True, check=True)
    folder, length = result.stdout.split()
    assert Path(folder) == tmp_path / "installed" / "npzf" / "kernels"
    assert int(length) > 5000


def test_importing_npzf_does_not_import_cupy():
    code = "import sys; sys.modules['cupy'] = None; import npzf, npzf.backend"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


class Refusing:
    """A stand-in for CuPy on whose GPU nothing works."""

    class CompileException(Exception):
        pass

    class OutOfMemoryError(Exception):
        pass

    class DriverError(Exception):
        pass

    ndarray = np.ndarray

    def __init__(self):
        self.cuda = SimpleNamespace(
            compiler=SimpleNamespace(CompileException=self.CompileException),
            memory=SimpleNamespace(OutOfMemoryError=self.OutOfMemoryError),
            driver=SimpleNamespace(CUDADriverError=self.DriverError),
            runtime=SimpleNamespace(CUDARuntimeError=self.DriverError, memGetInfo=lambda: (1_000_000, 2_000_000)),
            Device=lambda: SimpleNamespace(id=0, attributes={"MultiProcessorCount": 132}),
        )

    def RawModule(self, code, options, name_expressions):
        def get_function(name):
            raise self.CompileException('2 errors\nelementwise.cu(7): error: identifier "nothing" is undefined\n1 error')

        return SimpleNamespace(get_function=get_function)

    def empty(self, shape, dtype):
        raise self.OutOfMemoryError

    def get_default_memory_pool(self):
        return SimpleNamespace(free_bytes=lambda: 500_000)


@pytest.fixture
def refusing(monkeypatch):
    monkeypatch.setattr(gpu_module, "require", Refusing)
    with backend.use_device(backend.Gpu()) as gpu:
        yield gpu


def test_what_the_compiler_says(refusing):
    expected = r"kernel rectify<float> in elementwise.cu does not compile: elementwise.cu\(7\): error: identifier"
    with pytest.raises(CudaError, match=expected) as raised:
        rectify(X, X, 6)
    assert "\n" not in str(raised.value)


def test_out_of_memory(refusing):
    text = r"4,000,000 bytes asked for, 1,500,000 of 2,000,000 free on the GPU: take a smaller batch"
    with pytest.raises(MemoryError, match=text):
        backend.empty((1000, 1000), "float32")


# What is installed, as importlib.metadata and a stand-in for CuPy tell it


def installed(monkeypatch, *wheels, driver=13000, gpus=1, broken=None):
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: [SimpleNamespace(name=w) for w in ("numpy", *wheels)])
    runtime = SimpleNamespace(driverGetVersion=lambda: driver, runtimeGetVersion=lambda: 13000)
    runtime.getDeviceProperties = lambda device: {"name": b"NVIDIA H200"}
    api = SimpleNamespace(runtime=runtime, is_available=lambda: gpus > 0, Device=lambda: SimpleNamespace(id=0))
    cupy = SimpleNamespace(cuda=api, __version__="14.2.0")
    monkeypatch.setitem(sys.modules, "cupy", None if broken or not wheels else cupy)
    return cupy


@pytest.mark.parametrize(
    "wheels, state, text",
    [
        ([], {}, r"CuPy is not installed: pip install 'npzf\[cuda13\]'"),
        (
            ["cupy-cuda12x", "cupy-cuda13x"],
            {},
            "cupy-cuda12x and cupy-cuda13x break each other: pip uninstall",
        ),
        (["cupy", "cupy-cuda13x"], {}, "cupy and cupy-cuda13x break each other"),
        (["cupy-cuda13x"], {"broken": True}, r"cupy-cuda13x cannot be imported \(.*\): pip install --force-reinstall"),
        (["cupy-cuda13x"], {"driver": 0}, "there is no NVIDIA driver"),
        (["cupy-cuda13x"], {"driver": 12040}, "needs CUDA 13, the driver supports 12.4: .* pip install cupy-cuda12x, or"),
        (["cupy-cuda13x"], {"gpus": 0}, "a driver for CUDA 13.0 are installed, but no GPU is visible"),
    ],
)
def test_what_is_missing(monkeypatch, wheels, state, text):
    installed(monkeypatch, *wheels, **state)
    with pytest.raises(CudaError, match=text) as raised:
        backend.require()
    assert "\n" not in str(raised.value)


def test_nothing_is_missing(monkeypatch):
    cupy = installed(monkeypatch, "cupy-cuda12x", driver=13010)  # an older wheel works with a newer driver
    assert backend.require() is cupy
    assert backend.versions().startswith("NVIDIA H200, driver ")
    assert backend.versions().endswith("(CUDA 13.1), CUDA runtime 13.0, CuPy 14.2.0")
