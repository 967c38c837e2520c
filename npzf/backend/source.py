"""Kernel files as text: kernels/*.cu with their includes, and the signatures of the kernels in them; no part of the paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
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

# Source: .cu files are read as text, and the .cuh files they include are pasted in, for CuPy's disk cache does not see an
# included file change.


def kernel_folder() -> Path:
    """kernels/ inside the installed package, or beside npzf/ in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "kernels", package.parent / "kernels"):
        if (folder / "ptx.cuh").is_file():
            return folder
    raise CudaError(f"no kernels in {package / 'kernels'} nor beside {package}: the installation of npzf is incomplete")


def pasted(file: str, folders: Sequence[Path]) -> str:
    """The text of a kernel file; every `#include "..."` gives way to that file, once, from the first folder that has it."""
    seen: set[str] = set()

    def paste(name: str) -> str:
        seen.add(name)
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is None:
            raise CudaError(f"{name} is not in {', '.join(map(str, folders))}")
        lines = [f'#line 1 "{name}"']
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = re.match(r'#include "(\S+)"', line)
            if include and include[1] not in seen:
                lines += [paste(include[1]), f'#line {number + 1} "{name}"']
            else:
                lines.append("" if include else line)
        return "\n".join(lines)

    return paste(file) + "\n"


# Signatures: the launcher reads the parameters' types from the source, so that they are stated once.


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


def signature(source: str, instance: str) -> list[Parameter]:
    """The parameters of `kernel<arguments>`; a template's type parameters take the arguments' place."""
    name, _, given = instance.partition("<")
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", source, flags=re.S)
    found = re.search(rf"(?:template\s*<([^>]*)>\s*)?__global__\s+void[^;{{}}]*?\b{name}\s*\(([^)]*)\)\s*\{{", text)
    if found is None:
        raise CudaError(f"there is no kernel {name} in the source")
    names = [parameter.split()[-1] for parameter in (found[1] or "").split(",") if parameter.strip()]
    arguments = [argument.strip() for argument in given.rstrip(">").split(",") if argument.strip()]
    if len(names) != len(arguments):
        raise CudaError(f"{name} has template parameters <{', '.join(names)}>, got {instance}")
    types = dict(zip(names, arguments, strict=True))
    return [_parameter(declaration, types, text) for declaration in found[2].split(",")]


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
