"""libtiff prints beside the error that Pillow raises of a damaged picture; here it is silent: no part of the paper."""

from __future__ import annotations

import contextlib
import ctypes
from functools import cache
from pathlib import Path

MAPS = Path("/proc/self/maps")  # the libraries of this process, where the system is Linux


@cache
def silence() -> None:
    """Lets the libtiff that Pillow has loaded print nothing in this process; on Linux alone, where it can be found."""
    with contextlib.suppress(OSError, AttributeError):
        lines = MAPS.read_text(errors="replace").splitlines()
        libraries = {line.partition("/")[2] for line in lines if "libtiff" in line.rpartition("/")[2]}
        for library in libraries:
            loaded = ctypes.CDLL(f"/{library}")
            for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
                handler = getattr(loaded, name)
                handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
                handler(None)
