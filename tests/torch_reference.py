"""The same nets in PyTorch, layer by layer in its own NCHW operations, and a deconvnet written against them.

PyTorch is the second opinion on every number of a whole net: nothing here calls npzf's mathematics.
"""

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
                return F.conv2d(self._overhang(layer, x), weight, bias, layer.stride, layer.pad, groups=layer.groups)
            case layers.ReLU() if name in self.decisions:
                return x * self.decisions[name]
            case layers.ReLU():
                return F.relu(x)
            case layers.MaxPool() if name in self.decisions:
                self.indices[name] = self.decisions[name]
                return x.flatten(2).gather(2, self.indices[name].flatten(2)).view(self.indices[name].shape)
            case layers.MaxPool():
                y, self.indices[name] = F.max_pool2d(
                    x, layer.window, layer.stride, layer.pad, ceil_mode=layer.ceil, return_indices=True
                )
                return y
            case layers.LocalResponseNorm():
                alpha = layer.alpha * (1 if layer.alpha_divided_by_n else layer.n)  # PyTorch's is the mean's
                return F.local_response_norm(x, layer.n, alpha, layer.beta, layer.k)
            case layers.Flatten():
                return x.permute(0, 2, 3, 1).flatten(1)
            case layers.FullyConnected():
                return F.linear(x, self.parameters[f"{name}/weight"], self.parameters[f"{name}/bias"])
            case layers.Dropout():
                return x  # evaluation
            case layers.GlobalAveragePool():
                return x.mean((2, 3))
            case layers.Concatenate():
                return torch.cat(inputs, 1)
        raise TypeError(f"no twin of {layer}")

    @staticmethod
    def _overhang(layer, x):
        """Zeros to the right and below where a window that hangs over the border (ceil) sees them."""
        if not layer.ceil:
            return x
        extra = [-(side + 2 * layer.pad - layer.window) % layer.stride for side in x.shape[2:]]
        return F.pad(x, (0, extra[1], 0, extra[0]))

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
                weight = self.parameters[f"{name}/weight"]
                full = self._overhang(layer, torch.empty(size)).shape[2:]
                lost = [f + 2 * layer.pad - layer.window - (o - 1) * layer.stride for f, o in zip(full, y.shape[2:], strict=True)]
                x = F.conv_transpose2d(y, weight, None, layer.stride, layer.pad, lost, layer.groups)
                return [x[:, :, : size[2], : size[3]]]
            case layers.ReLU():
                return [F.relu(y)]
            case layers.MaxPool():
                x = torch.zeros(*size[:2], size[2] * size[3], dtype=y.dtype)
                return [x.scatter_add_(2, self.indices[name].flatten(2), y.flatten(2)).view(size)]
            case layers.LocalResponseNorm() | layers.Dropout():
                return [y]
            case layers.Flatten():
                return [y.view(size[0], size[2], size[3], size[1]).permute(0, 3, 1, 2)]
            case layers.FullyConnected():
                return [y @ self.parameters[f"{name}/weight"]]
            case layers.GlobalAveragePool():
                return [(y[:, :, None, None] / (size[2] * size[3])).expand(size)]
            case layers.Concatenate():
                maps = [self.net.shapes[source][2] for source in self.net.sources[name]]
                return list(torch.split(y, maps, 1))
        raise TypeError(f"no twin of {layer}")


def nchw(x):
    """npzf's (N, H, W, C) array or tensor as PyTorch's (N, C, H, W) tensor; (N, F) stays."""
    x = torch.as_tensor(x)
    return x.permute(0, 3, 1, 2).contiguous() if x.ndim == 4 else x


def nhwc(x):
    """PyTorch's layout back to npzf's."""
    x = x.detach()
    return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).numpy()
