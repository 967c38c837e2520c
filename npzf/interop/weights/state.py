"""Weights from files into a net of this house, and back, so that section 4's figures can be drawn of ImageNet's nets."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npzf.backend import to_same_device
from npzf.interop.inputs import set_input
from npzf.interop.weights.files import StateFile, read_state
from npzf.interop.weights.layouts import LAYOUTS, from_layout, to_layout
from npzf.interop.weights.matching import matches, misfit, refuse_statistics
from npzf.interop.weights.writers import WRITERS
from npzf.network import Network

log = logging.getLogger(__name__)
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
    return set_state(net, read_state(path), layout)


def set_state(net: Network, state: StateFile, layout: str | None = None) -> StateReport:
    """load_state, of a file that has been read."""
    path, layout = state.path, layout or state.layout
    refuse_statistics(state)
    partial = {name: matches(net, state, name) for name in ([layout] if layout else LAYOUTS)}
    complete = {name: matched for name, matched in partial.items() if matched.keys() == net.parameters.keys()}
    if not complete:
        raise misfit(net, state, partial)
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
