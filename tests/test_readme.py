"""The README is true: its table leads to code and tests that exist, its example runs, its commands are single lines."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import npzf
from npzf.data import embedded_images

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if "| `npzf/" in line]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def attribute(module, path):
    for name in path.split("."):
        module = getattr(module, name)
    return module


def test_there_are_rows_for_the_main_ideas():
    assert len(ROWS) > 20
    assert {row[0] for row in ROWS} >= {"2", "2.1", "3", "4.1", "4.2"}


@pytest.mark.parametrize("row", ROWS, ids=[row[2] for row in ROWS])
def test_a_row_leads_to_code_and_test(row):
    section, figure, _, file, function, test = (cell.strip("`") for cell in row)
    for framework in {"npzf/interop/pytorch": "torch", "npzf/interop/onnx": "onnx"}.items():
        if file.startswith(framework[0]):
            pytest.importorskip(framework[1], reason=f"{framework[1]} is missing: pip install 'npzf[test]'")
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    found = attribute(module, function)
    assert found.__module__ == module.__name__ and found.__doc__
    first = module.__doc__.splitlines()[0]
    assert section.split(".")[0] in first or f"igure {figure}" in first or (figure and figure in first), f"{file} begins: {first}"
    path, _, name = test.partition("::")
    assert not name or f"def {name}(" in (ROOT / path).read_text()
    assert (ROOT / path).is_file()


def test_the_two_commands_are_single_lines():
    setup, tests = blocks("sh")[:2]
    assert setup.count("\n") == tests.count("\n") == 1
    assert "scripts/demo.py" in setup and "pytest" in tests
    assert (ROOT / "scripts/demo.py").is_file()


def test_the_ten_lines_run(tmp_path, monkeypatch, capsys):
    example = blocks("python")[0]
    assert len([line for line in example.splitlines() if line.strip()]) <= 11
    net = npzf.small_zfnet(12, 96)
    net.classes = embedded_images("train").classes
    net.save(tmp_path / "runs/demo/best.h5")
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    assert np.asarray(Image.open("projection.png")).shape == (96, 96, 3)
    assert "by map" in capsys.readouterr().out


@pytest.fixture
def in_a_folder_with_a_photograph(tmp_path, monkeypatch):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)


def test_the_lines_for_a_net_of_pytorch_run(in_a_folder_with_a_photograph):
    pytest.importorskip("torch", reason="PyTorch is missing: pip install 'npzf[test]'")
    example = blocks("python")[1]
    assert "from_torch" in example and len([line for line in example.splitlines() if line.strip()]) <= 11
    exec(example, {})
    assert np.asarray(Image.open("unit.png")).std() > 1
    assert list(npzf.load("mine.h5").layers) == ["0", "2", "3"]


def test_the_lines_for_a_net_of_onnx_run(in_a_folder_with_a_photograph, capsys):
    pytest.importorskip("onnx", reason="onnx is missing: pip install 'npzf[test]'")
    example = blocks("python")[2]
    assert "from_onnx" in example and len([line for line in example.splitlines() if line.strip()]) <= 10
    npzf.to_onnx(npzf.small_zfnet(3, 64), "mine.onnx")
    exec(example, {})
    assert "conv5" in capsys.readouterr().out
    assert npzf.load("mine.h5").classes == npzf.from_onnx("again.onnx").classes == ("class 0", "class 1", "class 2")


@pytest.mark.parametrize("page", ["README.md", "docs/figures.md", "docs/transfer.md"])
def test_pictures_and_files_that_it_names_are_there(page):
    for path in re.findall(r"\]\(((?!http)[^)]+)\)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / path).is_file(), path


def test_commands_name_options_that_exist():
    lines = re.findall(
        r"^ +npzf ([\w-]+)(.*)$", README + "".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md"))), re.M
    )
    assert len({script for script, _ in lines}) > 10
    for script in {script for script, _ in lines}:
        helped = subprocess.run(
            [sys.executable, ROOT / f"scripts/{script.replace('-', '_')}.py", "--help"], capture_output=True, text=True
        ).stdout
        known = set(re.findall(r"--[a-z-]+", helped))
        named = {option for name, rest in lines if name == script for option in re.findall(r"--[a-z-]+", rest)}
        assert named <= known, (script, named - known)
