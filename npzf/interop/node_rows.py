"""Nodes of a channels-first net as rows of layers: values, zeros around them, the order of features; no part of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from npzf import layers
from npzf.geometry import Pair, Sides, sides
from npzf.graph import INPUT
from npzf.interop.folding import fold_affine
from npzf.layers import Layer
from npzf.network import Network

Shape = tuple[int, ...]
LONGEST = 160  # letters of a foreign name that are kept: a number may follow them
NO_PAD: Sides = (0, 0, 0, 0)


class SizeError(ValueError):
    """A node that does not fit what comes before it: with images of another size it might."""


@dataclass(frozen=True, eq=False)
class Value:
    """What a node gives: the output of one of the rows' layers, as the foreign net sees it.

    shape: (C, H, W) or (F,), with the zeros of pad. features: feature j of the layer is the foreign net's features[j]; None: the
    same. pad: (top, bottom, left, right), zeros around it that no layer has added yet, by the node named pad_name.
    """

    layer: str
    shape: Shape
    features: np.ndarray | None = None
    pad: Sides = NO_PAD
    pad_name: str = ""


class NodeRows:
    """Rows and parameters collected from nodes, one after the other; NetBuilder has the operations.

    input_shape: (C, H, W) of one image.
    """

    def __init__(self, input_shape: Sequence[int]):
        channels, height, width = (int(side) for side in input_shape)
        self.input = Value(INPUT, (channels, height, width))
        self.dtype: str | None = None  # the net's type; None: float64 if a parameter has it
        self.rows: list[tuple[str, Layer, tuple[str, ...]]] = []
        self.shapes: dict[str, Shape] = {INPUT: (height, width, channels)}  # the house's
        self.parameters: dict[str, dict[str, np.ndarray]] = {}  # channels first
        self._features: dict[str, np.ndarray] = {}  # of the inputs of a fully connected layer, or of an Affine's vector
        self._padded: dict[tuple[str, Sides], Value] = {}
        self._kept: set[str] = set()  # Affine layers that are not to be folded

    def network(self, output: Value) -> Network:
        """The net that ends in this value; what does not lead to it is left out. ValueError for numbers that are not finite."""
        output = self.with_zeros(output)
        if output.layer == INPUT:
            raise ValueError("output of the net is its input, expected at least one layer between them")
        rows, parameters = self._channels_last(output)
        rows, parameters = fold_affine(_leading_to(output.layer, rows), parameters, self._kept)
        types = [value.dtype for layer in parameters.values() for value in layer.values()]
        dtype = self.dtype or ("float64" if np.dtype("float64") in types else "float32")
        net = Network(self.shapes[INPUT], rows, dtype=dtype, weight_init=0.0)  # type: ignore[arg-type]
        for name, value in net.parameters.items():
            layer, _, key = name.rpartition("/")
            value[...] = parameters[layer][key]
            if not np.isfinite(value).all():
                raise ValueError(f"{key} of node {layer!r} holds numbers that are not finite {net.dtype}, expected finite ones")
        return net

    def _channels_last(self, output: Value) -> tuple[list, dict[str, dict[str, np.ndarray]]]:
        """Rows and parameters in the house's order of axes and features.

        Fully connected weights follow the flattened maps. Where the net gives flattened maps back, these keep their (C, H, W)
        order instead, and all weights with them.
        """
        rows, features = list(self.rows), self._features
        if output.features is not None:
            flattened = [isinstance(layer, layers.Flatten) for _, layer, _ in rows]
            last = layers.Flatten(channels_first=True)
            rows = [(row[0], last, row[2]) if flat else row for row, flat in zip(rows, flattened, strict=True)]
            features = {}
        parameters = {}
        for name, stored in self.parameters.items():
            weight, bias = stored["weight"], stored["bias"]
            if weight.ndim == 4:
                weight = weight.transpose(0, 2, 3, 1)
            elif name in features:
                weight = weight[..., features[name]]
                bias = bias[features[name]] if weight.ndim == 1 else bias
            parameters[name] = {"weight": weight, "bias": bias}
        return rows, parameters

    # What other operations need

    def zero_pad(self, name: str, value: Value, pad: Sides) -> Value:
        """Zeros around the maps: (top, bottom, left, right)."""
        if len(value.shape) != 3 or min(pad) < 0:
            raise self._error(name, f"pads {value.shape} by {pad}, expected maps (C, H, W) and no negative number")
        top, bottom, left, right = (int(old + new) for old, new in zip(value.pad, pad, strict=True))
        shape = (value.shape[0], value.shape[1] + pad[0] + pad[1], value.shape[2] + pad[2] + pad[3])
        return replace(value, shape=shape, pad=(top, bottom, left, right), pad_name=value.pad_name or name)

    def row(self, name: str, layer: Layer, value: Value) -> Value:
        """A layer of the house as it is, even where it does nothing; what a Flatten gives stays in its own order."""
        made = self._add(name, layer, self.with_zeros(value))
        features = None if isinstance(layer, layers.Flatten) else made.features
        return replace(made, shape=_channels_first(self.shapes[made.layer]), features=features)

    def flatten(self, name: str, value: Value, channels_last: bool = False) -> Value:
        """(C, H, W) -> (C * H * W,); channels_last: in the order (H, W, C), as the house's own nets have it."""
        value = self.with_zeros(value)
        count = int(np.prod(value.shape))
        if len(self.shapes[value.layer]) == 1:
            return replace(value, shape=(count,))
        made = self._add(name, layers.Flatten(), value)
        channels, height, width = value.shape
        order = np.arange(count).reshape(value.shape).transpose(1, 2, 0).reshape(-1)
        moved = channels > 1 and height * width > 1 and not channels_last
        return replace(made, shape=(count,), features=order if moved else None)

    # What the operations are made of

    def _add(self, name: str, layer: Layer, *values: Value, **parameters: np.ndarray) -> Value:
        """One more row; its value has the house's shape as channels first, and keeps the order of features."""
        unique = self._unique(name)
        try:
            shape = layer.shape(*(self.shapes[value.layer] for value in values))
        except ValueError as error:
            raise self._error(name, str(error)) from None
        self.rows.append((unique, layer, tuple(value.layer for value in values)))
        self.shapes[unique] = shape
        if parameters:
            self.parameters[unique] = parameters
        seen = values[0].shape if shape == self.shapes[values[0].layer] else _channels_first(shape)
        return Value(unique, seen, values[0].features)

    def _unique(self, name: str) -> str:
        """The name, with a number if it is taken: two nodes may run one module, and a node may be called input."""
        plain = "".join(letter if letter.isprintable() else "_" for letter in name)[:LONGEST]
        parts = [f"{part}_" if part in ("weight", "bias") else part for part in plain.split("/")]
        name = "/".join(part for part in parts if part not in ("", ".")) or "layer"  # what Graph takes for names
        candidates = (name if count == 1 else f"{name}_{count}" for count in range(1, len(self.shapes) + 2))
        return next(candidate for candidate in candidates if candidate not in self.shapes)

    def _own_pad(self, name: str, value: Value, pad: int | Pair | Sides, window: Pair, ceil: bool) -> tuple[Value, Sides]:
        """The value without the zeros that wait, and what a window of this size then pads; too many become a layer.

        ceil: a window may start in the zeros that wait, but not in its own padding behind the last pixel: these stay a layer.
        """
        own, value = sides(pad), self.with_zeros(value) if ceil else value
        top, bottom, left, right = (waiting + more for waiting, more in zip(value.pad, own, strict=True))
        if max(top, bottom) < window[0] and max(left, right) < window[1]:
            return self.without_zeros(value), (top, bottom, left, right)
        if max(own[:2]) < window[0] and max(own[2:]) < window[1]:
            return self.with_zeros(value), own
        return self.with_zeros(self.zero_pad(f"{name}/pad", value, own)), NO_PAD

    def without_zeros(self, value: Value) -> Value:
        """The value as it was before zeros were put around it."""
        top, bottom, left, right = value.pad
        shape = (value.shape[0], value.shape[1] - top - bottom, value.shape[2] - left - right)
        return replace(value, shape=shape, pad=NO_PAD, pad_name="") if any(value.pad) else value

    def with_zeros(self, value: Value) -> Value:
        """The value after a layer that adds the zeros that wait, if any do."""
        if not any(value.pad):
            return value
        key = value.layer, value.pad
        if key not in self._padded:
            bare = self._maps(value.pad_name, self.without_zeros(value))
            self._padded[key] = self._add(value.pad_name, layers.ZeroPad(value.pad), bare)
        return self._padded[key]

    def _maps(self, name: str, value: Value) -> Value:
        """The value, which must be maps here and there."""
        if len(value.shape) != 3 or len(self.shapes[value.layer]) != 3:
            raise self._error(name, f"needs maps (C, H, W), its input is {value.shape}")
        return value

    def _vector(self, name: str, value: Value) -> Value:
        """Features (F,), or maps of one place as such."""
        if len(value.shape) == 3 and value.shape[1:] == (1, 1):
            return self.flatten(f"{name}/flatten", value)
        if len(value.shape) != 1:
            raise self._error(name, f"needs features (F,), its input is {value.shape}")
        return value

    def _alike(self, name: str, values: Sequence[Value]) -> list[Value]:
        """Values that can be joined: all maps, or all vectors where one of them is."""
        padded = [self.with_zeros(value) for value in values]
        vectors = [len(self.shapes[value.layer]) == 1 for value in padded]
        if not any(vectors) or all(vectors):
            return padded
        shape = padded[vectors.index(True)].shape
        flat = [self._vector(name, value) for value in padded]
        return [replace(value, shape=(value.shape[0], 1, 1)) for value in flat] if len(shape) == 3 else flat

    def _error(self, name: str, reason: str) -> SizeError:
        return SizeError(f"node {name!r} {reason}")


def _channels_first(shape: Shape) -> Shape:
    return (shape[2], *shape[:2]) if len(shape) == 3 else shape


def _leading_to(output: str, rows: list[tuple[str, Layer, tuple[str, ...]]]) -> list[tuple[str, Layer, tuple[str, ...]]]:
    """The rows that the output needs, in order."""
    needed = {output}
    for name, _, sources in reversed(rows):
        if name in needed:
            needed.update(sources)
    return [row for row in rows if row[0] in needed]
