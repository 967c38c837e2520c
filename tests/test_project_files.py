"""What the files around the code say of it is true: one version, paths that exist, hooks that download nothing."""

import re
import tomllib
from pathlib import Path

import npzf

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_one_version():
    assert npzf.__version__ == PROJECT["version"]
    assert f"\nversion: {PROJECT['version']}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_changelog_begins_with_what_is_not_yet_released():
    headings = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", heading) for heading in headings[1:])


def test_contributing_leads_to_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = [path for path in re.findall(r"`([\w./-]*/[\w./-]*)`", text) if not re.search(r"[A-Z]{2}|^runs/", path)]
    assert len(paths) > 15
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_contributing_names_tools_of_the_test_extra():
    tools = {re.match(r"[\w-]+", requirement)[0] for requirement in PROJECT["optional-dependencies"]["test"]}
    assert {"pytest", "ruff", "mypy", "pytest-cov"} <= tools


def test_hooks_are_local():
    repositories = re.findall(r"^ *- repo: (.*)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.M)
    assert repositories == ["local"]


def test_the_package_says_that_it_has_types():
    assert (ROOT / "npzf" / "py.typed").is_file() and "Typing :: Typed" in PROJECT["classifiers"]
