"""HDF5 files of npzf's own kinds, networks above all: whole or absent, sealed, and read without trust; no part of the paper.

Attributes of every file: format, "npzf KIND", and version. What a network holds is in serialization.py, what a checkpoint adds in
training/checkpoint.py. Text is of fixed length, and every dataset lies in the file in one piece, so that any program reads them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

import h5py

from npzf.storage.atomic import atomic_write
from npzf.storage.reader import Reader
from npzf.storage.regular import open_regular
from npzf.storage.sealed import NOTHING, NotWhole, seal, verify
from npzf.storage.writer import NewFile, fixed_text

VERSION = 3  # 2 had no seal and text of variable length; 1 had other names of layers
NETWORK = "network"


def write(
    path: str | os.PathLike, write_contents: Callable[[NewFile], None], kind: str = NETWORK, apart: str | None = None
) -> None:
    """Lets write_contents(file) fill a new HDF5 file of this kind, which is sealed and takes the place of path at once.

    apart: a dataset that the seal leaves out, since its pieces have digests of their own. OSError, in one line, if that fails:
    the earlier file survives.
    """
    with atomic_write(path) as raw:
        try:
            with NewFile(raw) as file:
                file.attrs["format"], file.attrs["version"] = fixed_text(f"npzf {kind}"), VERSION
                write_contents(file)
                place = NOTHING if apart is None else _place(file[apart])
        except RuntimeError as error:  # how h5py reports some failed writes
            raise OSError(str(error).splitlines()[0]) from error
        seal(raw, place)


@contextlib.contextmanager
def read(path: str | os.PathLike, kind: str = NETWORK, apart: str | None = None, remedy: str | None = None) -> Iterator[Reader]:
    """What write has written to path, verified before HDF5 looks at it; its datasets are read one by one, by name.

    apart: as for write; remedy: what to do about a damaged file. ValueError, in one line that names the path, for any other file,
    and for whatever is found wrong within the block; FileNotFoundError, or OSError for what is no regular file.
    """
    one = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} saved by npzf"
    remedy = remedy or ("train or convert the net again" if kind == NETWORK else "remove the file and begin again")
    with open_regular(path, one) as raw:
        try:
            seal = verify(raw)
        except NotWhole as error:
            raise ValueError(f"{path}: {error}; expected {one}: {remedy}") from None
        try:
            with h5py.File(raw, "r") as file:
                reader = Reader(path, raw, file, seal)
                _check(reader, kind, apart, remedy)
                yield reader
        except Exception as error:  # whatever a crafted file makes of h5py, or of those who read it
            if isinstance(error, ValueError) and str(path) in str(error):
                raise
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path} is damaged ({reason}), expected {one}: {remedy}") from None


def _check(reader: Reader, kind: str, apart: str | None, remedy: str) -> None:
    """ValueError unless the file is of this kind and version, and the seal leaves out this dataset alone."""
    form = reader.text_attribute("format")
    if form != f"npzf {kind}":
        raise ValueError(f"format of {reader.path} is {form!r}, expected 'npzf {kind}'")
    if (version := reader.integer("version")) != VERSION:
        raise ValueError(f"version of {reader.path} is {version}, expected {VERSION}: {remedy}")
    place = None if apart is None else reader.place(apart)
    if reader.seal.apart != (NOTHING if place is None or not place.nbytes else (place.first, place.first + place.nbytes)):
        raise ValueError(f"first 512 bytes of {reader.path} leave out another part than {apart or 'none'}, expected that")


def _place(dataset: h5py.Dataset) -> tuple[int, int]:
    """First byte and end of a dataset in the file; nothing for an empty one."""
    if not dataset.nbytes:
        return NOTHING
    first = dataset.id.get_offset()
    return first, first + dataset.nbytes
