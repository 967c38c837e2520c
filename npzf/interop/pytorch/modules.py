"""Modules that PyTorch lacks, for nets that go there: sizes rounded up (figure 3), local contrast (section 2), uneven padding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from torch import nn

from npzf.geometry import Pair, Sides, output_sizes


class CeilConv2d(nn.Conv2d):
    """A convolution whose size may be rounded up, as figure 3's, and whose padding may differ on each side.

    sides: (top, bottom, left, right); ceil: the last window may hang over the border, where it sees zeros.
    """

    def __init__(self, *args: int, sides: Sides, ceil: bool, **kwargs: object):
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.sides, self.ceil = sides, ceil

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (N, C, H, W) -> y (N, O, OH, OW)."""
        return super().forward(_padded(x, self.kernel_size, self.stride, self.sides, self.ceil))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, sides={self.sides}, ceil={self.ceil}"


class SidedPool2d(nn.Module):
    """A max or average pooling whose padding may differ on each side; sizes rounded up by ceil, as geometry.output_size."""

    def __init__(self, window: Pair, stride: Pair, sides: Sides, ceil: bool, count_padding: bool | None = None):
        super().__init__()
        self.window, self.stride, self.sides, self.ceil, self.count_padding = window, stride, sides, ceil, count_padding

    @property
    def is_average(self) -> bool:
        """Whether this averages; else it takes maxima."""
        return self.count_padding is not None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (N, C, H, W) -> y (N, C, OH, OW)."""
        if not self.is_average:
            return F.max_pool2d(_padded(x, self.window, self.stride, self.sides, self.ceil, -math.inf), self.window, self.stride)
        ones = torch.ones_like(x[:1, :1])
        if self.count_padding:
            top, bottom, left, right = self.sides
            ones = F.pad(ones, (left, right, top, bottom), value=1.0)
        counted = _padded(ones, self.window, self.stride, (0, 0, 0, 0) if self.count_padding else self.sides, self.ceil)
        x = _padded(x, self.window, self.stride, self.sides, self.ceil)
        counted = F.pad(counted, (0, x.shape[3] - counted.shape[3], 0, x.shape[2] - counted.shape[2]))
        return _sums(x, self.window, self.stride) / _sums(counted, self.window, self.stride)

    def extra_repr(self) -> str:
        names = ("window", "stride", "sides", "ceil", "count_padding")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class LocalContrastNorm2d(nn.Module):
    """v / max(local deviation, its mean over the image), v = x - local mean (Jarrett et al. 2009, section 3.1)."""

    def __init__(self, window: int, sigma: float, floor: float):
        super().__init__()
        self.window, self.sigma, self.floor = window, sigma, floor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (N, C, H, W) -> y of the same shape."""
        v = x - self._mean(x)
        variance = self._mean(v * v)
        positive = variance > 0
        deviation = torch.where(positive, torch.where(positive, variance, 1).sqrt(), 0)  # no gradient at 0
        level = deviation.mean((2, 3), keepdim=True)
        return v / torch.maximum(deviation, level).clamp(min=self.floor)

    def _mean(self, x: torch.Tensor) -> torch.Tensor:
        """The mean over the maps and a window of Gaussian weights, of the pixels that exist."""
        distance = torch.arange(self.window, dtype=x.dtype, device=x.device) - self.window // 2
        line = torch.exp(-(distance**2) / (2 * self.sigma**2))
        kernel = (line[:, None] * line[None, :])[None, None]
        weighted = F.conv2d(x.sum(1, keepdim=True), kernel, padding=self.window // 2)
        return weighted / F.conv2d(torch.full_like(x[:1, :1], x.shape[1]), kernel, padding=self.window // 2)

    def extra_repr(self) -> str:
        return f"window={self.window}, sigma={self.sigma}, floor={self.floor}"


class Affine(nn.Module):
    """weight[c] * x[:, c] + bias[c]: a batch normalisation whose statistics are fixed, in training too."""

    def __init__(self, maps: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(maps)), nn.Parameter(torch.zeros(maps))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (N, C, H, W) or (N, C) -> y of the same shape."""
        shape = (-1,) + (1,) * (x.ndim - 2)
        return x * self.weight.view(shape) + self.bias.view(shape)


class ZeroPad2d(nn.ZeroPad2d):
    """Zeros around the maps that stay a layer of their own."""


class GlobalAveragePool2d(nn.Module):
    """(N, C, H, W) -> (N, C), the mean of each map."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


class Flatten(nn.Module):
    """(N, C, H, W) -> (N, H * W * C), in that order, or in the order (C, H, W): a layer of its own even where that is nothing."""

    def __init__(self, channels_first: bool):
        super().__init__()
        self.channels_first = channels_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.permute(0, 2, 3, 1) if x.ndim == 4 and not self.channels_first else x).flatten(1)

    def extra_repr(self) -> str:
        return f"channels_first={self.channels_first}"


class LocalResponseNorm(nn.LocalResponseNorm):
    """The alpha is that of the sum of the squares, as Krizhevsky's paper is written, and not of their mean, as PyTorch's."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return F.local_response_norm(input, self.size, self.alpha * self.size, self.beta, self.k)


class L2Normalize(nn.Module):
    """Features (N, F) scaled to unit length."""

    def __init__(self, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x, dim=1, eps=self.eps)

    def extra_repr(self) -> str:
        return f"eps={self.eps}"


class Concatenate(nn.Module):
    """Maps, or features, one after the other."""

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return torch.cat(xs, 1)


class Add(nn.Module):
    """The sum of several tensors of one shape."""

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return reduce(torch.add, xs)


OWN_MODULES = (
    Add,
    Affine,
    CeilConv2d,
    Concatenate,
    Flatten,
    GlobalAveragePool2d,
    L2Normalize,
    LocalContrastNorm2d,
    LocalResponseNorm,
    SidedPool2d,
    ZeroPad2d,
)


def _padded(
    x: torch.Tensor, window: Sequence[int], stride: Sequence[int], sides: Sides, ceil: bool, value: float = 0.0
) -> torch.Tensor:
    """x with everything around it that the windows see."""
    top, bottom, left, right = (int(side) for side in sides)
    (kh, kw), (down, across) = (int(k) for k in window), (int(s) for s in stride)
    rows, columns = output_sizes((int(x.shape[2]), int(x.shape[3])), (kh, kw), (down, across), (top, bottom, left, right), ceil)
    below = max(bottom, (rows - 1) * down + kh - int(x.shape[2]) - top)
    behind = max(right, (columns - 1) * across + kw - int(x.shape[3]) - left)
    return F.pad(x, (left, behind, top, below), value=value)


def _sums(x: torch.Tensor, window: Pair, stride: Pair) -> torch.Tensor:
    """The sum of each window."""
    return F.avg_pool2d(x, window, stride, divisor_override=1)
