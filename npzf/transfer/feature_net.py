"""Section 5.2: layers 1 to 7 kept and a new classifier on top, as one net."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from npzf.backend import to_numpy, to_same_device
from npzf.layers import (
    AveragePool,
    Concatenate,
    Conv,
    Dropout,
    Flatten,
    FullyConnected,
    L2Normalize,
    Layer,
    MaxPool,
    ReLU,
)
from npzf.network import Network
from npzf.transfer.classifiers import LinearClassifier

DEEP = 5  # poolings of a net whose stages are its poolings


def default_layer(net: Network) -> str:
    """The layer whose features section 5.2 keeps: what the last fully connected layer or convolution to scores is given.

    Dropout is passed by. A net that ends below its classifier, such as alexnet at pool5, is kept whole.
    """
    scores = net.scores_name
    for name in reversed(net.needed_for((scores,))):
        layer = net.layers[name]
        gives_scores = name == scores or (isinstance(layer, Conv) and len(net.shapes[scores]) == 1)
        if isinstance(layer, FullyConnected | Conv) and gives_scores:
            below = net.sources[name][0]
            while isinstance(net.layers.get(below), Dropout):
                below = net.sources[below][0]
            return below
        if isinstance(layer, FullyConnected):
            break
    return net.output_name


def layers_of_table_7(net: Network) -> tuple[str, ...]:
    """The highest layer of each stage of the net, lowest first, as Table 7 takes layers 1, 2, ... 7.

    A stage is a convolution, or a fully connected layer below the scores, with the layers that follow it, up to where branches
    meet; dropout is left out. In nets with five poolings or more, such as VGG-16, a stage is all convolutions up to a pooling.
    """
    scores = net.scores_name
    stages: list[str] = []
    pooled = False
    chain = [name for name in net.needed_for((scores,)) if _on_every_path(net, name)]
    pools = sum(isinstance(net.layers[name], MaxPool | AveragePool) for name in chain)
    for name in chain:
        layer = net.layers[name]
        if isinstance(layer, Flatten | Dropout):
            continue
        begins = isinstance(layer, FullyConnected) or (isinstance(layer, Conv) and (pools < DEEP or not stages or pooled))
        pooled = isinstance(layer, MaxPool | AveragePool) or (pooled and not isinstance(layer, Conv))
        if begins or not stages:
            stages.append(name)
        stages[-1] = name
    if len(net.shapes[scores]) == 1 and not isinstance(net.layers[scores], ReLU):
        return tuple(stages[:-1])  # the last stage are the scores
    return tuple(stages)


def _on_every_path(net: Network, name: str) -> bool:
    """Whether everything that reaches the scores passes through this layer."""
    order = net.needed_for((net.scores_name,))
    place = order.index(name)
    later = order[place + 1 :]
    return all(source == name or source in later for below in later for source in net.sources[below])


def with_pooled(net: Network, layers: Sequence[str], cells: int | None = None) -> tuple[Network, tuple[str, ...]]:
    """A net that ends with these layers, their maps averaged to at most cells x cells places, and the features' names.

    It shares the net's parameters. Vectors, and maps that are small enough, stay as they are. ValueError for an unknown layer or
    fewer than one cell.
    """
    if cells is not None and cells < 1:
        raise ValueError(f"cells is {cells}, expected at least 1")
    rows: list[tuple] = _rows(net, layers)
    names = []
    for layer in layers:
        shape = net.shapes[layer]
        if cells is None or len(shape) == 1 or max(shape[:2]) <= cells:
            names.append(layer)
            continue
        window = (-(-shape[0] // cells), -(-shape[1] // cells))
        name = _free(f"{layer}_{cells}x{cells}", rows)
        rows.append((name, AveragePool(window, window, ceil=True), (layer,)))
        names.append(name)
    return _made(net, rows, net.needed_for(layers), lambda value: value), tuple(names)


def with_classifier(
    net: Network, layers: Sequence[str], classifier: LinearClassifier, classes: Sequence[str], *, normalize: bool = True
) -> Network:
    """The net up to these layers, each flattened and, if asked for, scaled to unit length, and the classifier as the last layer.

    It gives the classifier's own scores for one crop. The parameters are copies; preprocessing travels along. ValueError if the
    classifier does not fit the layers or the classes.
    """
    rows, ends = _rows(net, layers), []
    for layer in layers:
        last = layer
        if len(net.shapes[layer]) > 1:
            rows.append((_free(f"{layer}_flat", rows), Flatten(), (last,)))
            last = rows[-1][0]
        if normalize:
            rows.append((_free(f"{layer}_unit", rows), L2Normalize(), (last,)))
            last = rows[-1][0]
        ends.append(last)
    if len(ends) > 1:
        rows.append((_free("features", rows), Concatenate(), tuple(ends)))
        ends = [rows[-1][0]]
    width = sum(int(np.prod(net.shapes[layer])) for layer in layers)
    if classifier.weight.shape != (len(classes), width):
        raise ValueError(f"weight has shape {classifier.weight.shape}, expected {(len(classes), width)}, classes and features")
    scores = _free("classes", rows)
    rows.append((scores, FullyConnected(len(classes)), (ends[0],)))
    made = _made(net, rows, net.needed_for(layers), lambda value: to_same_device(np.array(to_numpy(value)), value))
    for key, value in (("weight", classifier.weight), ("bias", classifier.bias)):
        parameter = made.parameters[f"{scores}/{key}"]
        parameter[...] = to_same_device(value.astype(made.dtype), parameter)
    made.classes = tuple(classes)
    return made


def _rows(net: Network, layers: Sequence[str]) -> list[tuple[str, Layer, tuple[str, ...]]]:
    """The rows that these layers need, as layers of their own without parameters."""
    if not layers:
        raise ValueError("layers are none, expected at least one name")
    return [(name, replace(net.layers[name]), net.sources[name]) for name in net.needed_for(layers)]


def _made(net: Network, rows: Sequence[tuple], kept: Sequence[str], parameter: Callable[[Any], Any]) -> Network:
    """A net of these rows; those kept have parameter(value) of each of theirs, the others may have names of net's too."""
    made = Network(net.input_shape, rows, seed=net.seed, dtype=net.dtype, weight_init=0.0)
    made.preprocessing, made.ops = net.preprocessing, net.ops
    made.to(net.device, net.precision)
    for name in kept:
        stored: dict[str, Any] = net.layers[name].parameters
        made.layers[name].parameters.update({key: parameter(value) for key, value in stored.items()})
    return made


def _free(name: str, rows: Sequence[tuple]) -> str:
    taken = {row[0] for row in rows}
    return next(one for one in (name, *(f"{name}_{k}" for k in range(2, len(taken) + 3))) if one not in taken)
