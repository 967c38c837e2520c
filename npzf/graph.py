"""A net as a graph (section 2, figure 3): named layers in order, what feeds them, sizes, receptive fields, choices of layers."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from npzf.geometry import Field
from npzf.layers import Conv, Dropout, FullyConnected, Join, Layer, Softmax
from npzf.layers.checks import require_positive
from npzf.text import shortened

INPUT = "input"
LONGEST_NAME = 200  # letters of a layer's name
MOST_UNITS = 2**40  # of a layer, for one image


def check_layer_name(name: object) -> None:
    """ValueError unless this can name a layer: 1 to LONGEST_NAME printable letters, such as "fire2/expand3x3"."""
    if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name) <= LONGEST_NAME:
        raise ValueError(f"layer name is {shortened(name, 80)}, expected 1 to {LONGEST_NAME} printable letters")
    first, *others = name.split("/")  # in a file, parameters lie under the layer's name: conv1/weight
    if any(part in ("", ".") for part in (first, *others)) or any(part in ("weight", "bias") for part in others):
        raise ValueError(f"layer name is {name!r}, expected no part that is empty, '.' or, after a slash, weight or bias")


class Graph:
    """Layers that feed each other: each takes the output of the one before it unless its row names other sources.

    input_shape: (H, W, C) of one image, in pixels; table: rows (name, layer) or (name, layer, (source, ...)), "input" being
    the images. layers, sources, consumers, shapes: by name; the layers are copies of the rows', so that a table may serve again.
    """

    def __init__(self, input_shape: tuple[int, int, int], table: Iterable[tuple]):
        require_positive("input", **dict(zip(("height", "width", "channels"), _three(input_shape), strict=True)))
        height, width, channels = (int(side) for side in input_shape)
        self.input_shape = height, width, channels
        self.layers: dict[str, Layer] = {}
        self.sources: dict[str, tuple[str, ...]] = {}
        self.consumers: dict[str, list[str]] = {INPUT: []}
        self.shapes: dict[str, tuple[int, ...]] = {INPUT: self.input_shape}
        previous = INPUT
        for name, layer, *sources in table:
            self._add(name, replace(layer), tuple(sources[0]) if sources else (previous,))
            previous = name
        if not self.layers:
            raise ValueError("the table is empty, expected at least one layer")

    def _add(self, name: str, layer: Layer, sources: tuple[str, ...]) -> None:
        check_layer_name(name)
        if name in self.shapes:
            raise ValueError(f"layer name {name!r} appears twice, expected every name once")
        if len(sources) != 1 and not (sources and isinstance(layer, Join)):
            raise ValueError(f"layer {name!r} has {len(sources)} sources, expected one: only Concatenate and Add join several")
        for source in sources:
            if source not in self.shapes:
                raise ValueError(f"layer {name!r} has source {source!r}, expected one of {', '.join(self.shapes)}")
        try:
            self.shapes[name] = layer.shape(*(self.shapes[source] for source in sources))
        except ValueError as error:
            raise ValueError(f"layer {name!r}: {error}") from None
        if math.prod(self.shapes[name]) > MOST_UNITS:
            raise ValueError(f"layer {name!r} has more than {MOST_UNITS:,} units, expected a net that a memory can hold")
        self.layers[name], self.sources[name], self.consumers[name] = layer, sources, []
        for source in dict.fromkeys(sources):
            self.consumers[source].append(name)

    def needed_for(self, names: Collection[str]) -> list[str]:
        """These layers and all that lead to them, in order."""
        for name in names:
            if name not in self.layers:
                raise ValueError(f"layer is {name!r}, expected one of {', '.join(self.layers)}")
        needed = set(names)
        for name in reversed(self.layers):
            if name in needed:
                needed.update(self.sources[name])
        return [name for name in self.layers if name in needed]

    def without_gradients(self, frozen: Collection[str]) -> set[str]:
        """The layers that no gradient has to reach if these are frozen: they, and what stands on them without parameters.

        frozen: layers, with all that lead to them.
        """
        found = {INPUT, *frozen}
        for name, layer in self.layers.items():
            if not layer.parameters and found.issuperset(self.sources[name]):
                found.add(name)
        return found - {INPUT}

    # What can be looked at

    @property
    def output_name(self) -> str:
        """The name of the last layer."""
        return next(reversed(self.layers))

    @property
    def scores_name(self) -> str:
        """The name of the layer whose output are the class scores: the last one, or what a final softmax is given."""
        last = self.output_name
        return self.sources[last][0] if isinstance(self.layers[last], Softmax) else last

    def joins(self, layer: str) -> bool:
        """Whether this layer takes several sources."""
        return isinstance(self.layers[layer], Join)

    def with_maps(self) -> list[str]:
        """The layers whose units have places (rows, columns), lowest first."""
        return [name for name in self.layers if len(self.shapes[name]) == 3]

    @property
    def convolutions(self) -> list[str]:
        """The names of the convolutions, lowest first."""
        return [name for name, layer in self.layers.items() if isinstance(layer, Conv)]

    @property
    def main_layers(self) -> list[str]:
        """The layers to look at where none are named: convolutions; in a net with branches the first, and where branches meet.

        In a net without convolutions, the fully connected layers.
        """
        joins = [name for name in self.with_maps() if self.joins(name)]
        fully_connected = [name for name, layer in self.layers.items() if isinstance(layer, FullyConnected)]
        return self.convolutions[:1] + joins if joins else self.convolutions or fully_connected

    @property
    def last_with_maps(self) -> str:
        """The highest layer with maps that are not one for each class: the paper's layer 5; ValueError if there is none."""
        return self._highest([name for name in self.with_maps() if not isinstance(self.layers[name], Dropout)], "layer with maps")

    @property
    def last_convolution(self) -> str:
        """The highest convolution whose maps are not one for each class; ValueError if there is none."""
        return self._highest(self.convolutions, "convolution below the scores")

    def _highest(self, names: list[str], what: str) -> str:
        below = [name for name in names if self.shapes[name][2:] != self.shapes[self.output_name]]
        if not below:
            raise ValueError(f"layers are {', '.join(self.layers)}, expected a {what} among them")
        return below[-1]

    def has_receptive_field(self, layer: str) -> bool:
        """Whether this layer's units depend on their receptive fields alone; ValueError for an unknown name."""
        return all(self.layers[name].local for name in self.needed_for((layer,)))

    def fields(self) -> dict[str, Field]:
        """Name -> receptive field of the layer's units, in input pixels."""
        fields = {INPUT: Field()}
        for name, layer in self.layers.items():
            fields[name] = layer.receptive_field(*(fields[source] for source in self.sources[name]))
        return fields

    def summary_rows(self) -> list[tuple[str, str, str, str, str, str]]:
        """For each layer: name, kind, output size, parameters, receptive field and stride in input pixels."""
        rows, fields = [], self.fields()
        for name, layer in self.layers.items():
            field, count = fields[name], sum(p.size for p in layer.parameters.values())
            field_and_stride = ("all", "") if field.whole else (_sides(field.size), _sides(field.stride))
            size = "x".join(map(str, self.shapes[name]))
            rows.append((name, type(layer).__name__, size, f"{count:,}" if count else "", *field_and_stride))
        return rows

    def summary_table(self) -> str:
        """The rows of the summary, columns under each other."""
        rows = [("layer", "kind", "output", "parameters", "field", "stride"), *self.summary_rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        form = "{:{}}  {:{}}  {:>{}}  {:>{}}  {:>{}}  {:>{}}"
        return "\n".join(form.format(*(part for pair in zip(row, widths, strict=True) for part in pair)) for row in rows)


def _three(input_shape: Sequence[int]) -> Sequence[int]:
    """ValueError unless these are three."""
    if not isinstance(input_shape, Sequence) or len(input_shape) != 3:
        raise ValueError(f"input shape is {input_shape!r}, expected (H, W, C)")
    return input_shape


def _sides(pair: tuple[int, int]) -> str:
    """One number for a square, "rows x columns" otherwise."""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"
