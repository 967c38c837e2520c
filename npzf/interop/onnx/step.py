"""One node of an ONNX graph with what it is given, and the questions that every operator asks of it; no part of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx

from npzf.interop.builder import NetBuilder
from npzf.interop.node_rows import SizeError, Value

ANY_BATCH = 65521  # stands for a batch of any size in computed shapes: a prime that no other side is


@dataclass(frozen=True, eq=False)
class Squares:
    """The squares of maps on their way to becoming a local response normalisation, as PyTorch's exporters write one.

    It stands for (scale * s + shift)^power, s being the squares of `of`, with zeros (below, above) around the maps' axis, and
    the mean of n of them if n is not 0; dims: the whole shape, batch first.
    """

    of: Value
    dims: tuple[int, ...]
    zeros: tuple[int, int] = (0, 0)
    n: int = 0
    scale: float = 1.0
    shift: float = 0.0
    power: float | None = None


@dataclass(frozen=True, eq=False)
class ChannelsLast:
    """Maps that lie (N, H, W, C) in the model; of: the same maps as the builder knows them, (C, H, W)."""

    of: Value


Outcome = Value | Squares | ChannelsLast
Argument = Outcome | np.ndarray | None


@dataclass(frozen=True, eq=False)
class Step:
    """A node, the arguments it takes, and the builder that makes layers of it; batch: the first side of every value."""

    node: onnx.NodeProto
    name: str
    arguments: Sequence[Argument]
    builder: NetBuilder
    opset: int
    batch: int
    foreign: bool = True  # False: to_onnx wrote it, and every node is a layer that is wanted back

    def error(self, reason: str) -> ValueError:
        """What no other size of the images would help."""
        return ValueError(f"node {self.name!r} {reason}")

    def size_error(self, reason: str) -> SizeError:
        """What may fit with images of another size."""
        return SizeError(f"node {self.name!r} {reason}")

    # Attributes

    def attribute(self, name: str, default: Any = None) -> Any:
        """The attribute's value: an int, a list of ints, a string, a float as the decimal it was written as."""
        for attribute in self.node.attribute:
            if attribute.name == name:
                value = onnx.helper.get_attribute_value(attribute)
                if isinstance(value, bytes):
                    return value.decode("utf-8", "replace")
                return as_written(np.float32(value)) if attribute.type == onnx.AttributeProto.FLOAT else value
        return default

    def whole(self, name: str, default: int) -> int:
        """An attribute that is one whole number."""
        value = self.attribute(name, default)
        if not isinstance(value, int):
            raise self.error(f"has {name} {value!r}, expected a whole number")
        return value

    def wholes(self, name: str, count: int, default: int = 1) -> list[int]:
        """An attribute of so many whole numbers."""
        value = self.attribute(name)
        if value is None:
            return [default] * count
        if not isinstance(value, list) or len(value) != count or not all(isinstance(number, int) for number in value):
            raise self.error(f"has {name} {value!r}, expected {count} whole numbers")
        return value

    # Inputs

    def value(self, place: int = 0) -> Value:
        """The input at this place, which depends on the images."""
        value = self.arguments[place] if place < len(self.arguments) else None
        if isinstance(value, Squares):
            raise self.error("takes squares of maps, which npzf knows as part of a local response normalisation alone")
        if isinstance(value, ChannelsLast):
            raise self.error(f"is {self.node.op_type} of maps (N, H, W, C), which npzf has no layer for")
        if not isinstance(value, Value):
            raise self.error(f"has a constant or nothing as input {place}, expected what depends on the images")
        return value

    def constant(self, place: int, what: str) -> np.ndarray:
        """The input at this place, which must be there and not depend on the images."""
        constant = self.optional(place, what)
        if constant is None:
            raise self.error(f"has no {what}, expected one")
        return constant

    def optional(self, place: int, what: str) -> np.ndarray | None:
        """The input at this place, or None if there is none; it must not depend on the images."""
        value = self.arguments[place] if place < len(self.arguments) else None
        if value is not None and not isinstance(value, np.ndarray):
            raise self.error(f"has a {what} that depends on the images, expected a constant")
        return value

    def numbers(self, place: int, what: str, attribute: str | None = None) -> list[int] | None:
        """Whole numbers that older opsets have as an attribute, newer ones as an input; None if there are none."""
        stored = self.optional(place, what)
        if stored is None:
            value = self.attribute(attribute or what)
            return None if value is None else [int(number) for number in value]
        return [int(number) for number in stored.reshape(-1)]

    def axes(self, axes: Sequence[int], rank: int) -> list[int]:
        """Axes counted from the front, in order."""
        if not all(-rank <= axis < rank for axis in axes) or len({axis % rank for axis in axes}) != len(axes):
            raise self.error(f"has axes {list(axes)}, expected different ones of {rank}")
        return sorted(axis % rank for axis in axes)

    # Shapes

    def dims(self, value: Outcome) -> tuple[int, ...]:
        """The whole shape of a value, batch first."""
        if isinstance(value, ChannelsLast):
            return (self.batch, *value.of.shape[1:], value.of.shape[0])
        return value.dims if isinstance(value, Squares) else (self.batch, *value.shape)

    def view(self, value: Value, dims: Sequence[int]) -> Value:
        """The same numbers as (batch, F), or as (batch, C, 1, ...)."""
        batch, *shape = dims
        if int(np.prod(dims, dtype=object)) != int(np.prod(self.dims(value), dtype=object)) or batch != self.batch:
            raise self.size_error(f"makes {self._shown(dims)} of {self._shown(self.dims(value))}, expected as many an image")
        if tuple(shape) == value.shape:
            return value
        count = int(np.prod(value.shape))
        if len(shape) > 1 and (shape[0] != count or value.features is not None or len(shape) > 3):
            made = f"{self._shown(dims)} of {self._shown(self.dims(value))}"
            raise self.error(f"makes {made}, expected flattened maps, or one place for each")
        flat = self.builder.flatten(self.name, value)
        if len(shape) == 1:
            return flat
        if flat.features is not None:
            raise self.error(f"makes maps of flattened maps, {self._shown(dims)}")
        return replace(self.builder.one_place(self.name, flat), shape=tuple(shape))

    def _shown(self, dims: Sequence[int]) -> str:
        sides = [str(side) for side in dims]
        return f"({', '.join(['N', *sides[1:]])})" if sides and dims[0] == ANY_BATCH else f"({', '.join(sides)})"


def as_written(number: Any) -> float:
    """The shortest decimal of a number's own precision: 1e-4, where float32 holds 9.999999747378752e-05."""
    return float(str(number))
