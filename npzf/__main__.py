"""The command line, no part of the paper: npzf NAME, or python -m npzf NAME, runs the script of that name."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

USAGE = """\
usage: npzf COMMAND [argument ...]   or, which is the same: python -m npzf COMMAND [argument ...]

npzf COMMAND --help describes a command's arguments and ends with an example.

commands:"""
SHARED = "cli"  # what the scripts share, in files whose names begin so, is no command


def main() -> None:
    """Runs the script that the first argument names, with the arguments that follow; without any, lists the scripts."""
    scripts = commands()
    name, *arguments = sys.argv[1:] or ["--help"]
    name = name.replace("_", "-")
    if name in ("-h", "--help"):
        print("\n".join([USAGE, *(f"  {name:<15} {purpose(path)}" for name, path in scripts.items())]))
    elif name not in scripts:
        print(f"error: command is {name!r}, expected one of {', '.join(scripts)}", file=sys.stderr)
        sys.exit(2)
    else:
        sys.argv[1:] = arguments
        sys.path.insert(0, str(scripts[name].parent))  # as Python does for python scripts/NAME.py
        runpy.run_path(str(scripts[name]), run_name="__main__")


def commands() -> dict[str, Path]:
    """Name, with - for the file's _, -> script, in alphabetical order."""
    return {path.stem.replace("_", "-"): path for path in sorted(folder().glob("*.py")) if not path.stem.startswith(SHARED)}


def folder() -> Path:
    """scripts/ inside the installed package, or beside npzf/ in a checkout."""
    package = Path(__file__).resolve().parent
    for scripts in (package / "scripts", package.parent / "scripts"):
        if (scripts / f"{SHARED}.py").is_file():
            return scripts
    raise FileNotFoundError(f"scripts are neither in {package} nor beside it: the installation of npzf is incomplete")


def purpose(script: Path) -> str:
    """The first line of the script's docstring."""
    return (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "").partition("\n")[0]


if __name__ == "__main__":
    main()
