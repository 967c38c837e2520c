"""Max pooling with switches, and unpooling (section 2.1, figure 1); average poolings (an extension)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npzf.backend.arrays import array_module
from npzf.geometry import Field, Pair, Sides, output_sizes, pair, sides, window_counts
from npzf.layers.checks import require_flags, require_pad, require_positive
from npzf.layers.layer import Gradients, Layer, ProjectionRules, Save, Shape
from npzf.regions import Region


class _Pool(Layer):
    """What windows that move over each map by itself share: sizes and receptive field."""

    window: int | Pair
    stride: int | Pair
    pad: int | Pair | Sides
    ceil: bool

    def __post_init__(self) -> None:
        name = type(self).__name__
        require_positive(name, window=self.window, stride=self.stride)
        require_pad(name, self.pad)
        require_flags(name, ceil=self.ceil)

    def shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ValueError(f"{type(self).__name__}: input is {shape}, expected (H, W, C)")
        return (*output_sizes(shape[:2], self.window, self.stride, self.pad, self.ceil), shape[2])

    def receptive_field(self, below: Field) -> Field:
        return below.through(self.window, self.stride, self.pad)

    def _windows(self, region: Region, base: Any, outside: float) -> tuple[Any, np.ndarray, np.ndarray]:
        """The padded input of the places that see the region, and the first of these (rows, columns)."""
        rows, columns, _ = self.shape(base.shape[1:])
        return region.windows(base, (rows, columns), pair(self.window), pair(self.stride), sides(self.pad), outside)


@dataclass(eq=False)
class MaxPool(_Pool):
    """y = the maximum of each window, every `stride` pixels; its place is recorded as a switch.

    window, stride: an int or (rows, columns); pad: an int, (rows, columns) or (top, bottom, left, right), in pixels of x; ceil:
    sizes are rounded up (figure 3).
    """

    window: int | Pair
    stride: int | Pair
    pad: int | Pair | Sides = 0
    ceil: bool = False

    def forward(self, x: Any, save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """x (N, H, W, C) -> y (N, OH, OW, C)."""
        return self.ops.max_pool(x, self.window, self.stride, self.pad, self.ceil, record=save > Save.NOTHING)

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy (N, OH, OW, C) -> gx (N, H, W, C): each gradient goes to where the maximum was."""
        return self.ops.unpool(gy, saved), {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """Deconvnet: unpool through the switches."""
        return self.ops.unpool(y, saved, rules.overwrite)

    def forward_region(self, region: Region, base: Any) -> Region:
        """Only the places that see the region."""
        windows, rows, columns = self._windows(region, base, -np.inf)
        values, _ = self.ops.max_pool(windows, self.window, self.stride, record=False)
        return replace(region, values=values, rows=rows, columns=columns)

    def project_region(self, region: Region, saved: Any, rules: ProjectionRules) -> Region | None:
        """Unpools rectangles."""
        if rules.overwrite:
            return None  # which window comes last is a question about all of them
        values = self.ops.unpool_region(region.values, region.images, region.rows, region.columns, saved)
        return region.to_input(values, self.stride, self.pad, saved.size)


@dataclass(eq=False)
class AveragePool(_Pool):
    """y = the mean of each window, every `stride` pixels.

    window, stride, pad, ceil as for MaxPool; count_padding: whether the zeros of the padding count (PyTorch's count_include_pad).
    """

    window: int | Pair
    stride: int | Pair
    pad: int | Pair | Sides = 0
    ceil: bool = False
    count_padding: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_flags("AveragePool", count_padding=self.count_padding)

    def forward(self, x: Any, save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """x (N, H, W, C) -> y (N, OH, OW, C)."""
        return self.ops.average_pool(x, self.window, self.stride, self.pad, self.ceil, self.count_padding), x.shape[1:3]

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy (N, OH, OW, C) -> gx (N, H, W, C): each pixel of a window gets its share."""
        return self.ops.average_pool_transpose(gy, saved, self.window, self.stride, self.pad, self.count_padding), {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """The transpose, as for any linear layer."""
        return self.backward(y, saved)[0]

    def forward_region(self, region: Region, base: Any) -> Region:
        """Only the places that see the region; each divides by its own count."""
        windows, rows, columns = self._windows(region, base, 0.0)
        means = self.ops.average_pool(windows, self.window, self.stride)
        share = self._shares(base.shape[1:3])
        own = np.stack([share[r : r + means.shape[1], c : c + means.shape[2]] for r, c in zip(rows, columns, strict=True)])
        values = means * array_module(means).asarray(own[..., None].astype(means.dtype))
        return replace(region, values=values, rows=rows, columns=columns)

    def project_region(self, region: Region, saved: Any, rules: ProjectionRules) -> Region | None:
        """The transpose on rectangles, whose places are given their own counts first."""
        (h, w), (kh, kw), (down, across) = region.values.shape[1:3], pair(self.window), pair(self.stride)
        share = np.pad(self._shares(saved), [(h, h), (w, w)], constant_values=1.0)  # places outside of the maps hold zeros
        corners = zip(region.rows + h, region.columns + w, strict=True)
        own = np.stack([share[r : r + h, c : c + w] for r, c in corners])[..., None].astype(region.values.dtype)
        values = region.values * array_module(region.values).asarray(own)
        size = ((h - 1) * down + kh, (w - 1) * across + kw)
        return region.to_input(
            self.ops.average_pool_transpose(values, size, self.window, self.stride), self.stride, self.pad, saved
        )

    def _shares(self, size: Pair) -> np.ndarray:
        """Numbers in a whole window over those that each place (OH, OW) divides by."""
        places = output_sizes(size, self.window, self.stride, self.pad, self.ceil)
        moves = pair(self.window), pair(self.stride), sides(self.pad)
        return np.prod(moves[0]) / window_counts(size, places, *moves, self.count_padding)


@dataclass(eq=False)
class GlobalAveragePool(Layer):
    """y = the mean of each map."""

    local = False

    def shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ValueError(f"GlobalAveragePool: input is {shape}, expected (H, W, C)")
        return (shape[2],)

    def receptive_field(self, below: Field) -> Field:
        return replace(below, whole=True)

    def forward(self, x: Any, save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """x (N, H, W, C) -> y (N, C)."""
        return x.mean((1, 2)), x.shape[1:3]

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy (N, C) -> gx (N, H, W, C): every place has the same share."""
        share = gy[:, None, None] / (saved[0] * saved[1])
        return array_module(gy).broadcast_to(share, (gy.shape[0], *saved, gy.shape[1])).copy(), {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """The transpose, as for any linear layer."""
        return self.backward(y, saved)[0]
