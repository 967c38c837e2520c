"""A convnet (section 2): named layers in order, and branches that meet again; one pass up is recorded on a tape."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from npzf import backend
from npzf.backend import arrays, to_device, to_numpy
from npzf.geometry import Field
from npzf.layers import Conv, Draw, Dropout, Flatten, FullyConnected, Join, Layer, ReLU, Save, Softmax
from npzf.ops import face
from npzf.preprocessing import Preprocessing
from npzf.tape import INPUT, Tape

DEVICES, PRECISIONS = ("cpu", "cuda"), ("fp32", "tf32")


class Network:
    """Layers that feed each other: each takes the output of the one before it unless its row names other sources.

    input_shape: (H, W, C) of one image, in pixels; table: rows (name, layer) or (name, layer, (source, ...)), "input" being
    the images; the layers of the rows are copied, so that a table may serve again. weight_init: standard deviation of the initial
    weights, or "he"; seed: of the weights and of dropout. Two things travel with the net although forward uses neither:
    preprocessing, how pixels become x, and classes, their names. passes: how many training passes there have been.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        table: Iterable[tuple],
        *,
        seed: int = 0,
        dtype: Any = "float32",
        weight_init: str | float = "he",
    ):
        height, width, channels = (int(side) for side in input_shape)
        self.input_shape = height, width, channels
        self.dtype = arrays.float_type(dtype)
        self.layers: dict[str, Layer] = {}
        self.sources: dict[str, tuple[str, ...]] = {}
        self.consumers: dict[str, list[str]] = {INPUT: []}
        self.shapes: dict[str, tuple[int, ...]] = {INPUT: self.input_shape}
        self.classes: tuple[str, ...] | None = None
        self.preprocessing = Preprocessing()
        self.device, self.precision = "cpu", "fp32"
        self.seed, self.passes = seed, 0
        self.gradients: dict[str, Any] = {}  # of the last backward; the next one may write into the same arrays
        self._training_tape: Tape | None = None
        generator, previous = arrays.generator(seed), INPUT
        for name, layer, *sources in table:
            self._add(name, replace(layer), tuple(sources[0]) if sources else (previous,))
            self.layers[name].initialize(self.shapes[self.sources[name][0]], weight_init, generator, self.dtype)
            previous = name
        if not self.layers:
            raise ValueError("the table is empty, expected at least one layer")
        self._relu_of = self._fusable()
        self.ops = "fast"

    def _add(self, name: str, layer: Layer, sources: tuple[str, ...]) -> None:
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
        self.layers[name], self.sources[name], self.consumers[name] = layer, sources, []
        for source in dict.fromkeys(sources):
            self.consumers[source].append(name)

    def _fusable(self) -> dict[str, str]:
        """Name of a weighted layer -> the ReLU that is its only consumer: the rectification is done while y is in the cache."""
        return {
            self.sources[name][0]: name
            for name, layer in self.layers.items()
            if isinstance(layer, ReLU)
            and isinstance(self.layers.get(self.sources[name][0]), Conv | FullyConnected)
            and self.consumers[self.sources[name][0]] == [name]
        }

    # One pass

    def record(
        self, x: Any, layers: Collection[str], save: Save = Save.NOTHING, *, train: bool = False, first_image: int = 0
    ) -> Tape:
        """One pass over x (N, H, W, C) up to these layers, whose activations the tape gives: tape["conv5"].

        save: what the layers save for walks down (SWITCHES for a deconvnet, GRADIENTS for all of them). train: dropout drops, by
        the number of this training pass and the place of each image in the whole batch, which starts at first_image here. Images
        of another size than input_shape pass through the local layers. ValueError for a wrong shape, type or name.
        """
        names, needed = set(layers), self._needed(layers)
        tape = Tape(self, save, needed)
        values = {INPUT: self._check(x, needed)}
        if names == set(self.layers):
            tape.activations[INPUT] = values[INPUT]  # what an update of regions starts from
        waiting = {source: [n for n in self.consumers[source] if n in needed] for source in (INPUT, *needed)}
        rectified = {self._relu_of[n] for n in needed if n not in names and self._relu_of.get(n) in needed}
        if train:
            self.passes += 1
        for place, name in enumerate(self.layers):
            if name not in waiting:
                continue
            layer, sources = self.layers[name], self.sources[name]
            x = tuple(values[s] for s in sources) if isinstance(layer, Join) else values[sources[0]]
            if name in rectified:
                y, saved = x, ReLU.saved(x, save)
            elif isinstance(layer, Conv | FullyConnected):
                y, saved = layer.forward(x, save, relu=self._relu_of.get(name) in rectified)
            elif isinstance(layer, Dropout) and train:
                y, saved = layer.forward(x, save, Draw((self.seed, place, self.passes), first_image))
            else:
                y, saved = layer.forward(x, save)
            del x
            values[name] = y
            if save > Save.NOTHING:
                tape.saved[name] = saved
            if name in names:
                tape.activations[name] = y
            del y, saved
            for source in set(sources):  # nothing is held longer than it is used
                waiting[source].remove(name)
                if not waiting[source]:
                    values.pop(source)
        return tape

    def forward(self, x: Any, upto: str | None = None, train: bool = False) -> Any:
        """x (N, H, W, C) -> class scores before the softmax (N, classes), or the activation of the layer named by upto.

        train: what backward needs is saved in the net, and dropout drops; otherwise nothing is remembered, and the net may be
        shared between threads. ValueError as record.
        """
        last = self.output_name if upto is None else upto
        if not train:
            return self.record(x, (last,))[last]
        self._training_tape = None  # the memory of the pass before it, if that had no backward
        tape = self._training_tape = self.record(x, (last,), Save.GRADIENTS, train=True)
        return tape[last]

    def backward(self, gy: Any, input_gradient: bool = True) -> Any:
        """gy, shaped as the last forward(..., train=True)'s result -> gx (N, H, W, C); gradients of parameters in gradients.

        Belongs to the last forward(..., train=True), whatever ran since; may be called once, and releases each layer's memory as
        it goes. input_gradient=False leaves the gradient of the images out (None): training does not need it. ValueError for gy
        of another shape, or without such a forward.
        """
        tape = self._training_tape
        if tape is None:
            raise ValueError("backward was called before forward(..., train=True)")
        top = tape[tape.layers[-1]].shape
        if np.shape(gy) != top:
            raise ValueError(f"gy has shape {np.shape(gy)}, expected {top}, that of the last forward's result")
        self._training_tape = None
        gx, self.gradients = tape.backward(gy, input_gradient=input_gradient, release=True, out=self.gradients)
        return gx

    def _needed(self, names: Collection[str]) -> list[str]:
        """These layers and all that lead to them, in order."""
        for name in names:
            if name not in self.layers:
                raise ValueError(f"layer is {name!r}, expected one of {', '.join(self.layers)}")
        needed = set(names)
        for name in reversed(self.layers):
            if name in needed:
                needed.update(self.sources[name])
        return [name for name in self.layers if name in needed]

    def _check(self, x: Any, needed: list[str]) -> Any:
        x = arrays.as_batch(x, self.dtype)
        if self.device == "cuda" and not backend.is_device_array(x):
            x = to_device(x)
        fixed = [name for name in needed if isinstance(self.layers[name], Flatten)]
        if fixed and x.shape[1:] != self.input_shape:
            raise ValueError(f"x has images of {x.shape[1:]}, expected {self.input_shape}, which {fixed[0]!r} needs")
        if x.shape[3] != self.input_shape[2]:
            raise ValueError(f"x has {x.shape[3]} channels, expected {self.input_shape[2]}, as {self.input_shape}")
        return x

    # What computes

    @property
    def ops(self) -> str:
        """Which face of the operations computes: "plain", as one reads it, or "fast", the default. To set: net.ops = "plain"."""
        return self._ops

    @ops.setter
    def ops(self, name: str) -> None:
        self.face = face(name, self.device, self.precision)
        self._ops = name
        for layer in self.layers.values():
            layer.ops = self.face

    def to(self, device: str, precision: str = "fp32") -> Network:
        """Moves the parameters to "cuda" or "cpu"; forward then takes and gives arrays of that device. Returns the net itself.

        precision of float32 products on a GPU: "fp32", or "tf32" on its tensor cores. An SGD is to be made after the move.
        CudaError, in one line, if CuPy or a GPU is missing; ValueError for another device or precision.
        """
        if device not in DEVICES:
            raise ValueError(f"device is {device!r}, expected 'cpu' or 'cuda'")
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}, expected 'fp32' or 'tf32'")
        move = to_device if device == "cuda" else to_numpy
        moved = {name: {key: move(p) for key, p in layer.parameters.items()} for name, layer in self.layers.items()}
        for name, layer in self.layers.items():
            layer.parameters.update(moved[name])
        self.device, self.precision = device, precision
        self.gradients, self._training_tape = {}, None
        self.ops = self._ops
        return self

    # What it is

    @property
    def parameters(self) -> dict[str, Any]:
        """Name, such as "conv1/weight", -> array; to set one: net.parameters[name][...] = value."""
        return {f"{name}/{key}": p for name, layer in self.layers.items() for key, p in layer.parameters.items()}

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
        """The layers to look at where none are named: convolutions; in a net with branches the first, and where branches meet."""
        joins = [name for name in self.layers if self.joins(name)]
        return self.convolutions[:1] + joins if joins else self.convolutions

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
        return all(self.layers[name].local for name in self._needed((layer,)))

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
            seen = ("all", "") if field.whole else (_sides(field.size), _sides(field.stride))
            size = "x".join(map(str, self.shapes[name]))
            rows.append((name, type(layer).__name__, size, f"{count:,}" if count else "", *seen))
        return rows

    def summary(self) -> str:
        """A table: layer, output size, parameters, receptive field and stride in input pixels."""
        rows = [("layer", "kind", "output", "parameters", "field", "stride"), *self.summary_rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        form = "{:{}}  {:{}}  {:>{}}  {:>{}}  {:>{}}  {:>{}}"
        lines = [form.format(*(part for pair in zip(row, widths, strict=True) for part in pair)) for row in rows]
        total = sum(p.size for p in self.parameters.values())
        shape = "x".join(map(str, self.input_shape))
        return "\n".join([f"input {shape}, {total:,} parameters, {self.dtype}", *lines])

    def save(self, path: str | Path) -> None:
        """Writes architecture and parameters as HDF5; an older file at path survives if that fails. OSError if it does."""
        from npzf import serialization  # builds networks, and so lies above this module

        serialization.save(self, path)


def truncated(net: Network, upto: str) -> Network:
    """A net of its own that ends at this layer, with copies of the parameters; ValueError for an unknown layer.

    Preprocessing travels along; class names do not, for the output is no longer theirs.
    """
    needed = net._needed((upto,))
    rows = [(name, net.layers[name], net.sources[name]) for name in needed]
    cut = Network(net.input_shape, rows, seed=net.seed, dtype=net.dtype, weight_init=0.0)
    for name, value in cut.parameters.items():
        value[...] = to_numpy(net.parameters[name])
    cut.preprocessing = net.preprocessing
    cut.ops = net.ops
    return cut.to(net.device, net.precision)


def _sides(pair: tuple[int, int]) -> str:
    """One number for a square, "rows x columns" otherwise."""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"
