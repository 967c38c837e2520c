"""A net in channels-first operations, as PyTorch and ONNX write it, node by node into rows of layers; no part of the paper.

    builder = NetBuilder((3, 224, 224))
    value = builder.conv("conv1", builder.input, weight, bias, stride=2)
    value = builder.relu("relu1", value)
    net = builder.network(value)

What the two orders and the two sets of layers differ in is settled here: zeros around the maps become the padding of the next
convolution or pooling, batch normalisation is folded into the convolution before it, and fully connected weights, whose inputs
are flattened maps in (C, H, W) order elsewhere, are turned to (H, W, C).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from npzf import layers
from npzf.geometry import Pair, Sides, pair, sides
from npzf.interop.node_rows import NO_PAD, NodeRows, Value


class NetBuilder(NodeRows):
    """Collects rows and parameters of a net whose operations come one after the other, each on values of those before.

    input_shape: (C, H, W) of one image. Each operation takes the node's name, which names the layer too. Arrays are channels
    first: weight (O, C / groups, KH, KW) or (O, I). ValueError, naming the node, for what does not fit or cannot be exact.
    """

    # Weighted

    def conv(
        self,
        name: str,
        value: Value,
        weight: np.ndarray,
        bias: np.ndarray | None = None,
        *,
        stride: int | Pair = 1,
        pad: int | Pair | Sides = 0,
        groups: int = 1,
        ceil: bool = False,
    ) -> Value:
        """A convolution with weight (O, C / groups, KH, KW); ceil: sizes rounded up."""
        maps, channels, *window = weight.shape
        if len(value.shape) != 3 or value.shape[0] != channels * groups or len(window) != 2:
            raise self._error(name, f"takes {channels * groups} maps of two dimensions, its input is {value.shape}")
        if len(self.shapes[value.layer]) == 1:
            return self._conv_of_one_place(name, value, weight, bias, stride, pad, groups)
        value, around = self._own_pad(name, value, pad, (window[0], window[1]), ceil)
        layer = layers.Conv(maps, _short(window), _short(pair(stride)), _short(around), groups, ceil)
        bias = np.zeros(maps, weight.dtype) if bias is None else bias
        return self._add(name, layer, value, weight=weight, bias=bias)

    def linear(self, name: str, value: Value, weight: np.ndarray, bias: np.ndarray | None = None) -> Value:
        """A fully connected layer with weight (O, I)."""
        units, inputs = weight.shape
        value = self._vector(name, value)
        if value.shape != (inputs,):
            raise self._error(name, f"takes {inputs} features, its input is {value.shape}")
        bias = np.zeros(units, weight.dtype) if bias is None else bias
        made = self._add(name, layers.FullyConnected(units), value, weight=weight, bias=bias)
        if value.features is not None:
            self._features[made.layer] = value.features
        return replace(made, features=None)

    def affine(self, name: str, value: Value, scale: np.ndarray, shift: np.ndarray, fold: bool = True) -> Value:
        """scale * x + shift, one number of each, (C,), for every map or feature; fold: into the layer before it."""
        value = self.with_zeros(value)
        scale, shift = (np.broadcast_to(part, value.shape[:1]) for part in (scale, shift))
        made = self._add(name, layers.Affine(), value, weight=scale, bias=shift)
        if not fold:
            self._kept.add(made.layer)
        if value.features is not None:
            self._features[made.layer] = value.features
        return made

    # Windows

    def max_pool(
        self, name: str, value: Value, window: int | Pair, stride: int | Pair, pad: int | Pair | Sides = 0, ceil: bool = False
    ) -> Value:
        """A max pooling; its own padding is never the maximum."""
        value = self.with_zeros(self._maps(name, value))  # which may be the maximum, unlike the pooling's own padding
        return self._add(name, layers.MaxPool(_short(pair(window)), _short(pair(stride)), _short(sides(pad)), ceil), value)

    def average_pool(
        self,
        name: str,
        value: Value,
        window: int | Pair,
        stride: int | Pair,
        pad: int | Pair | Sides = 0,
        ceil: bool = False,
        count_padding: bool = True,
    ) -> Value:
        """An average pooling; count_padding: whether the zeros of its own padding count."""
        value = self._maps(name, value)
        if count_padding or not any(sides(pad)):
            value, around = self._own_pad(name, value, pad, pair(window), ceil)
            count_padding = count_padding or any(around)
        else:
            value, around = self.with_zeros(value), sides(pad)
        return self._add(
            name, layers.AveragePool(_short(pair(window)), _short(pair(stride)), _short(around), ceil, bool(count_padding)), value
        )

    def global_average_pool(self, name: str, value: Value) -> Value:
        """The mean of each map, (C, 1, 1)."""
        if len(self.shapes[value.layer]) == 1 and value.shape[1:] == (1, 1):
            return value
        value = self.with_zeros(self._maps(name, value))
        made = self._add(name, layers.GlobalAveragePool(), value)
        return replace(made, shape=(value.shape[0], 1, 1))

    def adaptive_average_pool(self, name: str, value: Value, size: Sequence[int | None]) -> Value:
        """The average pooling that gives (OH, OW) places, None as many as there are; where its windows are all alike."""
        moves = self._adaptive(name, "averages", value, size)
        if moves is None:
            return value
        if tuple(size) == (1, 1):
            return self.global_average_pool(name, value)
        return self.average_pool(name, self.with_zeros(value), *moves)

    def adaptive_max_pool(self, name: str, value: Value, size: Sequence[int | None]) -> Value:
        """The max pooling that gives (OH, OW) places, None as many as there are; where its windows are all alike."""
        moves = self._adaptive(name, "takes maxima of", value, size)
        return value if moves is None else self.max_pool(name, value, *moves)

    def _adaptive(self, name: str, does: str, value: Value, size: Sequence[int | None]) -> tuple[Pair, Pair] | None:
        """Windows and strides that give these places; None where they are those of the value."""
        if len(value.shape) != 3:
            raise self._error(name, f"needs maps (C, H, W), its input is {value.shape}")
        height, width = value.shape[1:]
        rows, columns = (int(side) if out is None else int(out) for side, out in zip((height, width), size, strict=True))
        if (rows, columns) == (height, width):
            return None
        down, across = _uniform(height, rows), _uniform(width, columns)
        if down is None or across is None:
            reason = f"{does} {height}x{width} maps to {rows}x{columns} places with windows of different sizes"
            raise self._error(name, f"{reason}, expected sizes that divide: another input_shape")
        return (down[0], across[0]), (down[1], across[1])

    # Number by number, and the like

    def relu(self, name: str, value: Value) -> Value:
        """max(x, 0)."""
        return self._add(name, layers.ReLU(), self.with_zeros(value))

    def local_response_norm(
        self, name: str, value: Value, n: int, k: float, alpha: float, beta: float, divided: bool = True
    ) -> Value:
        """x / (k + alpha / n * sum of the squares of n neighbouring maps)^beta; divided: False for alpha instead of alpha / n."""
        layer = layers.LocalResponseNorm(n, k, alpha, beta, divided)
        return self._add(name, layer, self.with_zeros(self._maps(name, value)))

    def local_contrast_norm(self, name: str, value: Value, window: int, sigma: float, floor: float) -> Value:
        """Jarrett et al.'s, as layers.LocalContrastNorm."""
        return self._add(name, layers.LocalContrastNorm(window, sigma, floor), self.with_zeros(self._maps(name, value)))

    def dropout(self, name: str, value: Value, rate: float) -> Value:
        """Dropout, which drops in training alone."""
        return self._add(name, layers.Dropout(rate), self.with_zeros(value))

    def l2_normalize(self, name: str, value: Value, eps: float = layers.L2Normalize.eps) -> Value:
        """Features of one place, scaled to unit length."""
        return self._add(name, layers.L2Normalize(eps), self._vector(name, value))

    def softmax(self, name: str, value: Value) -> Value:
        """The softmax over the maps or features of one place."""
        return self._add(name, layers.Softmax(), self._vector(name, value))

    # Shapes and branches

    def one_place(self, name: str, value: Value) -> Value:
        """(C,) -> (C, 1, 1), the same numbers."""
        return value if len(value.shape) == 3 else replace(value, shape=(value.shape[0], 1, 1))

    def concatenate(self, name: str, values: Sequence[Value]) -> Value:
        """Maps, or features, one after the other."""
        values = self._alike(name, values)
        if len(values) == 1:
            return values[0]
        if len({value.shape[1:] for value in values}) != 1:
            raise self._error(
                name, f"concatenates {', '.join(str(value.shape) for value in values)}, expected (C, H, W) of one size"
            )
        made = self._add(name, layers.Concatenate(), *values)
        features = None
        if any(value.features is not None for value in values):
            edges = np.cumsum([0, *(value.shape[0] for value in values)])
            own = [np.arange(value.shape[0]) if value.features is None else value.features for value in values]
            features = np.concatenate([part + edge for part, edge in zip(own, edges, strict=False)])
        shape = (sum(value.shape[0] for value in values), *values[0].shape[1:])
        return replace(made, shape=shape, features=features)

    def add(self, name: str, values: Sequence[Value]) -> Value:
        """The sum of several values of one shape."""
        values = self._alike(name, values)
        if len(values) == 1:
            return values[0]
        if len({value.shape for value in values}) != 1:
            raise self._error(name, f"adds {', '.join(str(value.shape) for value in values)}, expected one shape")
        orders = {None if value.features is None else value.features.tobytes() for value in values}
        if len(orders) != 1:
            raise self._error(name, "adds flattened maps to features in another order")
        made = self._add(name, layers.Add(), *values)
        first = values[0]
        return replace(made, shape=first.shape, features=first.features)

    def _conv_of_one_place(
        self,
        name: str,
        value: Value,
        weight: np.ndarray,
        bias: np.ndarray | None,
        stride: int | Pair,
        pad: int | Pair | Sides,
        groups: int,
    ) -> Value:
        """A convolution over means of whole maps, (C, 1, 1), whose only window sees one place: a fully connected layer."""
        around = [waiting + more for waiting, more in zip(value.pad, sides(pad), strict=True)]
        axes = zip(around[::2], around[1::2], weight.shape[2:], pair(stride), strict=True)
        if not all(before < k <= before + 1 + after < k + s for before, after, k, s in axes):
            raise self._error(name, f"makes no single place of {value.shape}, expected a convolution that keeps it")
        seen = weight[:, :, around[0], around[2]]
        maps, own = seen.shape
        full = np.zeros((maps, own * groups), weight.dtype)
        for group in range(groups):
            rows = slice(group * maps // groups, (group + 1) * maps // groups)
            full[rows, group * own : (group + 1) * own] = seen[rows]
        made = self.linear(name, replace(value, shape=value.shape[:1], pad=NO_PAD), full, bias)
        return replace(made, shape=(maps, 1, 1))


def _short(numbers: Sequence[int]) -> Any:
    """One number for several that are alike, (rows, columns) for sides that are alike in pairs: as one would write them."""
    if len(set(numbers)) == 1:
        return int(numbers[0])
    if len(numbers) == 4 and numbers[:2] == (numbers[0],) * 2 and numbers[2:] == (numbers[2],) * 2:
        return int(numbers[0]), int(numbers[2])
    return tuple(int(number) for number in numbers)


def _uniform(side: int, places: int) -> Pair | None:
    """Window and stride of an adaptive pooling along one side, None unless its windows are all alike and equally far apart."""
    firsts = [place * side // places for place in range(places)]
    ends = [-(-(place + 1) * side // places) for place in range(places)]
    sizes = {end - first for first, end in zip(firsts, ends, strict=True)}
    steps = {after - before for before, after in pairwise(firsts)} or {1}
    return (sizes.pop(), max(1, steps.pop())) if len(sizes) == len(steps) == 1 and 0 not in steps else None
