"""Which array of a file is which parameter of a net: by name, else by shape and position; no part of the paper."""

from __future__ import annotations

import re

from npzf.interop.weights.files import StateFile
from npzf.interop.weights.layouts import stored_shape
from npzf.network import Network

KEYS = {"weight": "weight", "kernel": "weight", "w": "weight", "0": "weight", "bias": "bias", "b": "bias", "1": "bias"}
STATISTICS = ("running_mean", "running_var", "moving_mean", "moving_variance")


def matches(net: Network, state: StateFile, layout: str) -> dict[str, str]:
    """Parameter -> name of its array in this layout, as far as arrays fit: by the layer's name, else the next of its shape."""
    found: dict[str, str] = {}
    for groups in (_groups(state, natural=not state.ordered), _groups(state, natural=True)):
        found = _assigned(net, state, groups, layout)
        if found.keys() == net.parameters.keys():
            break
    return found


def _assigned(net: Network, state: StateFile, groups: dict[str, dict[str, str]], layout: str) -> dict[str, str]:
    """matches, for groups in this order."""
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


def refuse_statistics(state: StateFile) -> None:
    """ValueError for weights of a net with batch normalisation: they mean something else without its statistics."""
    for name in state.arrays:
        if _parts(name)[-1] in STATISTICS:
            reason = "a batch normalisation's, which no net of this house has, expected weights without: from_torch folds them"
            raise ValueError(f"{state.path}: {name} is {reason}")


def misfit(net: Network, state: StateFile, partial: dict[str, dict[str, str]]) -> ValueError:
    """The error that names the first parameter without an array, and arrays that are left."""
    layout, matched = max(partial.items(), key=lambda item: len(item[1]))
    name = next(name for name in net.parameters if name not in matched)
    shape = stored_shape(net.parameters[name].shape, layout)
    free = [stored for stored in state.arrays if stored not in matched.values()]
    near = sorted(free, key=lambda stored: (state.arrays[stored].ndim != len(shape), free.index(stored)))[:2]
    left = ", ".join(f"{stored} {state.arrays[stored].shape}" for stored in near) or "no array"
    reason = f"{name}, {shape} in {layout}'s layout, is not among its arrays (left are {left})"
    return ValueError(f"{state.path}: {reason}, expected the weights of this net")
