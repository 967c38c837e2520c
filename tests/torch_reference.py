"""The same nets in PyTorch, layer by layer in its own NCHW operations, and a deconvnet written against them.

PyTorch is the second opinion on every number of a whole net: nothing here calls npzf's mathematics. Padding, of which PyTorch's
layers know only the symmetric kind, is written into the array before each window moves (Windows).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from npzf import layers


class Twin:
    """A float64 PyTorch net with the parameters of an npzf net.

    decisions: name -> mask of a relu or indices of a max pooling, in PyTorch's layout, to be taken as they are. A float32 net
    decides otherwise than a float64 one where two numbers are equal to seven digits, and every number after that differs:
    given the decisions, the arithmetic can be compared.
    """

    def __init__(self, net, decisions=None):
        self.net, self.decisions = net, decisions or {}
        self.parameters = {}
        for name, value in net.parameters.items():
            value = torch.from_numpy(value.astype("float64"))  # the reference counts in float64 always
            if value.ndim == 4:
                value = value.permute(0, 3, 1, 2).contiguous()
            self.parameters[name] = value.requires_grad_()

    def forward(self, x, upto=None):
        """x (N, H, W, C), array or tensor -> every activation up to a layer, by name, in PyTorch's layout."""
        values = {"input": nchw(x)}
        self.indices, self.sizes = {}, {}
        for name, layer in self.net.layers.items():
            inputs = [values[source] for source in self.net.sources[name]]
            values[name] = self._layer(name, layer, inputs)
            if name == upto:
                break
        return values

    def _layer(self, name, layer, inputs):
        x = inputs[0]
        self.sizes[name] = x.shape
        match layer:
            case layers.Conv():
                weight, bias = self.parameters[f"{name}/weight"], self.parameters[f"{name}/bias"]
                windows = Windows.of(layer, x.shape)
                return F.conv2d(windows.padded(x), weight, bias, windows.stride, groups=layer.groups)
            case layers.ReLU() if name in self.decisions:
                return x * self.decisions[name]
            case layers.ReLU():
                return F.relu(x)
            case layers.MaxPool() if name in self.decisions:
                self.indices[name] = self.decisions[name]
                return x.flatten(2).gather(2, self.indices[name].flatten(2)).view(self.indices[name].shape)
            case layers.MaxPool():
                windows = Windows.of(layer, x.shape)
                y, places = F.max_pool2d(windows.padded(x, -math.inf), windows.window, windows.stride, return_indices=True)
                self.indices[name] = windows.unpadded(places)
                return y
            case layers.AveragePool():
                windows = Windows.of(layer, x.shape)
                return windows.sums(x) / windows.counts(layer.count_padding)
            case layers.LocalResponseNorm():
                alpha = layer.alpha * (1 if layer.alpha_divided_by_n else layer.n)  # PyTorch's is the mean's
                return F.local_response_norm(x, layer.n, alpha, layer.beta, layer.k)
            case layers.LocalContrastNorm():
                return local_contrast_norm(x, layer.window, layer.sigma, layer.floor)
            case layers.Flatten():
                return (x.permute(0, 2, 3, 1) if x.ndim == 4 and not layer.channels_first else x).flatten(1)
            case layers.Affine():
                weight, bias = (self.parameters[f"{name}/{key}"] for key in ("weight", "bias"))
                return x * weight.view(-1, *[1] * (x.ndim - 2)) + bias.view(-1, *[1] * (x.ndim - 2))
            case layers.ZeroPad():
                top, bottom, left, right = layer.pad
                return F.pad(x, (left, right, top, bottom))
            case layers.FullyConnected():
                return F.linear(x, self.parameters[f"{name}/weight"], self.parameters[f"{name}/bias"])
            case layers.Dropout():
                return x  # evaluation
            case layers.GlobalAveragePool():
                return x.mean((2, 3))
            case layers.Concatenate():
                return torch.cat(inputs, 1)
            case layers.Add():
                return torch.stack(inputs).sum(0)
            case layers.L2Normalize():
                return F.normalize(x, dim=1, eps=layer.eps)
            case layers.Softmax():
                return F.softmax(x, 1)
        raise TypeError(f"no twin of {layer}")

    def project(self, x, layer, seed):
        """The deconvnet: seed, in PyTorch's layout at the output of layer -> pixels; unpool, rectify, filter."""
        with torch.no_grad():
            self.forward(x, layer)
            signals = {layer: seed}
            for name in reversed(list(self.net.layers)):
                if name not in signals:
                    continue
                down = self._down(name, self.net.layers[name], signals.pop(name))
                for source, signal in zip(self.net.sources[name], down, strict=True):
                    signals[source] = signals[source] + signal if source in signals else signal
        return signals["input"]

    def _down(self, name, layer, y):
        size = self.sizes[name]
        match layer:
            case layers.Conv():
                return [Windows.of(layer, size).transposed(y, self.parameters[f"{name}/weight"], layer.groups)]
            case layers.ReLU():
                return [F.relu(y)]
            case layers.MaxPool():
                x = torch.zeros(*size[:2], size[2] * size[3], dtype=y.dtype)
                return [x.scatter_add_(2, self.indices[name].flatten(2), y.flatten(2)).view(size)]
            case layers.AveragePool():
                windows = Windows.of(layer, size)
                ones = torch.ones(size[1], 1, *windows.window, dtype=y.dtype)
                return [windows.transposed(y / windows.counts(layer.count_padding), ones, size[1])]
            case (
                layers.LocalResponseNorm()
                | layers.LocalContrastNorm()
                | layers.L2Normalize()
                | layers.Dropout()
                | layers.Softmax()
            ):
                return [y]
            case layers.Flatten() if len(size) == 2 or layer.channels_first:
                return [y.view(size)]
            case layers.Flatten():
                return [y.view(size[0], size[2], size[3], size[1]).permute(0, 3, 1, 2)]
            case layers.Affine():
                return [y * self.parameters[f"{name}/weight"].view(-1, *[1] * (y.ndim - 2))]
            case layers.ZeroPad():
                top, _, left, _ = layer.pad
                return [y[:, :, top : top + size[2], left : left + size[3]]]
            case layers.FullyConnected():
                return [y @ self.parameters[f"{name}/weight"]]
            case layers.GlobalAveragePool():
                return [(y[:, :, None, None] / (size[2] * size[3])).expand(size)]
            case layers.Concatenate():
                maps = [self.net.shapes[source][-1] for source in self.net.sources[name]]
                return list(torch.split(y, maps, 1))
            case layers.Add():
                return [y] * len(self.net.sources[name])
        raise TypeError(f"no twin of {layer}")


@dataclass
class Windows:
    """How the windows of a layer lie over maps of this size: rectangles, any padding, and the overhang of ceil.

    size: H, W; pad: top, bottom, left, right; overhang: further rows below and columns at the right that the last window sees.
    """

    size: tuple
    window: tuple
    stride: tuple
    pad: tuple
    overhang: tuple

    @classmethod
    def of(cls, layer, shape):
        window, stride = (v if isinstance(v, tuple) else (v, v) for v in (layer.window, layer.stride))
        pad = layer.pad if isinstance(layer.pad, tuple) else (layer.pad, layer.pad)
        top, bottom, left, right = pad if len(pad) == 4 else (pad[0], pad[0], pad[1], pad[1])
        overhang = []
        for side, before, after, k, s in zip(shape[2:], (top, left), (bottom, right), window, stride, strict=True):
            lacking = -(side + before + after - k) % s if layer.ceil else 0
            starts = side + before + after + lacking - k  # of the last window
            overhang.append(0 if starts >= side + before else lacking)  # a window beyond the last pixel is none
        return cls(tuple(shape[2:]), window, stride, (top, bottom, left, right), tuple(overhang))

    def padded(self, x, value=0.0):
        """x (N, C, H, W) with everything around it that windows see."""
        top, bottom, left, right = self.pad
        return F.pad(x, (left, right + self.overhang[1], top, bottom + self.overhang[0]), value=value)

    def unpadded(self, places):
        """Places row * W + column in the padded maps, as places in the maps."""
        width = self.size[1] + self.pad[2] + self.pad[3] + self.overhang[1]
        return (places // width - self.pad[0]) * self.size[1] + places % width - self.pad[2]

    def sums(self, x):
        """(N, C, H, W) -> (N, C, OH, OW), the sum of each window."""
        return F.avg_pool2d(self.padded(x), self.window, self.stride, divisor_override=1)

    def counts(self, padding):
        """(OH, OW): pixels in each window, with the padding or without; what hangs over beyond it never counts."""
        top, bottom, left, right = self.pad if padding else (0, 0, 0, 0)
        counted = torch.zeros(1, 1, *self.size, dtype=torch.float64)
        counted = self.padded(counted)
        first = self.pad[0] - top, self.pad[2] - left
        last = self.pad[0] + self.size[0] + bottom, self.pad[2] + self.size[1] + right
        counted[:, :, first[0] : last[0], first[1] : last[1]] = 1
        return F.avg_pool2d(counted, self.window, self.stride, divisor_override=1)[0, 0]

    def transposed(self, y, weight, groups):
        """y (N, O, OH, OW) through transposed filters -> (N, C, H, W)."""
        sides = zip(self.size, self.pad[::2], self.pad[1::2], self.overhang, strict=True)
        full = [sum(side) for side in sides]
        moves = zip(full, y.shape[2:], self.window, self.stride, strict=True)
        unseen = [side - k - (places - 1) * s for side, places, k, s in moves]  # where rounding down leaves pixels out
        x = F.conv_transpose2d(y, weight, None, self.stride, 0, unseen, groups)
        top, _, left, _ = self.pad
        return x[:, :, top : top + self.size[0], left : left + self.size[1]]


class DeconvnetRelu(torch.autograd.Function):
    """max(x, 0) on the way up, and on the signal on the way down (section 2.1)."""

    @staticmethod
    def forward(context, x):
        return x.clamp(min=0)

    @staticmethod
    def backward(context, gy):
        return gy.clamp(min=0)


class PassedOn(torch.autograd.Function):
    """What a layer makes of x on the way up; on the way down nothing happens."""

    @staticmethod
    def forward(context, x, y):
        return y.clone()

    @staticmethod
    def backward(context, gy):
        return gy, None


def local_contrast_norm(x, window, sigma, floor):
    """Jarrett et al. 2009, section 3.1, on (N, C, H, W): weights sum to 1 over the maps and the pixels that exist."""
    distance = torch.arange(window, dtype=x.dtype) - window // 2
    line = torch.exp(-(distance**2) / (2 * sigma**2))
    kernel = (line[:, None] * line[None, :])[None, None]

    def mean(z):
        weighted = F.conv2d(z.sum(1, keepdim=True), kernel, padding=window // 2)
        return weighted / F.conv2d(torch.full_like(z[:1, :1], z.shape[1]), kernel, padding=window // 2)

    v = x - mean(x)
    variance = mean(v * v)
    deviation = torch.where(variance > 0, torch.where(variance > 0, variance, 1).sqrt(), 0)  # no gradient at 0
    level = deviation.mean((2, 3), keepdim=True)
    return v / torch.maximum(deviation, level).clamp(min=floor)


def nchw(x):
    """npzf's (N, H, W, C) array or tensor as PyTorch's (N, C, H, W) tensor; (N, F) stays."""
    x = torch.as_tensor(x)
    return x.permute(0, 3, 1, 2).contiguous() if x.ndim == 4 else x


def nhwc(x):
    """PyTorch's layout back to npzf's."""
    x = x.detach()
    return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).numpy()
