"""Files of weights, whatever wrote them, as names and arrays; no part of the paper."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from npzf.interop.weights.hdf5_file import read_hdf5
from npzf.interop.weights.layouts import LAYOUTS
from npzf.interop.weights.limits import Refused, guarded, printable
from npzf.interop.weights.npz_file import read_npz
from npzf.interop.weights.restricted_pickle import read_pickle
from npzf.interop.weights.safetensors_file import read_safetensors
from npzf.interop.weights.torch_files import read_torch_file
from npzf.storage.regular import open_regular, read_regular
from npzf.storage.sealed import NotWhole, is_sealed, verify

log = logging.getLogger(__name__)
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "params", "weights")
MOST_PICKLE = 2**30  # bytes
LONGEST_NAME = 4096  # characters
FED = re.compile(r"(RGB|BGR) in \[0, ?(1|255)\],? minus mean(,? over std)?")


@dataclass(frozen=True)
class StateFile:
    """The arrays of a file by name.

    layout: one of LAYOUTS, if the file says so. fed: arguments of set_input, if it says what its net was fed. ordered: whether
    the names stand in the order of the layers, not of the alphabet.
    """

    path: Path
    arrays: dict[str, np.ndarray]
    layout: str | None = None
    fed: dict[str, Any] = field(default_factory=dict)
    ordered: bool = True


def read_state(path: str | Path) -> StateFile:
    """The arrays of a .pth, .safetensors, .npz or .h5 file; float16 and bfloat16 become float32.

    FileNotFoundError; ValueError, in one line, for a damaged file, another kind, one that takes more memory than its size allows,
    or a pickle that holds more than data.
    """
    path = Path(path)
    kind = f"weights: {', '.join(READERS)}"
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file, expected {kind}")
    with open_regular(path, kind):  # says what else it is
        pass
    if path.suffix.lower() not in READERS:
        raise ValueError(f"{path}: its suffix is {path.suffix!r}, expected one of {', '.join(READERS)}")
    state = READERS[path.suffix.lower()](path)
    if wrong := [name for name in state.arrays if not name.isprintable() or len(name) > LONGEST_NAME]:
        raise ValueError(f"{path}: an array is called {printable(wrong[0], 60)!r}, expected a name that can be printed")
    arrays = {name: guarded(partial(_floating, value), path) for name, value in state.arrays.items()}
    return StateFile(path, arrays, state.layout, state.fed, state.ordered)


def _floating(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float32) if value.dtype == np.float16 else value


def _torch(path: Path) -> StateFile:
    with open_regular(path) as file:
        start = file.read(2)
    if start[:2] != b"PK" and start[:1] == b"\x80" and path.suffix.lower() in (".pkl", ".ckpt"):
        found = read_pickle(read_regular(path, MOST_PICKLE, "a pickle of weights"), str(path))
    else:
        found = read_torch_file(path)
    return StateFile(path, guarded(lambda: _unwrapped(found, path), path))


def _safetensors(path: Path) -> StateFile:
    arrays, layout = guarded(lambda: read_safetensors(path), path)
    return StateFile(path, arrays, layout if layout in LAYOUTS else None, ordered=False)


def _npz(path: Path) -> StateFile:
    arrays = guarded(lambda: read_npz(path), path)
    said = arrays.pop("layout", None)
    layout = str(said) if said is not None and said.dtype.kind == "U" and not said.ndim else None
    return StateFile(path, arrays, layout if layout in LAYOUTS else None)


def _hdf5(path: Path) -> StateFile:
    sealed = _is_whole(path)
    found = read_hdf5(path)
    arrays = found.arrays
    if found.links:
        log.warning("%s: links are left out: %s", path, ", ".join(found.links))
    if str(found.attributes.get("format")).startswith("npzf "):  # a net or a checkpoint of ours
        if not sealed:
            why = "it does not begin with the SHA-256 that npzf writes first: damaged, or older"
            raise ValueError(f"{path}: {why}; expected a net saved by npzf: train or convert it again")
        prefix = "parameters/"
        own = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
        return StateFile(path, own, "npzf", ordered=False)
    said = str(found.attributes.get("layout", ""))
    layout = "keras" if said.startswith("HWIO") else said if said in LAYOUTS else None
    order = {name: place for place, name in enumerate(found.layers)}
    if order:  # Keras says it
        arrays = dict(sorted(arrays.items(), key=lambda item: min(map(order.get, item[0].split("/"), repeat(len(order))))))
    return StateFile(path, arrays, layout, _fed(path, found.attributes), ordered=bool(order))


def _is_whole(path: Path) -> bool:
    """Whether the file is one of npzf's own; ValueError for one that is damaged."""
    with open_regular(path) as file:
        if not is_sealed(file):
            return False
        try:
            verify(file)
        except NotWhole as error:
            raise ValueError(f"{path}: {error}; expected a file saved by npzf") from None
    return True


def _fed(path: Path, attributes: dict[str, Any]) -> dict[str, Any]:
    """What the net was fed, if the file's attribute input says so: "BGR in [0,255] minus mean", with mean and std beside it."""
    if "input" not in attributes:
        return {}
    text = str(attributes["input"])
    fed = FED.fullmatch(text)
    if fed is None:
        raise ValueError(f"{path}: its input is {text!r}, expected something like 'RGB in [0,1], minus mean, over std'")
    channels, pixel_range, divided = fed.groups()
    said = {"mean": attributes.get("mean"), "std": attributes.get("std") if divided else 1.0}
    for name, value in said.items():
        numbers = np.array(value)
        if numbers.dtype.kind not in "fiu" or not np.isfinite(numbers).all():
            raise ValueError(f"{path}: its attribute {name!r} is {value}, expected numbers, one a channel")
    return said | {"pixel_range": int(pixel_range), "channels": channels.lower()}


READERS: dict[str, Callable[[Path], StateFile]] = {
    **dict.fromkeys((".pth", ".pt", ".pkl", ".ckpt", ".bin"), _torch),
    ".safetensors": _safetensors,
    ".npz": _npz,
    **dict.fromkeys((".h5", ".hdf5"), _hdf5),
}


def _unwrapped(value: Any, path: Path) -> dict[str, np.ndarray]:
    """The arrays of nested containers by name: those at the top, or those of the state dict that a checkpoint holds."""
    if isinstance(value, dict) and not any(isinstance(item, np.ndarray) for item in value.values()):
        parts = [name for name in WRAPPERS if isinstance(value.get(name), dict) and dict(_flattened(value[name], ""))]
        if len(parts) > 1:
            raise Refused(f"{path}: it holds several state dicts, {', '.join(parts)}, expected one")
        if parts:
            return _unwrapped(value[parts[0]], path)
    arrays = dict(_flattened(value, ""))
    if not arrays:
        raise Refused(f"{path}: it holds {type(value).__name__}, expected arrays by name")
    return arrays


def _flattened(value: Any, name: str, seen: set[int] | None = None) -> list[tuple[str, np.ndarray]]:
    """Name -> array, "/" between the keys that lead to it; a container that stands in several places is looked into once."""
    seen = set() if seen is None else seen
    if isinstance(value, np.ndarray):
        return [(name.strip("/"), value)]
    if not isinstance(value, dict | list | tuple) or id(value) in seen:
        return []
    if len(name) > LONGEST_NAME:
        raise ValueError(f"an array has a name of more than {LONGEST_NAME:,} characters")
    seen.add(id(value))
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [pair for key, item in items for pair in _flattened(item, f"{name}/{key}", seen)]
