"""Nets and weights from elsewhere, and back, so that the figures can be drawn of what others have trained; no part of the paper.

Each function imports its framework when it is called: npzf itself needs none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npzf.interop.inputs import set_input
from npzf.interop.packages import required
from npzf.interop.ready_nets import pretrained
from npzf.interop.weights.state import load_state, save_state
from npzf.network import Network

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

__all__ = ["from_onnx", "from_torch", "load_state", "pretrained", "save_state", "set_input", "to_onnx", "to_torch"]


def from_torch(module: nn.Module, input_shape: Sequence[int] | None = None) -> Network:
    """The net that gives what a PyTorch module gives in inference; its parameters are copies, the module is left as it is.

    Any module whose forward torch.fx can trace, with its options at their defaults, and whose operations npzf has. input_shape:
    (H, W, C) of one image, as everywhere here; None: the module's own, if it comes from to_torch; else 224x224 if that fits, else
    the smallest square that does. Float64 modules become float64 nets, all others float32. Layers are named by the module's path
    ("features.0"), or by the node of the trace. Batch normalisation uses running statistics and is folded into the convolution
    before it; a softmax at the end stays a layer; what a forward changes in place is changed for all that read it later.

    ValueError, in one line that names the node, for what cannot be converted exactly, such as weights that two nodes share (they
    would become two copies, and train apart) or dropout that drops in inference too. In training, Dropout2d drops single numbers
    here. ImportError without PyTorch.
    """
    return _framework("torch", "pytorch.importer").from_torch(module, input_shape)


def to_torch(net: Network) -> nn.Module:
    """A PyTorch module in inference mode that gives the net's numbers: x (N, C, H, W) -> (N, F) or (N, C, H, W).

    Its modules carry the layers' names, "/" standing for nested ones: fire2/expand1x1 is fire2.expand1x1. Fully connected weights
    are in PyTorch's order, (C, H, W). Its attributes input_shape, classes and preprocessing are the net's; from_torch makes the
    same net of it again. Parameters are copies, of the net's type. ImportError without PyTorch.
    """
    return _framework("torch", "pytorch.exporter").to_torch(net)


def from_onnx(path: str | Path | bytes | ModelProto, input_shape: Sequence[int] | None = None) -> Network:
    """The net that gives what an ONNX model gives, of whatever opset: chains, branches that are concatenated or added.

    path: a file, or the model itself as bytes or ModelProto. input_shape: (H, W, C) of one image, in pixels; None: the model's,
    or, where that leaves them open, 224x224 if that fits, else the smallest square that does. Layers are named as the nodes, else
    as their outputs; float64 models become float64 nets, all others float32. Class names and preprocessing are set if to_onnx
    wrote the model; otherwise x is what the model takes, with channels last. FileNotFoundError; ValueError, in one line that
    names file and node, for what is no ONNX model or cannot be converted exactly; ImportError without onnx.
    """
    return _framework("onnx", "onnx.importer").from_onnx(path, input_shape)


def to_onnx(net: Network, path: str | Path) -> None:
    """Writes the net as an ONNX model: nodes and values named as the layers, input "input" (N, C, H, W), any N.

    Class names and preprocessing travel along for from_onnx. Sizes that are rounded up become padding, for images of the net's
    input_shape. Fully connected weights are in ONNX's order, (C, H, W). Weights of more than 2 GB go into PATH.data. ONNX Runtime
    computes float32 nets; of float64 nets it lacks some layers. OSError if it cannot be written: an older file at path survives;
    ImportError without onnx.
    """
    _framework("onnx", "onnx.exporter").to_onnx(net, path)


def _framework(package: str, module: str) -> Any:
    """A module of this room that imports a package, which is an extra of the same name."""
    required(package, package)
    return import_module(f"{__name__}.{module}")
