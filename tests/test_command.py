"""npzf NAME and python -m npzf NAME: from a checkout, and from a wheel that was unpacked elsewhere."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMANDS = sorted(path.stem.replace("_", "-") for path in (ROOT / "scripts").glob("*.py") if not path.stem.startswith("cli"))


def python(*arguments, where, path):
    """Runs Python in the folder `where`, with `path` before the installed packages, and without what an editable install adds."""
    command = [sys.executable, "-S", *map(str, arguments)]  # -S: no .pth file is read, hence none that leads to this checkout
    paths = dict.fromkeys([str(path), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    return subprocess.run(command, cwd=where, env={"PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of this checkout, so that nothing is left in it."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: the wheel is not built")
    root = tmp_path_factory.mktemp("checkout")
    for name in ("npzf", "kernels", "scripts", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=root, check=True, capture_output=True)
    return next((root / "dist").glob("*.whl"))


@pytest.fixture(scope="module", params=["checkout", "wheel"])
def installed(request, tmp_path_factory):
    """A folder from which npzf can be imported: this checkout, or an unpacked wheel."""
    if request.param == "checkout":
        return ROOT
    folder = tmp_path_factory.mktemp("site-packages")
    zipfile.ZipFile(request.getfixturevalue("wheel")).extractall(folder)
    return folder


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]], ids=" ".join)
def test_it_lists_the_commands_with_a_line_each(installed, tmp_path, arguments):
    done = python("-m", "npzf", *arguments, where=tmp_path, path=installed)
    assert (done.returncode, done.stderr) == (0, "")
    head, listed = done.stdout.split("commands:\n")
    assert "usage: npzf COMMAND" in head and "python -m npzf COMMAND" in head
    lines = [line.split(maxsplit=1) for line in listed.splitlines()]
    assert [name for name, _ in lines] == COMMANDS
    assert all(len(purpose) > 20 for _, purpose in lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_runs_from_another_folder(installed, tmp_path, name):
    done = python("-m", "npzf", name, "--help", where=tmp_path, path=installed)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: npzf {name} [-h]" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_command_does_its_work_from_another_folder(installed, tmp_path):
    code = "import npzf; npzf.small_zfnet(12, 64).save('net.h5')"
    assert python("-c", code, where=tmp_path, path=installed).returncode == 0
    done = python("-m", "npzf", "evaluate", "net.h5", "embedded", where=tmp_path, path=installed)
    assert (done.returncode, done.stderr) == (0, "")
    assert "240 images, 1 crop: loss" in done.stdout


@pytest.mark.parametrize("name", ["trian", "cli", "../scripts/train", "train.py", ""])
def test_an_unknown_command_is_refused_in_one_line(installed, tmp_path, name):
    done = python("-m", "npzf", name, "--help", where=tmp_path, path=installed)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: command is {name!r}, expected one of {', '.join(COMMANDS)}\n"


def test_the_wheel_names_the_command_and_has_no_package_scripts(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entries = ConfigParser()
        entries.read_string(archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode())
        archive.extractall(tmp_path)
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"npzf"}
    module, _, function = entries["console_scripts"]["npzf"].partition(":")
    code = (
        "import importlib.util, importlib, sys; sys.argv = ['npzf', 'train', '--help']\n"
        f"assert importlib.util.find_spec('scripts') is None\nimportlib.import_module('{module}').{function}()"
    )
    done = python("-c", code, where=tmp_path.parent, path=tmp_path)
    assert done.stderr == "" and "usage: npzf train [-h]" in done.stdout
