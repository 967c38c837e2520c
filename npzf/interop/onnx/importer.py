"""A net from an ONNX model, layer by layer and number by number, to be looked into (section 4); no part of the paper.

net = npzf.from_onnx("squeezenet.onnx")
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from npzf.interop.input_size import build_network, checked_shape
from npzf.interop.onnx.file import OnnxFile
from npzf.interop.onnx.graph import OnnxGraph, metadata
from npzf.network import Network
from npzf.preprocessing import Preprocessing


def from_onnx(path: str | Path | bytes | onnx.ModelProto, input_shape: Sequence[int] | None = None) -> Network:
    """As npzf.from_onnx."""
    return read_model(path, input_shape)[0]


def read_model(path: str | Path | bytes | onnx.ModelProto, input_shape: Sequence[int] | None = None) -> tuple[Network, bool]:
    """The net, and whether its model says what it is fed, as those of to_onnx do; arguments and errors as npzf.from_onnx."""
    file = OnnxFile(path)
    try:
        graph = OnnxGraph(file)
        channels, height, width = graph.shape
        if input_shape is None and channels is not None and height is not None and width is not None:
            input_shape = (height, width, channels)
        if channels is None:
            if input_shape is None:
                raise ValueError("input_shape is None, expected (H, W, C): the model leaves the channels open")
            channels = checked_shape(input_shape)[2]
        net = build_network(graph.build, channels, input_shape)
        classes, mean, std = (metadata(file.model, key) for key in ("classes", "mean", "std"))
        _read_metadata(net, classes, mean, std)
    except (ValueError, ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError) as error:
        raise ValueError(f"{file.label}: {' '.join(str(error).split()) or type(error).__name__}") from error
    return net, mean is not None or std is not None


def _read_metadata(net: Network, classes: Any, mean: Any, std: Any) -> None:
    """Sets class names and preprocessing, where the model has them."""
    if classes is not None:
        scores = net.shapes[net.output_name]
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes) or len(classes) != scores[-1]:
            raise ValueError(f"npzf.classes in its metadata are not {scores[-1]} names, one for each score")
        net.classes = tuple(classes)
    if mean is not None or std is not None:
        try:
            numbers = None if mean is None else np.array(mean, np.float64)
            net.preprocessing = Preprocessing(numbers, 1.0 if std is None else np.array(std, np.float64))
            net.preprocessing.check(net.input_shape)
            if not all(np.isfinite(given).all() for given in (net.preprocessing.std, numbers) if given is not None):
                raise ValueError("they are not finite")
        except (TypeError, ValueError, ArithmeticError) as error:
            raise ValueError(f"npzf.mean or npzf.std in its metadata cannot be used ({error})") from error
