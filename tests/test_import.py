"""import npzf is light and flat, and every module says which part of the paper it is."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import npzf

MODULES = sorted(Path(npzf.__file__).parent.rglob("*.py"))
PAPER = re.compile(
    r"\b(sections?|figures?|tables?)\b|no part of the paper|an extension of the paper|arXiv 1311\.2901", re.IGNORECASE
)


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_import_brings_in_neither_matplotlib_nor_cupy_nor_torch():
    loaded = python("import sys, npzf; print(*sys.modules)")
    assert "numpy" in loaded
    assert {"matplotlib", "cupy", "torch", "onnx", "hypothesis", "pytest"}.isdisjoint(loaded)


def test_import_takes_under_half_a_second():
    """Processor time beyond NumPy's, the best of three: the machine may be busy."""
    code = "import numpy, time; s = time.process_time(); import npzf; print(time.process_time() - s)"
    assert min(float(python(code)[0]) for _ in range(3)) < 0.5


@pytest.mark.parametrize(
    "name",
    [
        *("zfnet", "krizhevsky", "small_zfnet", "alexnet", "squeezenet", "Network", "load", "project", "predict", "features"),
        *("softmax", "softmax_cross_entropy", "SGD", "set_threads", "from_onnx", "to_onnx"),
    ],
)
def test_public_names_are_flat_and_documented(name):
    assert name in npzf.__all__
    assert inspect.getdoc(getattr(npzf, name))


def test_every_public_name_exists():
    for name in npzf.__all__:
        assert getattr(npzf, name) is not None


@pytest.mark.parametrize("name", ["forward", "record", "backward"])
def test_docstrings_of_passes_give_shapes(name):
    assert "(N, H, W, C)" in inspect.getdoc(getattr(npzf.Network, name))


@pytest.mark.parametrize("name", ["project", "predict", "features", "softmax", "softmax_cross_entropy"])
def test_docstrings_of_functions_on_arrays_give_shapes(name):
    assert "(N, " in inspect.getdoc(getattr(npzf, name))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(MODULES[0].parent)))
def test_the_first_line_says_which_part_of_the_paper_it_is(path):
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, f"{path} has no docstring"
    assert PAPER.search(docstring.splitlines()[0]), docstring.splitlines()[0]
