"""Arrays between unreadable pages: a kernel that reads or writes outside one is stopped there and then."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

PAGE = mmap.PAGESIZE


class Guarded:
    """A copy of an array that ends (side "end") or begins (side "front") at an unreadable page; copied back by close."""

    def __init__(self, array: np.ndarray, side: str, writable: bool):
        self.array, self.writable = array, writable
        body = -(-max(array.nbytes, 1) // PAGE) * PAGE
        self.size = body + 2 * PAGE
        readable, private = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.base = _libc.mmap(None, self.size, readable, private, -1, 0)
        start = self.base + PAGE
        ctypes.memset(start, 0xFF, body)
        # Arrays stay aligned to 16 bytes, as CuPy's are: up to 15 bytes beyond an array's end are not guarded.
        self.address = start if side == "front" else start + (body - array.nbytes) // 16 * 16
        ctypes.memmove(self.address, array.ctypes.data, array.nbytes)
        if not writable:
            _libc.mprotect(start, body, mmap.PROT_READ)
        _libc.mprotect(self.base, PAGE, 0)
        _libc.mprotect(start + body, PAGE, 0)

    def close(self) -> None:
        if self.writable:
            ctypes.memmove(self.array.ctypes.data, self.address, self.array.nbytes)
        _libc.munmap(self.base, self.size)
