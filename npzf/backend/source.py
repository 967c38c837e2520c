"""Kernel files as text: kernels/*.cu with their includes, and what the launcher reads from them; no part of the paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from npzf.backend.install import CudaError

C_TYPES = {
    "float": np.float32,
    "double": np.float64,
    "int": np.int32,
    "unsigned": np.uint32,
    "long long": np.int64,
    "unsigned long long": np.uint64,
    "bool": np.bool_,
}


def kernel_folder() -> Path:
    """kernels/ inside the installed package, or beside npzf/ in a checkout; CudaError if there is none."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "kernels", package.parent / "kernels"):
        if (folder / "ptx.cuh").is_file():
            return folder
    raise CudaError(f"no kernels in {package / 'kernels'} nor beside {package}: the installation of npzf is incomplete")


def pasted(file: str, folders: Sequence[Path]) -> str:
    """The text of a kernel file; every `#include "..."` gives way to that file, once, from the first folder that has it.

    CuPy's disk cache does not notice that an included file has changed, hence the pasting. CudaError if a file is missing.
    """
    pasted_files: set[str] = set()

    def paste(name: str) -> str:
        pasted_files.add(name)
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is None:
            raise CudaError(f"{name} is not in {', '.join(map(str, folders))}")
        lines = [f'#line 1 "{name}"']
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = re.match(r'#include "(\S+)"', line)
            if include and include[1] not in pasted_files:
                lines += [paste(include[1]), f'#line {number + 1} "{name}"']
            else:
                lines.append("" if include else line)
        return "\n".join(lines)

    return paste(file) + "\n"


# Types and constants are stated once, in the kernel files; the launcher reads them there.


@cache
def constant(file: str, name: str) -> int:
    """The value of `constexpr int name` in a kernel file, for a launch that depends on it; CudaError if there is none."""
    match = re.search(rf"^constexpr int {name} = (\d+);", (kernel_folder() / file).read_text(), re.M)
    if match is None:
        raise CudaError(f"{file} has no constant {name}")
    return int(match[1])


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel: a pointer to dtype, or a value of it (a structured dtype for a struct)."""

    name: str
    dtype: np.dtype
    pointer: bool

    @property
    def optional(self) -> bool:
        """Pointers called maybe_... may be null."""
        return self.pointer and self.name.startswith("maybe_")


def signature(source: str, specialization: str) -> list[Parameter]:
    """The parameters of the kernel `name<arguments>`, with its template's arguments in place of its type parameters.

    CudaError if the source has no such kernel, the template takes another number of arguments, or a type is unknown.
    """
    name, _, given = specialization.partition("<")
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", source, flags=re.S)
    match = re.search(rf"(?:template\s*<([^>]*)>\s*)?__global__\s+void[^;{{}}]*?\b{name}\s*\(([^)]*)\)\s*\{{", text)
    if match is None:
        raise CudaError(f"there is no kernel {name} in the source")
    names = [parameter.split()[-1] for parameter in (match[1] or "").split(",") if parameter.strip()]
    arguments = [argument.strip() for argument in given.rstrip(">").split(",") if argument.strip()]
    if len(names) != len(arguments):
        raise CudaError(f"{name} has template parameters <{', '.join(names)}>, got {specialization}")
    types = dict(zip(names, arguments, strict=True))
    return [_parameter(declaration, types, text) for declaration in match[2].split(",")]


def _parameter(declaration: str, types: dict[str, str], source: str) -> Parameter:
    words = re.sub(r"\b(const|__restrict__)\b", "", declaration).replace("*", " * ").split()
    name, kind = words[-1], " ".join(word for word in words[:-1] if word != "*")
    kind = types.get(kind, kind)
    struct = re.search(rf"struct\s+{kind}\s*{{(.*?)}}", source, re.S)
    if struct:  # of ints alone
        fields = re.findall(r"\w+", struct[1].replace("int ", ""))
        return Parameter(name, np.dtype([(field, np.int32) for field in fields]), False)
    if kind not in C_TYPES:
        raise CudaError(f"parameter {name} has type {kind}, expected one of {', '.join(C_TYPES)}, or a struct of ints")
    return Parameter(name, np.dtype(C_TYPES[kind]), "*" in words)


def c_type(dtype: Any) -> str:
    """float or double, as a kernel's template argument."""
    return {"float32": "float", "float64": "double"}[np.dtype(dtype).name]
