"""Rows of nets with layers left out: Table 3, which removes layers 3, 4, 6 and 7 of ZFNet and of Krizhevsky's net.

    rows = without(zfnet_rows(), "fc6", "fc7")
    net = Network((224, 224, 3), rows, weight_init=PAPER_INITIAL)

Other changes need no function: a list of rows is edited as any list.
"""

from __future__ import annotations

from collections.abc import Iterable

from npzf.graph import INPUT
from npzf.layers import Affine, Conv, Dropout, FullyConnected, Layer, ReLU

Row = tuple[str, Layer] | tuple[str, Layer, tuple[str, ...]]  # name, layer, sources if not the row before


def without(rows: Iterable[Row], *names: str) -> list[Row]:
    """The rows that remain without the layers of these names, in order; what took a removed layer's output takes its input.

    With a convolution or a fully connected layer go the Affine, ReLU and Dropout rows that directly follow it; pooling and
    normalisation stay unless they are named. ValueError for an unknown name, or if a removed layer has several sources
    (Concatenate, Add) and is needed above.
    """
    rows = list(rows)
    removed = _with_activations(rows, names)
    remaining: list[Row] = []
    inputs: dict[str, tuple[str, ...]] = {}  # of the removed layers
    before = above = INPUT  # the row before, among all rows and among those that remain
    for row in rows:
        name, layer = row[:2]
        sources = tuple(_standing_in(source, inputs) for source in _sources(row, before))
        if name in removed:
            inputs[name] = sources
        else:
            remaining.append((name, layer) if len(row) == 2 and sources == (above,) else (name, layer, sources))
            above = name
        before = name
    if _standing_in(before, inputs) != above:
        raise ValueError(f"names leave {above!r} last, expected {_standing_in(before, inputs)!r}, the input of {before!r}")
    return remaining


def _with_activations(rows: list[Row], names: Iterable[str]) -> set[str]:
    """These names, and those of the Affine, ReLU and Dropout rows that belong to them."""
    known = [row[0] for row in rows]
    for name in names:
        if name not in known:
            raise ValueError(f"name is {name!r}, expected one of {', '.join(known)}")
    removed, belongs, before = set(names), False, INPUT
    for row in rows:
        name, layer = row[:2]
        belongs = belongs and isinstance(layer, Affine | ReLU | Dropout) and _sources(row, before) == (before,)
        if belongs:
            removed.add(name)
        elif name in names:
            belongs = isinstance(layer, Conv | FullyConnected)
        before = name
    return removed


def _sources(row: Row, before: str) -> tuple[str, ...]:
    """The sources of a row: those that it names, or the row before."""
    return row[2] if len(row) == 3 else (before,)


def _standing_in(source: str, inputs: dict[str, tuple[str, ...]]) -> str:
    """The layer to take instead of one that is removed: its only source."""
    if source not in inputs:
        return source
    if len(inputs[source]) != 1:
        raise ValueError(f"name is {source!r}, which has sources {', '.join(inputs[source])}, expected a layer with one source")
    return inputs[source][0]
