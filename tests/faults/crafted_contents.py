"""Sealed files that say what cannot be: architectures, states of training, attributes, packed sets; no part of the paper."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Case = tuple[str, Callable[..., None], bool]
NAN, INFINITY = float("nan"), float("inf")
NAMES = ["", "a/b", "..", "../../x", "\n", "\x1b[2J", "\0", "n" * 3000, "input", "conv1", "\ud800", 7, None, True, [], {}]
NUMBERS = [0, -1, 1e300, NAN, INFINITY, 2**63, 10**30, 0.5, "3", None, True, [], {}, [3, 3, 3, 3], [10**9, 10**9], [-1, 2]]


def of_text(name: str, change: Callable[[Any], Any]) -> Callable[[Path, Path], None]:
    """Replaces a dataset of JSON; change may return other text, or a value that becomes JSON."""

    def spoil(path: Path, _: Path) -> None:
        with h5py.File(path, "r+") as file:
            value = change(json.loads(file[name][()]))
            text = value if isinstance(value, bytes) else json.dumps(value).encode()
            del file[name]
            file[name] = np.bytes_(text)

    return spoil


def putting(place: Sequence[Any], value: Any) -> Callable[[Any], Any]:
    """Sets form[place[0]][place[1]]..., or the whole form."""

    def change(form: Any) -> Any:
        if not place:
            return value
        where = form
        for key in place[:-1]:
            where = where[key]
        where[place[-1]] = value
        return form

    return change


def without(place: Sequence[Any]) -> Callable[[Any], Any]:
    def change(form: Any) -> Any:
        where = form
        for key in place[:-1]:
            where = where[key]
        del where[place[-1]]
        return form

    return change


def words(value: Any) -> str:
    return repr(value) if len(repr(value)) < 40 else f"{repr(value)[:30]}... of {len(repr(value))}"


LAYER = ("layers", 0, "layer")
PLACES: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {  # what -> where in the architecture, values
    "input": (
        ("input",),
        [
            *(None, 3, "7", [], [7], [7, 7], [7, 7, 3, 1], [INFINITY, 7, 3], [NAN, 7, 3], [7.5, 7, 3], [0, 7, 3], [-7, 7, 3]),
            *([10**9, 10**9, 3], ["7", 7, 3], [True, 7, 3], [[7], 7, 3], [10**30, 7, 3], {"0": 7}),
        ],
    ),
    "dtype": (
        ("dtype",),
        ["int64", "object", "O", "float128", "float16", "complex64", "S3", "", None, 4, ["f4"], "<f4,<f4", "M8"],
    ),
    "kind": (
        (*LAYER, "kind"),
        [
            "Layer",
            "Join",
            "Pointwise",
            "Network",
            "__import__",
            "__class__",
            "os",
            "conv",
            "",
            None,
            3,
            ["Conv"],
            "K" * 3000,
            "ReLU\n",
        ],
    ),
    "maps": ((*LAYER, "maps"), [*NUMBERS, 10**9, 10**6]),
    "window": ((*LAYER, "window"), NUMBERS),
    "stride": ((*LAYER, "stride"), NUMBERS),
    "pad": ((*LAYER, "pad"), [*NUMBERS[1:], 10**9, 10**6]),
    "groups": ((*LAYER, "groups"), NUMBERS),
    "ceil": ((*LAYER, "ceil"), [1, "yes", None, [], 0.5]),
    "units": (("layers", 3, "layer", "units"), [*NUMBERS, 10**9, 10**12]),
    "rate": (("layers", 4, "layer", "rate"), [-1, 1.5, NAN, INFINITY, "0.5", None, [], 10**30]),
    "name": (("layers", 1, "name"), NAMES),
    "sources": (
        ("layers", 1, "sources"),
        [None, "conv1", [], ["nothing"], ["relu1"], ["fc3"], [3], ["conv1", "conv1"], [None], {}],
    ),
    "layers": (("layers",), [None, {}, [], [None], [[]], [{}], "layers", 3, [{"name": "a"}]]),
    "unknown option": ((*LAYER, "__class__"), ["os.system", 3]),
    "layer": (LAYER, [None, [], "Conv", {}, {"kind": "Conv"}, {"kind": "Conv", "self": 3}]),
}


def many_layers(form: Any) -> Any:
    rows = [{"name": f"r{i}", "layer": {"kind": "ReLU"}, "sources": [f"r{i - 1}" if i else "input"]} for i in range(10**5)]
    return form | {"layers": rows}


ARCHITECTURES: dict[str, Callable[[Any], Any]] = {
    "no JSON": lambda form: b"{",
    "no object": lambda form: [form],
    "deep JSON": lambda form: b"[" * 10**6,
    "deep objects": lambda form: b'{"a":' * 10**5,
    "a number of 10^6 digits": lambda form: b'{"input": ' + b"1" * 10**6 + b"}",
    "no text": lambda form: b"\xff\xfe",
    "nothing": lambda form: b" ",
    "10^5 layers": many_layers,
    "layers twice": lambda form: form | {"layers": form["layers"] * 2},
    "the last layer gone": lambda form: form | {"layers": form["layers"][:-1]},
    "20 MB of spaces": lambda form: json.dumps(form).encode() + b" " * 20_000_000,
    "two keys of a name": lambda form: json.dumps(form).replace('"maps": 3', '"maps": 3, "maps": 5').encode(),
    "no input": without(("input",)),
    "no dtype": without(("dtype",)),
    "a layer without sources": without(("layers", 0, "sources")),
}
CLASSES = [
    None,
    3,
    {},
    {"a": 1},
    [],
    ["ant"],
    ["ant", "bee", 3],
    ["ant", "bee", None],
    "ant",
    [["a"], ["b"], ["c"]],
    ["a"] * 10**5,
]
STATE: dict[tuple[Any, ...], Sequence[Any]] = {
    ("epoch",): [None, -1, 1e300, NAN, INFINITY, "1", True, 1.5, [], {}, 10**30],
    ("batch",): [None, -1, 1e300, NAN, INFINITY, "1", True, 1.5, [], 10**30, 10**6],
    ("epoch_totals",): [None, {}, [], {"loss": "a"}, {"loss": 0.0}],
    ("epoch_totals", "loss"): ["1", None, NAN, INFINITY, [], -1.0],
    ("epoch_totals", "images"): [None, -1, 0.5, "3", NAN, 10**30],
    ("log_rows",): [None, {}, 3, "rows", [None], [{}], [3], [{"epoch": 1}], [{"epoch": "\x1b[2J"}]],
    ("schedule",): [None, {}, [], {"rate": 1.0}, {"rate": NAN, "patience": 1}],
    ("schedule", "rate"): [None, NAN, INFINITY, -1, 0, "0.1", [], True],
    ("schedule", "best"): [None, NAN, "x", [], {}],
    ("schedule", "waited"): [None, NAN, -1, "x", 0.5, []],
    ("schedule", "patience"): [None, 0, -1, "x", NAN],
    ("schedule", "__class__"): [3],
    ("config",): [None, {}, [], {"nothing": 1}, "config"],
    ("config", "batch"): [None, 0, -1, 1e300, NAN, "7", 10**12, [], 7.5],
    ("config", "rate"): [None, 0, -1, NAN, INFINITY, "x", []],
    ("config", "momentum"): [None, NAN, 2, -1, "x"],
    ("config", "filter_rms"): [NAN, -1, "x", []],
    ("config", "seed"): [None, -1, "x", 0.5, NAN],
    ("config", "epochs"): [None, 0, -1, NAN, "x", 1e300, 1.5],
    ("config", "save_every"): [None, -1, "x", NAN],
    ("config", "schedule"): [None, "x", 3, []],
    ("config", "loss"): [None, "x", 3, [], {}],
    ("config", "rates"): [None, [], 3, {"nothing": 1.0}, {"conv1": "x"}, {"conv1": NAN}, {"conv1": -1}],
    ("config", "freeze"): ["nothing", 3, [], {}],
}


def attribute(name: str, value: Any, dtype: Any = None) -> Callable[[Path, Path], None]:
    def spoil(path: Path, _: Path) -> None:
        with h5py.File(path, "r+") as file:
            if value is None:
                del file.attrs[name]
            else:
                file.attrs.create(name, value, dtype=dtype)

    return spoil


WHOLE = [None, -1.0, NAN, "3", [1, 2], [], True, np.uint64(2**64 - 1), np.int8(1), np.bytes_(b"3"), h5py.Empty("i8")]
TEXT = [None, 3, NAN, "text", [b"a", b"b"], np.bytes_(b"\xff"), np.bytes_(b"x" * 60000), h5py.Empty("S3"), np.bytes_(b"npzf\nx")]


def datasets(**arrays: Any) -> Callable[[Path, Path], None]:
    """Puts arrays in the place of datasets; a function makes one of what is there."""

    def spoil(path: Path, _: Path) -> None:
        with h5py.File(path, "r+") as file:
            for name, value in arrays.items():
                new = value(file[name][()]) if callable(value) else value
                del file[name]
                file[name] = new

    return spoil


def shifted(place: Any, value: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[place] = value
        return array

    return change


def digest_of_nothing(array: np.ndarray) -> np.ndarray:
    return np.tile(np.frombuffer(hashlib.sha256(b"").digest(), np.uint8), (len(array), 1))


PACKED: dict[str, Callable[..., None]] = {
    "falling offsets": datasets(offsets=shifted(1, 10**6)),
    "offsets beyond the end": datasets(offsets=shifted(-1, 10**12)),
    "offsets from -1": datasets(offsets=shifted(0, -1)),
    "offsets from the header": datasets(offsets=lambda array: array - 600),
    "offsets of the largest number": datasets(offsets=lambda array: np.full_like(array, 2**63 - 1)),
    "one offset": datasets(offsets=np.zeros(1, np.int64)),
    "labels below 0": datasets(labels=shifted(0, -1)),
    "labels too large": datasets(labels=shifted(0, 3)),
    "largest labels": datasets(labels=shifted(0, 2**63 - 1)),
    "a third split": datasets(split=shifted(0, 2)),
    "other digests": datasets(sha256=shifted(0, 1)),
    "digests of nothing": datasets(sha256=digest_of_nothing),
    "digests that are short": datasets(sha256=lambda array: array[:, :31]),
    "no images": datasets(
        labels=np.zeros(0, np.int64),
        offsets=np.zeros(1, np.int64),
        split=np.zeros(0, np.uint8),
        names=np.zeros(0, "S3"),
        sha256=np.zeros((0, 32), np.uint8),
        bytes=np.zeros(0, np.uint8),
    ),
    "more names than images": datasets(names=np.array([b"a"] * 9)),
    "images that are none": datasets(bytes=lambda array: array[::-1].copy()),
}
FEATURES: dict[str, Callable[..., None]] = {
    "decoded beyond": datasets(decoded=lambda array: np.ones(99, np.uint8)),
    "targets beyond": datasets(targets=shifted(0, 99)),
    "targets below 0": datasets(targets=shifted(0, -1)),
    "targets as text": datasets(targets=np.array([b"a"] * 14)),
    "fewer targets": datasets(targets=np.zeros(3, np.int64)),
    "fewer names": datasets(names=np.array([b"a"] * 3)),
}
IN_FEATURES: dict[tuple[str, tuple[str, ...]], Sequence[Any]] = {  # dataset, where in it -> values
    ("description", ()): [None, 3, [], {}, {"layers": 3}],
    ("description", ("layers",)): [None, [], ["other"], [3], ["fc2", "fc2"], "fc2", {"fc2": 1}],
    ("datasets", ()): [None, 3, [], {}, {"fc2": 3}, {"fc2": "../x"}, {"fc2": "/names"}, {"fc2": None}, {"other": "fc2"}],
    ("classes", ()): [None, 3, {"a": 1}, [1, 2, 3], []],
}


def cases() -> dict[str, Case]:
    """Name -> kind of file, what spoils it, whether it may be read all the same."""
    made: dict[str, Case] = {}
    for what, (place, values) in PLACES.items():
        for value in values:
            harmless = (what, value) in ALIKE if isinstance(value, int | float | str | None) else False
            made[f"net: {what} is {words(value)}"] = ("net", of_text("architecture", putting(place, value)), harmless)
    for what, change in ARCHITECTURES.items():
        made[f"net: architecture with {what}"] = ("net", of_text("architecture", change), False)
    for value in CLASSES:
        made[f"net: classes are {words(value)}"] = ("net", of_text("classes", putting((), value)), value is None)
    for place, values in STATE.items():
        for value in values:
            name = f"checkpoint: {' '.join(place)} is {words(value)}"
            made[name] = ("checkpoint", of_text("training/state", putting(place, value)), (place[-1], words(value)) in FINE)
        if len(place) < 3 and place[-1] != "__class__":
            made[f"checkpoint: no {' '.join(place)}"] = ("checkpoint", of_text("training/state", without(place)), True)
    for what in ("deep JSON", "deep objects", "no text", "nothing", "a number of 10^6 digits", "20 MB of spaces"):
        made[f"checkpoint: state with {what}"] = ("checkpoint", of_text("training/state", ARCHITECTURES[what]), False)
    whole = {"net": ("seed", "passes", "version"), "state of top maps": ("done",), "part": ("first", "done")}
    for kind, names in whole.items():
        for name in names:
            for value in WHOLE:
                made[f"{kind}: {name} is {words(value)}"] = (kind, attribute(name, value), False)
    for kind, name in (("net", "format"), ("state of top maps", "identity"), ("packed images", "origin"), ("features", "net")):
        for value in TEXT:
            fine = kind in ("packed images", "features") and isinstance(value, bytes) and value.startswith(b"npzf")
            made[f"{kind}: {name} is {words(value)}"] = (kind, attribute(name, value), fine)
    for value in (-1, 10**9, 2**62):
        made[f"state of top maps: done is {value}"] = ("state of top maps", attribute("done", value), False)
        made[f"part: done is {value}"] = ("part", attribute("done", value), False)
    for name, values in (("images", (-1, 99, 2**62)), ("rows", (-1, 99)), ("columns", (-1, 99))):
        for value in values:
            spoil = datasets(**{f"state/0/{name}": shifted((0, 0), value)})
            made[f"state of top maps: {name} has {value}"] = ("state of top maps", spoil, False)
    for value in (-1, 99, 2**62):
        made[f"part: indices have {value}"] = ("part", datasets(indices=shifted(0, value)), False)
    made["part: indices twice"] = ("part", datasets(indices=shifted(0, 1)), False)
    made |= {f"packed images: {what}": ("packed images", spoil, False) for what, spoil in PACKED.items()}
    made |= {f"features: {what}": ("features", spoil, False) for what, spoil in FEATURES.items()}
    for (name, place), values in IN_FEATURES.items():
        for value in values:
            spoil = of_text(name, putting(place, value))
            made[f"features: {' '.join((name, *place))} is {words(value)}"] = ("features", spoil, False)
    return made


ALIKE: set[tuple[str, Any]] = set()  # what means the same as before, or something else that is sound
FINE = {("loss", "-1.0"), ("batch", "1000000000000")}  # of the totals; of the config: larger than the set
