"""Small files of every kind that npzf reads, and what it finds in them; no part of the paper.

A kind is made in the present folder under its own name and read from a path. Where a kind is sealed, a digest in the file tells
damage; of the others, which other programs have made, none says what they held.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from faults.saves import SAVES, Pictures, digest, images, of_net, tiny
from PIL import Image

import npzf
from npzf.data.decode import decode
from npzf.data.voc_annotation import annotated_objects
from npzf.data.voc_lists import Lists
from npzf.interop.net_files import class_names
from npzf.interop.weights.files import read_state
from npzf.interop.weights.state import set_state
from npzf.storage import sealed
from npzf.storage.json_file import write_json
from npzf.studies import top_activations
from npzf.transfer import extract_features, parts
from npzf.transfer.overlap import Pair
from npzf.transfer.overlap_file import read_overlap, write_overlap
from npzf.transfer.splits import Split, read_split, write_split

MOST_SEALED = 2**30  # bytes of a file that gets another digest
MESSAGES = (ValueError, OSError)  # what a file is refused with; everything else has not been thought of


@dataclass(frozen=True)
class Kind:
    """file: its name; make() writes it; read(path) gives a digest of all that it holds; sealed: whether it has a digest itself.

    lenient: whether some of its bytes mean nothing, so that a damaged file may hold the same; damaged: whether
    there is one to be damaged; remarks: whether libraries may say more on standard error, as libtiff does.
    """

    file: str
    make: Callable[[], Any]
    read: Callable[[Path], str]
    sealed: bool = False
    lenient: bool = False
    damaged: bool = True
    remarks: bool = False


def saved(name: str, lenient: bool = False) -> Kind:
    """What saves.SAVES writes first."""
    of = SAVES[name]
    return Kind(of.files[0], of.prepare, lambda path: of.look(str(path)), True, lenient)


def extract() -> None:
    """Features with a part for each batch, which stay."""
    parts.PART_BYTES = 1
    with mock.patch.object(parts.Parts, "remove"):
        extract_features(tiny(), images(), ["fc2"], "features.h5", batch=4)


def make_part() -> None:
    extract()
    Path("features.h5").unlink()


def read_part(path: Path) -> str:
    """The features that the part becomes a part of; ValueError, with what was said, if it was not used."""
    said, before = io.StringIO(), path.stat()
    handler = logging.StreamHandler(said)
    logging.getLogger("npzf").addHandler(handler)
    extract()
    found = SAVES["features"].look("features.h5")
    Path("features.h5").unlink()
    if not path.exists() or path.stat().st_mtime_ns != before.st_mtime_ns:
        raise ValueError(said.getvalue().partition("\n")[0])  # of the parts after it, more lines
    return found


def top_of_maps() -> str:
    """The strongest activations of each map, by a sweep that resumes where it can."""
    found = top_activations(tiny(), images(), ["conv1"], count=2, state_file="unfinished.h5")["conv1"]
    return digest(*(np.asarray(part) for part in vars(found).values()))


def make_torch(zipped: bool) -> Callable[[], None]:
    def make() -> None:
        import torch

        state = {name.replace("/", "."): torch.from_numpy(value.copy()) for name, value in tiny().parameters.items()}
        torch.save({"state_dict": state, "epoch": 3}, "weights.pth", _use_new_zipfile_serialization=zipped)

    return make


def make_pickle() -> None:
    import pickle

    Path("weights.pkl").write_bytes(pickle.dumps({"a": np.arange(30.0).reshape(5, 6), "b": [np.ones(3, np.float32)]}))


def read_weights(path: Path) -> str:
    state = read_state(path)
    return digest({name: np.asarray(value) for name, value in state.arrays.items()})


def read_into_net(path: Path) -> str:
    """The weights as a net takes them."""
    net = tiny()
    state = read_state(path)
    set_state(net, state, state.layout or "pytorch")
    return of_net(net)


def of_weights(suffix: str) -> Kind:
    return Kind(f"weights{suffix}", SAVES[f"weights {suffix}"].prepare, read_into_net)


def picture(form: str, suffix: str, **options: Any) -> Kind:
    """A photograph of 24 x 20 pixels."""

    def make() -> None:
        y, x = np.mgrid[:20, :24]
        pixels = np.stack([x * 10, y * 12, (x * y) % 256], 2).astype(np.uint8)
        Image.fromarray(pixels).save(f"picture{suffix}", form, **options)

    return Kind(f"picture{suffix}", make, lambda path: digest(decode(path)), remarks=True)


PICTURES = {
    "png": picture("PNG", ".png"),
    "jpeg": picture("JPEG", ".jpg"),
    "progressive jpeg": picture("JPEG", ".jpeg", progressive=True),
    "gif": picture("GIF", ".gif"),
    "webp": picture("WEBP", ".webp"),
    "bmp": picture("BMP", ".bmp"),
    "tiff": picture("TIFF", ".tiff"),
    "compressed tiff": picture("TIFF", ".tif", compression="tiff_lzw"),
}


def make_onnx() -> None:
    npzf.to_onnx(tiny(), "model.onnx")


NAMES = [f"photos/{name}/image_{i:04d}.jpg" for name in ("ant", "bee") for i in range(6)]


def make_split() -> None:
    write_split("split.txt", Split(np.arange(4), np.arange(4, 10)), NAMES)


def read_split_of(path: Path) -> str:
    found = read_split(path, NAMES)
    return digest(found.train, found.test)


def make_overlap() -> None:
    write_overlap("overlap.csv", [Pair(2, 3, 0.99, False), Pair(4, 1, 0.98, True)], Pictures(9), Pictures(9))


def make_voc() -> None:
    Path("Main").mkdir()
    (Path("Main") / "train.txt").write_text("".join(f"{i:06d}\n" for i in range(12)))


def read_voc(path: Path) -> str:
    return digest(Lists(path.parent).images("train"))


ANNOTATION = "<annotation><object><name>cat</name><difficult>1</difficult></object><object><name>dog</name></object></annotation>"

KINDS: dict[str, Kind] = {
    "net": saved("net"),
    "checkpoint": saved("checkpoint"),
    "sweep state": saved("sweep state"),
    "state of top maps": Kind("unfinished.h5", top_of_maps, lambda path: top_of_maps(), sealed=True),
    "features": saved("features"),
    "part": Kind("features.h5.parts/0000000000.h5", make_part, read_part, sealed=True),
    "packed images": saved("packed images", lenient=True),
    "results": saved("results", lenient=True),
    ".h5 weights": of_weights(".h5"),
    ".npz weights": of_weights(".npz"),
    ".safetensors weights": of_weights(".safetensors"),
    ".pth weights": Kind("weights.pth", make_torch(True), read_into_net),
    "old .pth weights": Kind("weights.pth", make_torch(False), read_into_net),
    ".pth from here": Kind("weights.pth", lambda: None, read_weights, damaged=False),
    ".pkl weights": Kind("weights.pkl", make_pickle, read_weights),
    ".onnx": Kind("model.onnx", make_onnx, lambda path: of_net(npzf.from_onnx(path))),
    **PICTURES,
    "classes": Kind("classes.txt", lambda: _text("classes.txt", "ant\nbee\ncat\n"), lambda path: digest(class_names(path))),
    "split": Kind("split.txt", make_split, read_split_of),
    "split as JSON": Kind(
        "split.json",
        lambda: _text("split.json", json.dumps({"train": NAMES[:3], "test": [[name, 0, "ant"] for name in NAMES[3:]]})),
        read_split_of,
    ),
    "overlap": Kind("overlap.csv", make_overlap, lambda path: digest(read_overlap(path, Pictures(9)))),
    "list of VOC": Kind("Main/train.txt", make_voc, read_voc),
    "annotation": Kind("000001.xml", lambda: _text("000001.xml", ANNOTATION), lambda path: digest(annotated_objects(path))),
}


def _text(name: str, content: str) -> None:
    Path(name).write_text(content)


def make(kind: str) -> str:
    """Writes a file of this kind in the present folder; the digest of what it holds."""
    KINDS[kind].make()
    return KINDS[kind].read(Path(KINDS[kind].file))


def attempt(kind: str, path: str) -> dict[str, str]:
    """What reading the file gives: the digest of what it holds, or the type and the words of the error."""
    return outcome(lambda: KINDS[kind].read(Path(path)))


def outcome(read: Callable[[], Any]) -> dict[str, str]:
    """The value of a call, or the type and the words of its error."""
    try:
        return {"value": str(read())}
    except (*MESSAGES, MemoryError) as error:
        return {"error": type(error).__name__, "refused": str(isinstance(error, MESSAGES)), "message": str(error)}


def seal(path: str) -> None:
    """Gives a file that was changed the digest that it ought to have, as a stranger could."""
    if not Path(path).is_file() or Path(path).stat().st_size > MOST_SEALED:
        return
    if path.endswith("results.json"):
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            write_json(path, json.loads(Path(path).read_bytes())["content"])
    if not path.endswith(".h5"):
        return
    with open(path, "r+b") as file:
        try:
            apart = sealed.read_seal(file).apart
        except sealed.NotWhole:
            apart = sealed.NOTHING
        sealed.seal(file, apart)
