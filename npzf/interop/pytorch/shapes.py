"""Shapes of PyTorch's tensors as a forward asks for them and changes them, on values of NetBuilder; no part of the paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import torch
from torch import nn

from npzf.geometry import pair
from npzf.interop.builder import NetBuilder
from npzf.interop.node_rows import SizeError, Value


class Batch:
    """The number of images, wherever a forward asks for it."""

    def __repr__(self) -> str:
        return "N"


N = Batch()


class Shapes:
    """Operations that move no number, or average rows and columns away.

    Each method has the signature of the function in torch, with the node's name before it. dtype: of all constants.
    """

    def __init__(self, builder: NetBuilder, dtype: torch.dtype):
        self.builder, self.dtype = builder, dtype
        self._owners: dict[int, str] = {}  # id of a parameter -> the node that has taken it

    def flatten(self, name: str, input: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
        axes = len(input.shape) + 1
        first, last = start_dim % axes, end_dim % axes
        if (first, last) == (1, axes - 1):
            return self.builder.flatten(name, self._whole(input))
        if (first, last) == (2, 3):
            return self._lines(input)
        if 1 <= first == last:
            return input
        raise ValueError(f"node {name!r} flattens axes {start_dim} to {end_dim}, expected 1 to -1: all but the images'")

    def view(self, name: str, input: Value, *shape: Any) -> Value:
        asked = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], list | tuple) else shape
        sizes = list(asked)
        count = math.prod(input.shape)
        if sizes[:1] == [-1] and sizes[1:] and _product(sizes[1:]) == count:
            sizes[0] = N
        known = _product([size for size in sizes[1:] if size != -1])
        sizes = [count // known if size == -1 and known else size for size in sizes]
        if sizes[:1] == [N]:
            if tuple(sizes[1:]) in (input.shape, self._whole(input).shape):
                return replace(self._whole(input), shape=tuple(sizes[1:]))
            if sizes[1:] == [count]:
                return self.builder.flatten(name, self._whole(input))
            if sizes[1:] == [count, 1, 1]:
                return self.builder.one_place(name, self.builder.flatten(name, self._whole(input)))
            if len(input.shape) == 3 and sizes[1:] == [input.shape[0], count // input.shape[0]]:
                return self._lines(input)
        raise SizeError(f"node {name!r} reshapes {('N', *input.shape)} to {asked}, expected (N, {count}): flattened maps")

    def mean(self, name: str, input: Value, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Value:
        axes = self._axes(input, dim)
        if not axes or not axes <= {2, 3} or len(input.shape) == 1:
            raise ValueError(f"node {name!r} averages axes {dim} of {('N', *input.shape)}, expected (2, 3): rows and columns")
        whole = self._whole(input)
        if all(input.shape[axis - 1] == 1 for axis in axes):
            pooled = whole
        elif len(axes) == len(input.shape) - 1:
            pooled = self.builder.global_average_pool(name, whole)
        else:
            window = as_pair([side if axis in axes else 1 for axis, side in zip((2, 3), whole.shape[1:], strict=True)])
            pooled = self.builder.average_pool(name, whole, window, window)
        left = [side for axis, side in enumerate(input.shape, 1) if axis not in axes]
        if keepdim:
            return replace(pooled, shape=tuple(1 if axis in axes else side for axis, side in enumerate(input.shape, 1)))
        return self.builder.flatten(f"{name}/flatten", pooled) if len(left) == 1 else replace(pooled, shape=tuple(left))

    def squeeze(self, name: str, input: Value, dim: Any = None) -> Value:
        ones = {axis for axis, side in enumerate(input.shape, 1) if side == 1}
        axes = ones if dim is None else ones & self._axes(input, dim)
        if 1 in axes or 0 in self._axes(input, dim):
            raise ValueError(f"node {name!r} squeezes axes {dim} of {('N', *input.shape)}, expected rows and columns alone")
        left = tuple(side for axis, side in enumerate(input.shape, 1) if axis not in axes)
        return self.builder.flatten(name, self._whole(input)) if len(left) == 1 else self._seen_as(input, left)

    def unsqueeze(self, name: str, input: Value, dim: int) -> Value:
        if dim % (len(input.shape) + 2) != len(input.shape) + 1 or len(input.shape) == 3:
            raise ValueError(f"node {name!r} adds axis {dim} to {('N', *input.shape)}, expected it after those of features")
        return self._seen_as(input, (*input.shape, 1))

    def cat(self, name: str, tensors: Sequence[Value], dim: int = 0, *, axis: int | None = None) -> Value:
        dim = dim if axis is None else axis
        if not all(isinstance(value, Value) for value in tensors):
            self.refuse(name, "concatenates constants")
        if dim % (len(tensors[0].shape) + 1) != 1:
            raise ValueError(f"node {name!r} concatenates along axis {dim}, expected 1: maps")
        return self.builder.concatenate(name, tensors)

    def pad(self, name: str, input: Value, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Value:
        if mode != "constant" or value not in (None, 0):
            raise ValueError(f"node {name!r} pads with {mode if mode != 'constant' else value}, expected zeros")
        sides = [*pad, 0, 0, 0, 0][:4]
        if any(pad[4:]) or min(sides) < 0:
            raise ValueError(f"node {name!r} pads by {tuple(pad)}, expected (left, right, top, bottom) of at least 0")
        left, right, top, bottom = (int(side) for side in sides)
        return self.builder.zero_pad(name, input, (top, bottom, left, right))

    def size(self, name: str, input: Value, dim: int | None = None) -> Any:
        sizes = (N, *input.shape)
        return sizes if dim is None else sizes[dim]

    def dim(self, name: str, input: Value) -> int:
        return len(input.shape) + 1

    def attribute(self, name: str, input: Any, attribute: str) -> Any:
        match attribute:
            case "shape":
                return self.size(name, input)
            case "ndim":
                return self.dim(name, input)
            case "dtype":
                return self.dtype
            case "device":
                return torch.device("cpu")
        return self.refuse(name, f"takes {attribute} of a tensor")

    def part(self, name: str, input: Any, index: Any) -> Any:
        """input[index]: of a shape, or the only place of maps, [:, :, 0, 0]."""
        if not isinstance(input, Value):
            return input[index]
        maps_of_one_place = isinstance(index, tuple) and index[:2] == (slice(None), slice(None)) and input.shape[1:] == (1, 1)
        if maps_of_one_place and index[2:] in ((0, 0), (-1, -1)):
            return self.builder.flatten(name, input)
        return self.refuse(name, f"takes a part of a tensor, [{index}]")

    def identity(self, name: str, input: Value, *args: Any, **kwargs: Any) -> Value:
        """The same numbers, in another type if that has room for them."""
        for part in (*args, *kwargs.values()):
            if isinstance(part, torch.dtype) and not (part.is_floating_point and part.itemsize >= self.dtype.itemsize):
                self.refuse(name, f"rounds to {part}")
        return input

    def float(self, name: str, input: Value) -> Value:
        return self.identity(name, input, torch.float32)

    # Constants

    def array(self, name: str, what: str, tensor: Any) -> np.ndarray:
        """A tensor of the module as a NumPy array, to be read only; a parameter serves one node alone."""
        if isinstance(tensor, nn.Parameter) and self._owners.setdefault(id(tensor), name) != name:
            owner = self._owners[id(tensor)]
            raise ValueError(
                f"node {name!r} shares its {what} with node {owner!r}, expected its own: they would become two copies"
            )
        if not isinstance(tensor, torch.Tensor) or nn.parameter.is_lazy(tensor) or tensor.is_meta:
            raise ValueError(f"node {name!r} has a {what} without numbers, expected an initialised module")
        if tensor.is_quantized or tensor.is_complex() or tensor.layout != torch.strided:
            kind = "quantized" if tensor.is_quantized else f"{tensor.layout} {tensor.dtype}"
            raise ValueError(f"node {name!r} has a {what} that is {kind}, expected plain floating-point numbers")
        return tensor.detach().to("cpu", self.dtype).contiguous().numpy()

    def refuse(self, name: str, what: str) -> NoReturn:
        """ValueError: the node does something that no layer does."""
        raise ValueError(f"node {name!r} {what}, which npzf has no layer for")

    def expect(self, name: str, what: str, value: Any, expected: Any) -> None:
        """ValueError unless they are equal."""
        if value != expected:
            raise ValueError(f"node {name!r} has {what} {value}, expected {expected}")

    # Values of which the foreign net sees fewer axes than there are: (C, L) for maps

    def _lines(self, value: Value) -> Value:
        value = self.builder.with_zeros(value)
        return replace(value, shape=(value.shape[0], math.prod(value.shape[1:])))

    def _whole(self, value: Value) -> Value:
        """(C, L) as the maps that it was."""
        if len(value.shape) != 2:
            return value
        house = self.builder.shapes[value.layer]
        return replace(value, shape=(value.shape[0], *(house[:2] if len(house) == 3 else (1, 1))))

    def _seen_as(self, value: Value, shape: tuple[int, ...]) -> Value:
        value = self.builder.with_zeros(value)
        return replace(value, shape=shape)

    def _axes(self, value: Value, dim: Any) -> set[int]:
        dims = dim if isinstance(dim, list | tuple) else [] if dim is None else [dim]
        return {axis % (len(value.shape) + 1) for axis in dims}


def as_pair(value: Any) -> tuple[int, int]:
    """(rows, columns) of an int or a sequence of one or two."""
    numbers = tuple(int(number) for number in value) if isinstance(value, list | tuple) else (int(value),)
    return pair(numbers * 2 if len(numbers) == 1 else numbers)  # type: ignore[arg-type]


def _product(sizes: Sequence[Any]) -> int:
    return math.prod(size for size in sizes if isinstance(size, int))
