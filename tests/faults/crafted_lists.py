"""Lists, tables, annotations and results that somebody has made with intent; no part of the paper."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npzf.storage.json_file import write_json

Case = tuple[str, Callable[..., None], bool]


def written(data: bytes) -> Callable[[Path, Path], None]:
    def spoil(path: Path, _: Path) -> None:
        path.write_bytes(data)

    return spoil


def fifo(path: Path, _: Path) -> None:
    import os

    path.unlink()
    os.mkfifo(path)


def device(path: Path, _: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def folder(path: Path, _: Path) -> None:
    path.unlink()
    path.mkdir()


def sparse(path: Path, _: Path) -> None:
    """A file of 8 GB that takes no room on the disk."""
    with path.open("r+b") as file:
        file.truncate(8 * 2**30)


def results(content: Any) -> Callable[[Path, Path], None]:
    """Results with the right digest."""

    def spoil(path: Path, _: Path) -> None:
        write_json(path, content)

    return spoil


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(12)
)
GOOD = b"<annotation><object><name>%s</name></object></annotation>"
JSONS = {
    "no list": b'{"train": 3, "test": 4}',
    "deep": b"[" * 10**6,
    "numbers": b'{"train": [1], "test": [2]}',
    "nothing": b"",
    "null": b"null",
    "a huge number": b"9" * 10**6,
    "names with escapes": b'{"train": ["\\u001b[2J"], "test": ["a"]}',
    "a name of 3,000 letters": json.dumps({"train": ["n" * 3000], "test": ["a"]}).encode(),
    "surrogates": b'{"train": ["\\ud800"], "test": ["a"]}',
    "empty lists": b'{"train": [[]], "test": []}',
}
TEXTS: dict[str, dict[str, bytes]] = {
    "classes": {
        "nothing": b"",
        "an empty line": b"a\n\nb\n",
        "no text": b"\xff\xfe\0",
        "blanks": b"   \n",
        "UTF-16": "ant\nbee".encode("utf-16"),
    },
    "split": {
        "no tab": b"train photos\n",
        "another part": b"other\tx\n",
        "a name with escapes": b"train\t\x1b[2J\n",
        "a name of 3,000 letters": b"train\t" + b"n" * 3000 + b"\n",
        "a folder above": b"train\t../../../etc/passwd\n",
        "no text": b"\xff\xfe\n",
    },
    "split as JSON": JSONS,
    "overlap": {
        "no columns": b"\n",
        "another column": b"a,b\n1,2\n",
        "an unknown image": b"target,pretraining\n../x,y\n",
        "an image with escapes": b"target,pretraining\n\x1b[2J\r,y\n",
        "a field of 10^6 letters": b"target,pretraining\n" + b"n" * 10**6 + b",y\n",
        "NUL": b"target,pretraining\n\0,y\n",
    },
    "list of VOC": {
        "two images in a line": b"a\nb c d\n",
        "an image twice": b"a\na\n",
        "no text": b"\xff\xfe",
        "escapes twice": b"\x1b[2J\n\x1b[2J\n",
    },
    "annotation": {
        "entities in entities": BOMB + b"]>" + GOOD % b"&m;",
        "an external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "../elsewhere/canary.bin">]>' + GOOD % b"&x;",
        "an external document type": b'<!DOCTYPE annotation SYSTEM "../elsewhere/canary.bin">' + GOOD % b"cat",
        "no annotation": b"<x/>",
        "an unknown encoding": b'<?xml version="1.0" encoding="none"?>' + GOOD % b"cat",
        "no name": b"<annotation><object/></annotation>",
        "deep elements": b"<annotation>" + b"<a>" * 10**5,
        "a difficulty with escapes": GOOD.replace(b"</name>", b"</name><difficult>&#10;&#13;x</difficult>") % b"cat",
    },
}
RESULTS: dict[str, Any] = {
    "a list": [],
    "a number": {"a": 3},
    "no accuracy": {"a": {"c": 1.0, "seconds": 1.0}},
    "accuracy as text": {"a": {"accuracy": "x", "c": 1.0, "seconds": 1.0}},
    "accuracy NaN": {"a": {"accuracy": float("nan"), "c": 1.0, "seconds": 1.0}},
    "accuracy null": {"a": {"accuracy": None, "c": 1.0, "seconds": 1.0}},
    "c a list": {"a": {"accuracy": 90.0, "c": [], "seconds": 1.0}},
    "unknown": {"a": {"accuracy": 90.0, "c": 1.0, "seconds": 1.0, "__class__": 3}},
}
FILES: dict[str, Callable[[Path, Path], None]] = {
    "a FIFO": fifo,
    "a device": device,
    "a folder": folder,
    "a file of 8 GB": sparse,
}
EVERYWHERE = [
    *("net", "checkpoint", "state of top maps", "features", "packed images", "results", "png", "classes", "split"),
    *("split as JSON", "overlap", "list of VOC", "annotation", ".h5 weights", ".npz weights", ".safetensors weights"),
    *(".pkl weights", ".onnx"),
]


def cases() -> dict[str, Case]:
    """Name -> kind of file, what spoils it, whether it may be read all the same."""
    made = {f"{kind}: {what}": (kind, written(data), False) for kind, texts in TEXTS.items() for what, data in texts.items()}
    made |= {f"results: {what}": ("results", results(content), False) for what, content in RESULTS.items()}
    made["results: deep"] = ("results", written(b"[" * 10**6), False)
    made["results: a huge number"] = ("results", written(b"9" * 10**6), False)
    for kind in EVERYWHERE:
        made |= {f"{kind} is {what}": (kind, spoil, False) for what, spoil in FILES.items()}
    return made
