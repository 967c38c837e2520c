"""Packages that only their own files need: imported then, named if they are missing; no part of the paper."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def required(module: str, extra: str) -> Any:
    """The module; ImportError, in one line that says how to install it, if it is missing."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"{module} cannot be imported ({error}), expected it installed: pip install 'npzf[{extra}]'") from error
