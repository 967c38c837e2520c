"""A net as HDF5 and back: architecture, parameters, and how pixels become its input; no part of the paper.

Layout: attributes seed and passes (what dropout draws from); the text architecture (JSON: input shape, type, and for each layer
its name, kind, configuration and sources); parameters/NAME arrays; std and optionally mean (preprocessing.py); optionally classes
(names, as JSON).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from npzf import layers
from npzf.backend import to_numpy
from npzf.backend.arrays import FLOATS, float_type
from npzf.graph import Graph
from npzf.layers import Layer
from npzf.network import Network
from npzf.preprocessing import Preprocessing
from npzf.storage import hdf5
from npzf.storage.reader import Reader, all_finite
from npzf.storage.writer import NewFile, fixed_text
from npzf.text import one_line, shortened

LONGEST_REASON = 300  # letters


def save(net: Network, path: str | Path) -> None:
    """Writes the net in the place of path; an older file survives if that fails.

    OSError if it does; ValueError, before anything is written, for a net that could not be loaded again: with parameters that are
    not finite, or names of other classes than it has.
    """
    check(net)
    hdf5.write(path, lambda file: to_file(net, file))


def load(path: str | Path) -> Network:
    """The network that save, or training, wrote to path; ValueError, in one line, for anything else."""
    with hdf5.read(path) as file:
        return from_file(file)


def architecture(net: Network) -> str:
    """Everything but the numbers, as JSON: input shape, type, and each layer's name, kind, configuration and sources."""
    rows = [
        {"name": name, "layer": {"kind": type(layer).__name__, **layer.configuration()}, "sources": net.sources[name]}
        for name, layer in net.layers.items()
    ]
    form = {"input": net.input_shape, "dtype": str(net.dtype), "layers": rows}
    return json.dumps(form, default=lambda number: number.item())  # NumPy's


def check(net: Network) -> None:
    """ValueError unless the net can be stored: finite parameters, preprocessing that fits, one name for each class."""
    for name, value in net.parameters.items():
        if not all_finite(to_numpy(value)):
            raise ValueError(f"parameter {name} has NaN or infinite numbers, expected finite ones: nothing was written")
    if net.preprocessing.mean is not None and not all_finite(np.asarray(net.preprocessing.mean, np.float64)):
        raise ValueError("mean has NaN or infinite numbers, expected finite ones: nothing was written")
    net.preprocessing.check(net.input_shape)
    check_classes(net, net.classes)


def check_classes(net: Network, classes: Any) -> None:
    """ValueError unless these are None, or the names of the net's classes."""
    if classes is None:
        return
    if not isinstance(classes, list | tuple) or not all(isinstance(name, str) for name in classes):
        raise ValueError(f"classes are {shortened(classes)}, expected names")
    shape = net.shapes[net.scores_name]
    if len(shape) != 1 or len(classes) != shape[0]:
        raise ValueError(f"classes are {len(classes)} names, expected one for each of the net's outputs, {shape}")


def to_file(net: Network, file: NewFile) -> None:
    """Writes architecture, parameters, class names and preprocessing into an open file."""
    file["architecture"] = fixed_text(architecture(net))
    file.attrs["seed"], file.attrs["passes"] = net.seed, net.passes
    for name, value in net.parameters.items():
        file.put(f"parameters/{name}", to_numpy(value))
    if net.classes is not None:
        file["classes"] = fixed_text(json.dumps(net.classes))
    for name in ("mean", "std"):
        numbers = getattr(net.preprocessing, name)
        if numbers is not None:
            numbers = np.asarray(numbers)
            file[name] = numbers if numbers.dtype in FLOATS else numbers.astype(np.float64)


def from_file(file: Reader) -> Network:
    """The network in an open file; ValueError, before memory is taken for them, unless its parameters fit its layers."""
    try:
        form = json.loads(file.text("architecture"))
        dtype = float_type(_of_type(form["dtype"], str))
        table = [_row(row) for row in _of_type(form["layers"], list)]
        graph = Graph(form["input"], table)
        for name, layer in graph.layers.items():
            of_layer = layer.parameter_shapes(graph.shapes[graph.sources[name][0]])
            for key, shape in of_layer.items():
                file.place(f"parameters/{name}/{key}", [dtype], shape)
        net = Network(form["input"], table, seed=_whole(file, "seed"), dtype=dtype, weight_init=0.0)
        net.passes = _whole(file, "passes")
    except Exception as error:  # whatever a crafted architecture leads to
        raise ValueError(f"{file.path}: its architecture cannot be built ({_reason(error)})") from None
    for name, value in net.parameters.items():
        file.read_into(value, f"parameters/{name}")
    try:
        classes = json.loads(file.text("classes")) if "classes" in file else None
        check_classes(net, classes)
        net.classes = None if classes is None else tuple(classes)
        mean = file.array("mean", FLOATS) if "mean" in file else None
        net.preprocessing = Preprocessing(mean, file.array("std", FLOATS)[()])
        net.preprocessing.check(net.input_shape)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file.path}: its classes or its preprocessing cannot be read ({_reason(error)})") from None
    return net


def _row(row: Any) -> tuple[str, Layer, tuple[str, ...]]:
    """One layer's row of the table."""
    name, layer, sources = (_of_type(row[key], kind) for key, kind in (("name", str), ("layer", dict), ("sources", list)))
    return name, _layer(**layer), tuple(_of_type(source, str) for source in sources)


def _layer(kind: str, **configuration: Any) -> Layer:
    known = getattr(layers, kind) if isinstance(kind, str) and kind in layers.__all__ else None
    if not (isinstance(known, type) and issubclass(known, Layer)) or known in (Layer, layers.Join, layers.Pointwise):
        raise ValueError(f"layer kind is {shortened(kind)}, expected one of npzf.layers")
    return known(**{key: tuple(value) if isinstance(value, list) else value for key, value in configuration.items()})


def _of_type(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{shortened(value)} stands where {kind.__name__} was expected")
    return value


def _whole(file: Reader, name: str) -> int:
    """An attribute that is a whole number of at least 0."""
    if (number := file.integer(name)) < 0:
        raise ValueError(f"attribute {name} of {file.path} is {number}, expected at least 0")
    return number


def _reason(error: Exception) -> str:
    """Why something cannot be read, in one line that is not too long."""
    text = one_line(" ".join(str(error).split()) or type(error).__name__)
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."
