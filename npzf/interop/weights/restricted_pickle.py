"""Pickles from strangers, read without running anything: arrays, containers, strings and numbers; no part of the paper.

A pickle is a program that calls what it names. Here it can name nothing but NumPy's arrays, OrderedDict, and the tensors of
PyTorch, for which stand-ins are called that build arrays; any other name ends the reading before it is looked up.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any, BinaryIO, ClassVar

import numpy as np

from npzf.interop.weights.limits import Refused, guarded, most_bytes, printable

KINDS = "biufc"  # of the types of arrays: numbers
MOST_STEPS = 2**21  # of the program that a pickle is; each may take a hundred bytes
LONGEST_KEY = 1024  # characters


class ArrayUnpickler(pickle._Unpickler):
    """Builds arrays, plain containers, strings and numbers, and calls nothing else; name: what errors call the file.

    more: further names that are admitted, (module, name) -> what is called instead. It is Python's reader, not C's, which
    believes a pickle that says how much memory to take.
    """

    def __init__(self, file: BinaryIO, name: str, more: dict[tuple[str, str], Callable[..., Any]] | None = None):
        super().__init__(file)
        self.name, self.admitted = name, ADMITTED | (more or {})
        self.dispatch = _Counted(type(self).dispatch)  # type: ignore[misc]

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name; Refused for one that is not admitted."""
        if (module, name) not in self.admitted:
            reason = f"it names {printable(f'{module}.{name}', 100)}, expected arrays, containers, strings and numbers alone"
            raise Refused(f"{self.name}: {reason}; nothing of it has run")
        return _Call(self.admitted[module, name])

    def _setitems(self) -> None:
        items = self.pop_mark()  # type: ignore[attr-defined]
        self.stack[-1].update(_entries(items))  # type: ignore[attr-defined]

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()  # type: ignore[attr-defined]
        self.stack[-1].update(_entries([key, value]))  # type: ignore[attr-defined]

    def _dict(self) -> None:
        items = self.pop_mark()  # type: ignore[attr-defined]
        self.append(_entries(items))  # type: ignore[attr-defined]

    # What hashes things is done here; there are no sets.
    dispatch: ClassVar[dict] = pickle._Unpickler.dispatch | {
        pickle.SETITEMS[0]: _setitems,
        pickle.SETITEM[0]: _setitem,
        pickle.DICT[0]: _dict,
        **dict.fromkeys((pickle.EMPTY_SET[0], pickle.FROZENSET[0], pickle.ADDITEMS[0]), None),
    }


class _Counted(dict):
    """What each step of a pickle calls, as often as MOST_STEPS."""

    steps = 0

    def __getitem__(self, step: int) -> Callable[..., None]:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise ValueError(f"it has more than {MOST_STEPS:,} steps, expected weights")
        return super().__getitem__(step)


def _entries(items: Sequence[Any]) -> dict:
    """Keys and values in turn as a dict; tuples in tuples are no keys: to hash them may take for ever."""
    for key in items[::2]:
        if not isinstance(key, str | bytes | int | float | NoneType):
            raise ValueError(f"a key of a dictionary is a {type(key).__name__}")
        if isinstance(key, str | bytes) and len(key) > LONGEST_KEY:
            raise ValueError(f"a key of a dictionary has {len(key):,} characters, expected at most {LONGEST_KEY:,}")
    return dict(zip(items[::2], items[1::2], strict=True))


def _ordered(items: Sequence[Any] = ()) -> OrderedDict:
    """collections.OrderedDict, of pairs where old pickles give it some."""
    return OrderedDict(_entries([part for pair in items for part in pair]))


class _Call:
    """What a pickle gets for a name: it can be called, and not be changed."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]):
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise ValueError("a name is given a state")


class Unfinished:
    """Something that becomes an array when all of the pickle has been read."""

    def array(self) -> np.ndarray:
        """The array; ValueError if the pickle does not make one."""
        raise NotImplementedError


def read_pickle(data: bytes, name: str) -> Any:
    """What a pickle holds; name: what errors call it. ValueError, in one line, if it is damaged or holds more than data."""
    return guarded(lambda: plain(ArrayUnpickler(io.BytesIO(data), name).load(), len(data)), name)


def plain(value: Any, size: int) -> Any:
    """The value with all that was unfinished as arrays; what stands in several places is one object again.

    size: of the file. ValueError if its arrays take more than such a file may: they can be many views of the same bytes.
    """
    return _Finished(most_bytes(size)).of(value)


class _Finished:
    """What values become; most: bytes that their arrays may take."""

    def __init__(self, most: int):
        self.most, self.rest = most, most
        self.seen: dict[int, Any] = {}

    def of(self, value: Any) -> Any:
        """The value, finished."""
        if id(value) in self.seen:
            return self.seen[id(value)]
        if isinstance(value, Unfinished):
            array = self.seen[id(value)] = value.array()
            self.rest -= array.nbytes
            if self.rest < 0:
                raise ValueError(f"its arrays take more than {self.most:,} bytes, expected less from a file of this size")
            return array
        if isinstance(value, dict | list | tuple):
            self.seen[id(value)] = None  # a container that holds itself holds nothing there
            items = dict.items(value) if isinstance(value, dict) else enumerate(value)
            done = {key: self.of(item) for key, item in items}
            self.seen[id(value)] = done if isinstance(value, dict) else type(value)(done.values())
            return self.seen[id(value)]
        return value


class _DType:
    """numpy.dtype, without its power to build objects: a kind, a size and a byte order."""

    def __init__(self, code: Any, *_: Any):
        text = code.decode("ascii") if isinstance(code, bytes) else code
        if not isinstance(text, str):
            raise ValueError(f"dtype is a {type(code).__name__}, expected a number's")
        self.dtype = np.dtype(text)
        if self.dtype.kind not in KINDS or self.dtype.hasobject:
            raise ValueError(f"dtype is {self.dtype}, expected a number's")

    def __setstate__(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else "="
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)  # type: ignore[arg-type]


class _Array(Unfinished):
    """numpy.ndarray while its pickle is read: shape, type and bytes, whose number has to fit."""

    def __init__(self, *_: Any):
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _DType) or not isinstance(data, bytes | bytearray):
            raise ValueError("an array is not made of numbers")
        shape = tuple(int(side) for side in shape)
        count = int(np.prod(shape, dtype=object)) if shape else 1
        if min(shape, default=0) < 0 or count * dtype.dtype.itemsize != len(data):
            raise ValueError(f"an array of shape {shape} has {len(data)} bytes")
        self.value = np.frombuffer(data, dtype.dtype).reshape(shape, order="F" if fortran else "C")  # no copy: many may share it

    def array(self) -> np.ndarray:
        """The array; ValueError if nothing was put into it."""
        if self.value is None:
            raise ValueError("an array is without its numbers")
        return self.value.astype(self.value.dtype.newbyteorder("="), copy=False)


def _scalar(dtype: Any, data: bytes = b"") -> Any:
    """numpy.core.multiarray.scalar: one number."""
    if not isinstance(dtype, _DType) or len(data) != dtype.dtype.itemsize:
        raise ValueError("a number is not one")
    return np.frombuffer(data, dtype.dtype)[0].item()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: str) -> _Array:
    """numpy's _frombuffer, which pickles of protocol 5 use."""
    made = _Array()
    made.__setstate__((1, shape, dtype, order == "F", data))
    return made


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """_codecs.encode, by which older protocols write bytes."""
    if encoding != "latin1":
        raise ValueError("the encoding of bytes is not 'latin1'")
    return text.encode("latin1")


ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _ordered,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): lambda: b"",  # so older protocols write no bytes at all
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", lambda kind, shape, code: _Array()),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
}
