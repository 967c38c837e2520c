"""Weights from files into a net of this house, and back, so that section 4's figures can be drawn of ImageNet's nets."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npzf.backend import to_same_device
from npzf.interop.inputs import set_input
from npzf.interop.weights.files import StateFile, read_state
from npzf.interop.weights.layouts import LAYOUTS, from_layout, stored_shape, to_layout
from npzf.interop.weights.writers import WRITERS
from npzf.network import Network

log = logging.getLogger(__name__)
KEYS = {"weight": "weight", "kernel": "weight", "w": "weight", "0": "weight", "bias": "bias", "b": "bias", "1": "bias"}
STATISTICS = ("running_mean", "running_var", "moving_mean", "moving_variance")
IGNORED = ("num_batches_tracked",)


@dataclass(frozen=True)
class StateReport:
    """What load_state has done: parameter -> name of its array, parameter -> shape; the layout; arrays that were left out."""

    matched: dict[str, str]
    shapes: dict[str, tuple[int, ...]]  # of the parameters
    layout: str
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{parameter} {self.shapes[parameter]} <- {name}" for parameter, name in self.matched.items()]
        lines.append(f"{len(self.matched)} parameters in {self.layout}'s layout")
        lines += [f"left out: {name}" for name in self.left_out]
        return "\n".join(lines)


def load_state(net: Network, path: str | Path, layout: str | None = None) -> StateReport:
    """Sets every parameter of the net from a file of weights, and its preprocessing if the file says what the net was fed.

    path: .pth (read without PyTorch, and without running anything), .safetensors, .npz or .h5. Arrays are matched by name, such
    as conv1.weight with conv1/weight, else by shape and position. layout: "pytorch" (filters (O, C, KH, KW), fully connected
    weights of maps in (C, H, W) order), "keras" ((KH, KW, C, O) and (I, O), (H, W, C)) or "npzf"; None: that of the file, if it
    says so, else the only one that its shapes allow. Returns, and logs, which array became which parameter and what was left out.

    FileNotFoundError; ValueError, in one line, if the file and the net do not fit, if two layouts do, or if it holds numbers that
    are not finite. The net is then as it was.
    """
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}, expected one of {', '.join(LAYOUTS)}")
    state = read_state(path)
    layout = layout or state.layout
    _refuse_statistics(state)
    partial = {name: _matches(net, state, name) for name in ([layout] if layout else LAYOUTS)}
    complete = {name: matched for name, matched in partial.items() if matched.keys() == net.parameters.keys()}
    if not complete:
        raise _misfit(net, state, partial)
    values = {name: _values(net, state, matched, name) for name, matched in complete.items()}
    layout, matched = next(iter(complete.items()))
    if any(not np.array_equal(other[name], value) for other in values.values() for name, value in values[layout].items()):
        raise ValueError(
            f"{path}: its shapes fit the layouts {' and '.join(complete)} alike, expected layout= to say which it is"
        )
    _set(net, values[layout], state)
    left_out = [name for name in state.arrays if name not in matched.values() and not name.endswith(IGNORED)]
    report = StateReport(matched, {name: value.shape for name, value in net.parameters.items()}, layout, tuple(left_out))
    log.info("%s\n%s", path, report)
    if left_out:
        log.warning("%s: %d of its arrays are left out: %s", path, len(left_out), ", ".join(left_out))
    return report


def _values(net: Network, state: StateFile, matched: dict[str, str], layout: str) -> dict[str, np.ndarray]:
    """Every parameter as the net keeps it; ValueError for numbers that are not finite."""
    values = {name: from_layout(net, name, state.arrays[stored], layout) for name, stored in matched.items()}
    for name, value in values.items():
        if value.dtype.kind != "f":
            raise ValueError(f"{state.path}: {matched[name]} is of type {value.dtype}, expected floating-point numbers")
        if not np.isfinite(value.astype(net.dtype)).all():
            raise ValueError(f"{state.path}: {matched[name]} holds NaN or infinity, expected finite numbers")
    return values


def _set(net: Network, values: dict[str, np.ndarray], state: StateFile) -> None:
    """Sets all parameters, and the input; or, if the file's input is none for the net, nothing."""
    before = {name: value.copy() for name, value in net.parameters.items()} if state.fed else {}
    for name, value in net.parameters.items():
        value[...] = to_same_device(np.ascontiguousarray(values[name], net.dtype), value)
    try:
        if state.fed:
            set_input(net, **state.fed)
    except ValueError as error:
        for name, value in net.parameters.items():
            value[...] = before[name]
        raise ValueError(f"{state.path}: {error}") from None


# Which array is which parameter


def _matches(net: Network, state: StateFile, layout: str) -> dict[str, str]:
    """Parameter -> name of its array in this layout, as far as arrays fit: by the layer's name, else the next of its shape."""
    found: dict[str, str] = {}
    for groups in (_groups(state, natural=not state.ordered), _groups(state, natural=True)):
        found = _assigned(net, state, groups, layout)
        if found.keys() == net.parameters.keys():
            break
    return found


def _assigned(net: Network, state: StateFile, groups: dict[str, dict[str, str]], layout: str) -> dict[str, str]:
    weighted = {name: layer for name, layer in net.layers.items() if layer.parameters}
    named = {name: _of_name(name, groups) for name in weighted}
    free = [path for path in groups if path not in named.values()]
    found = {}
    for name, layer in weighted.items():
        expected = {key: stored_shape(value.shape, layout) for key, value in layer.parameters.items()}

        def fits(path: str, expected: dict[str, tuple[int, ...]] = expected) -> bool:
            group = groups[path]
            return group.keys() >= expected.keys() and all(state.arrays[group[k]].shape == s for k, s in expected.items())

        path = named[name] or next(filter(fits, free), None)
        if path is None or not fits(path):
            continue
        if path in free:
            free.remove(path)
        found.update({f"{name}/{key}": groups[path][key] for key in expected})
    return found


def _groups(state: StateFile, natural: bool) -> dict[str, dict[str, str]]:
    """Path of a layer -> {"weight": name, "bias": name}, in the file's order, or with numbers in names as numbers."""
    groups: dict[str, dict[str, str]] = {}
    for name in sorted(state.arrays, key=_natural) if natural else state.arrays:
        *path, key = _parts(name)
        if key in KEYS:
            groups.setdefault("/".join(path), {})[KEYS[key]] = name
    return groups


def _parts(name: str) -> list[str]:
    """PyTorch's "features.0.weight", Keras's "conv1/kernel:0" by their parts."""
    return re.split(r"[./]", re.sub(r":\d+$", "", name))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts features.10 behind features.2."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _of_name(layer: str, groups: dict[str, dict[str, str]]) -> str | None:
    """The only group that has the layer's name, alone or behind others ("model/conv1")."""
    name = layer.replace(".", "/")
    same = [path for path in groups if path == name or path.endswith(f"/{name}")]
    return same[0] if len(same) == 1 else None


def _refuse_statistics(state: StateFile) -> None:
    for name in state.arrays:
        if _parts(name)[-1] in STATISTICS:
            reason = "a batch normalisation's, which no net of this house has, expected weights without: from_torch folds them"
            raise ValueError(f"{state.path}: {name} is {reason}")


def _misfit(net: Network, state: StateFile, partial: dict[str, dict[str, str]]) -> ValueError:
    """The error that names the first parameter without an array, and arrays that are left."""
    layout, matched = max(partial.items(), key=lambda item: len(item[1]))
    name = next(name for name in net.parameters if name not in matched)
    shape = stored_shape(net.parameters[name].shape, layout)
    free = [stored for stored in state.arrays if stored not in matched.values()]
    near = sorted(free, key=lambda stored: (state.arrays[stored].ndim != len(shape), free.index(stored)))[:2]
    left = ", ".join(f"{stored} {state.arrays[stored].shape}" for stored in near) or "no array"
    reason = f"{name}, {shape} in {layout}'s layout, is not among its arrays (left are {left})"
    return ValueError(f"{state.path}: {reason}, expected the weights of this net")


# To a file


def save_state(net: Network, path: str | Path, layout: str | None = None) -> None:
    """Writes the parameters as .safetensors or .pth ("conv1.weight"), .npz or .h5 ("conv1/weight"), by the suffix of path.

    layout: as for load_state; None: "pytorch" for .safetensors and .pth, "npzf" for the others. The file says its layout, but for
    .pth. An older file survives if writing fails. ValueError for another suffix or layout; ImportError if the package that writes
    it is missing; OSError.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise ValueError(f"path is {path}, expected a name that ends in {', '.join(WRITERS)}")
    write, usual = WRITERS[path.suffix.lower()]
    if layout not in (None, *LAYOUTS):
        raise ValueError(f"layout is {layout!r}, expected one of {', '.join(LAYOUTS)}")
    write(path, to_layout(net, layout or usual), layout or usual)
