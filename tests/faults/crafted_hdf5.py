"""Sealed HDF5 files whose datasets lie elsewhere, are not what they say, or fill the memory; no part of the paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

Spoil = Callable[[h5py.File, str, Path], None]
HUGE = 10**12

TARGETS = {  # kind -> the dataset that is spoiled
    "net": "parameters/conv1/weight",
    "checkpoint": "training/velocity/conv1/weight",
    "state of top maps": "state/0/values",
    "features": "features/fc2",
    "part": "0",
    "packed images": "bytes",
}
TEXTS = {"net": "architecture", "checkpoint": "training/state", "features": "description", "packed images": "names"}
OTHERS = {"net": "std", "packed images": "offsets", "features": "targets"}


def replaced(file: h5py.File, name: str, *arguments: Any, **options: Any) -> None:
    """Another dataset of that name."""
    del file[name]
    file.create_dataset(name, *arguments, **options)


def linked(target: Callable[[Path], Any]) -> Spoil:
    def spoil(file: h5py.File, name: str, elsewhere: Path) -> None:
        del file[name]
        file[name] = target(elsewhere)

    return spoil


def virtual(source: str) -> Spoil:
    def spoil(file: h5py.File, name: str, elsewhere: Path) -> None:
        shape, dtype = file[name].shape, file[name].dtype
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(str(elsewhere / source), "data", shape, dtype)
        del file[name]
        file.create_virtual_dataset(name, layout)

    return spoil


def external(source: str) -> Spoil:
    def spoil(file: h5py.File, name: str, elsewhere: Path) -> None:
        old = file[name]
        replaced(file, name, old.shape, old.dtype, external=[(str(elsewhere / source), 0, h5py.h5f.UNLIMITED)])

    return spoil


def stored(**options: Any) -> Spoil:
    def spoil(file: h5py.File, name: str, _: Path) -> None:
        replaced(file, name, data=file[name][()], **options)

    return spoil


def shaped(shape: Callable[[tuple[int, ...]], tuple[int, ...]], **options: Any) -> Spoil:
    """A dataset that nothing was written to."""

    def spoil(file: h5py.File, name: str, _: Path) -> None:
        replaced(file, name, shape(file[name].shape), file[name].dtype, **options)

    return spoil


def typed(dtype: Any) -> Spoil:
    def spoil(file: h5py.File, name: str, _: Path) -> None:
        replaced(file, name, file[name].shape, dtype)

    return spoil


def compact(file: h5py.File, name: str, _: Path) -> None:
    old, data = file[name], file[name][()]
    layout = h5p.create(h5p.DATASET_CREATE)
    layout.set_layout(h5d.COMPACT)
    kind, space = old.id.get_type(), h5s.create_simple(old.shape) if old.shape else h5s.create(h5s.SCALAR)
    del file[name]
    h5d.create(file.id, name.encode(), kind, space, layout)
    file[name][()] = data


def null(file: h5py.File, name: str, _: Path) -> None:
    kind = file[name].id.get_type()
    del file[name]
    h5d.create(file.id, name.encode(), kind, h5s.create(h5s.NULL))


def missing(file: h5py.File, name: str, _: Path) -> None:
    del file[name]


def group(file: h5py.File, name: str, _: Path) -> None:
    del file[name]
    file.create_group(name)["more"] = 1.0


def named_type(file: h5py.File, name: str, _: Path) -> None:
    del file[name]
    file[name] = np.dtype("<f4")


def of_named_type(file: h5py.File, name: str, _: Path) -> None:
    data = file[name][()]
    file["a type"] = file[name].dtype
    replaced(file, name, data.shape, file["a type"])
    file[name][()] = data


def cycle(file: h5py.File, name: str, _: Path) -> None:
    del file[name]
    parent = file[name.rpartition("/")[0] or "/"]
    parent[name.rpartition("/")[2]] = file["/"]


def deep(file: h5py.File, name: str, _: Path) -> None:
    where = file[name.rpartition("/")[0] or "/"]
    for _ in range(3000):
        where = where.create_group("g")


def many(file: h5py.File, name: str, _: Path) -> None:
    where = file.require_group(name.rpartition("/")[0] or "/")
    for i in range(20000):
        where.create_group(f"g{i}")


def opaque(file: h5py.File, name: str, _: Path) -> None:
    shape = file[name].shape
    del file[name]
    h5d.create(file.id, name.encode(), h5t.create(h5t.OPAQUE, 4), h5s.create_simple(shape or (1,)))


def filled(value: float) -> Spoil:
    def spoil(file: h5py.File, name: str, _: Path) -> None:
        data = np.array(file[name])
        data.reshape(-1)[-1:] = value
        file[name][...] = data

    return spoil


STORAGE: dict[str, Spoil] = {
    "an external link": linked(lambda elsewhere: h5py.ExternalLink(str(elsewhere / "canary.h5"), "data")),
    "an external link to a FIFO": linked(lambda elsewhere: h5py.ExternalLink(str(elsewhere / "fifo"), "data")),
    "a soft link": linked(lambda _: h5py.SoftLink("/elsewhere")),
    "a soft link to itself": linked(lambda _: h5py.SoftLink("/")),
    "a virtual dataset": virtual("canary.h5"),
    "a virtual dataset of a FIFO": virtual("fifo"),
    "external storage": external("canary.bin"),
    "external storage in a FIFO": external("fifo"),
    "chunks": stored(chunks=True),
    "compressed": stored(chunks=True, compression="gzip"),
    "shuffled": stored(chunks=True, shuffle=True, fletcher32=True),
    "a bomb of chunks": shaped(lambda _: (10**5, 10**5), chunks=(1000, 1000), compression="gzip", fillvalue=1),
    "huge and empty": shaped(lambda _: (HUGE,)),
    "huge and empty, of its own dimensions": shaped(lambda shape: (*shape[:-1], 2**40)),
    "resizable": shaped(lambda shape: shape, chunks=True),
    "compact": compact,
    "of no space": null,
    "missing": missing,
    "a group": group,
    "a type": named_type,
    "a cycle of links": cycle,
    "opaque": opaque,
}
HARMLESS: dict[str, Spoil] = {"of a named type": of_named_type, "groups in groups": deep, "many groups": many}
TYPES: dict[str, Any] = {
    "int8": "i1",
    "int64": "<i8",
    "uint64": "<u8",
    "big endian": ">f4",
    "float16": "<f2",
    "float64": "<f8",
    "float128": np.longdouble,
    "bool": "?",
    "enum": h5py.enum_dtype({"a": 0, "b": 1}),
    "complex": "<c8",
    "compound": [("a", "<f4"), ("b", "<i4")],
    "array": np.dtype("(2,2)f4"),
    "vlen": h5py.vlen_dtype(np.float32),
    "text": h5py.string_dtype(),
    "fixed text": "S4",
    "reference": h5py.ref_dtype,
    "region reference": h5py.regionref_dtype,
}
OWN_TYPES = {"features": ("float16",), "state of top maps": ("float64", "float16", "bool", "enum", "int64"), "part": ("float16",)}
SHAPES: dict[str, Spoil] = {
    "a scalar": shaped(lambda _: ()),
    "no rows": shaped(lambda shape: (0, *shape[1:])),
    "one dimension more": shaped(lambda shape: (1, *shape)),
    "transposed": shaped(lambda shape: shape[::-1] if len(set(shape)) > 1 else (*shape[:-1], 9)),
    "one row more": shaped(lambda shape: (shape[0] + 1, *shape[1:]) if shape else (2,)),
}


OF_ARRAYS = ("a bomb of chunks", "huge and empty, of its own dimensions", "chunks", "compressed", "shuffled", "resizable")


def changed(spoil: Spoil, name: str) -> Callable[[Path, Path], None]:
    """The same on a file by its path."""

    def change(path: Path, elsewhere: Path) -> None:
        with h5py.File(path, "r+") as file:
            spoil(file, name, elsewhere)

    return change


def cases() -> dict[str, tuple[str, Callable[..., None], bool]]:
    """Name -> kind of file, what spoils it, whether it may be read all the same."""
    made = {}
    for kind, name in TARGETS.items():
        for what, spoil in (STORAGE | SHAPES).items():
            made[f"{kind}: {name} is {what}"] = (kind, changed(spoil, name), False)
        for what, spoil in HARMLESS.items():
            made[f"{kind}: {name} has {what}"] = (kind, changed(spoil, name), True)
        for what, dtype in TYPES.items():
            made[f"{kind}: {name} is of type {what}"] = (kind, changed(typed(dtype), name), what in OWN_TYPES.get(kind, ()))
    for kind, name in TEXTS.items():
        for what, spoil in STORAGE.items():
            if what not in OF_ARRAYS:
                made[f"{kind}: {name} is {what}"] = (kind, changed(spoil, name), False)
    for kind, name in OTHERS.items():
        for what in ("an external link", "external storage", "huge and empty", "of no space", "missing", "a group"):
            made[f"{kind}: {name} is {what}"] = (kind, changed(STORAGE[what], name), False)
    for kind in ("net", "checkpoint", "features"):
        for value in (np.nan, np.inf, -np.inf):
            made[f"{kind}: {TARGETS[kind]} has {value}"] = (kind, changed(filled(value), TARGETS[kind]), kind == "features")
    for name in ("parameters/fc3/bias", "mean"):
        for value in (np.nan, np.inf):
            made[f"net: {name} has {value}"] = ("net", changed(filled(value), name), False)
    return made
