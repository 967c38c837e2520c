"""A net as an ONNX model that any runtime can run, and that Netron draws as the paper does (figure 3); no part of the paper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import external_data_helper, helper

from npzf.graph import INPUT
from npzf.interop.onnx.functions import DOMAIN, local_contrast_norm_function
from npzf.interop.onnx.nodes import Nodes
from npzf.network import Network
from npzf.storage.atomic import atomic_write, atomic_write_bytes

OPSET, IR_VERSION = 17, 8  # of ONNX 1.12, 2022: what today's runtimes and those of some years ago read
LARGEST_FILE = 2**31 - 2**20  # bytes: protobuf's limit, less what the nodes take; larger weights get a file of their own


def to_onnx(net: Network, path: str | Path) -> None:
    """As npzf.to_onnx."""
    path = Path(path)
    model = _model(net)
    weights = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    if weights > LARGEST_FILE:
        _write_outside(model, path.with_name(path.name + ".data"))
    atomic_write_bytes(path, model.SerializeToString())


def _model(net: Network) -> onnx.ModelProto:
    nodes = Nodes(net)
    kind = helper.np_dtype_to_tensor_dtype(net.dtype)
    shapes: dict[str, tuple[str | int, ...]]
    shapes = {name: ("N", *shape[2:], *shape[:2]) if len(shape) == 3 else ("N", *shape) for name, shape in net.shapes.items()}
    values = {name: helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes.items()}
    images, scores = values.pop(INPUT), values.pop(net.output_name)
    graph = helper.make_graph(nodes.nodes, "net", [images], [scores], nodes.tensors, value_info=list(values.values()))
    own = any(node.domain == DOMAIN for node in nodes.nodes)
    opsets = [helper.make_opsetid("", OPSET)] + ([helper.make_opsetid(DOMAIN, 1)] if own else [])
    functions = [local_contrast_norm_function(OPSET)] if own else []
    parts = {"opset_imports": opsets, "functions": functions, "ir_version": IR_VERSION}
    model = helper.make_model(graph, producer_name="npzf", doc_string=_description(net), **parts)
    helper.set_model_props(model, _metadata(net))
    return model


def _description(net: Network) -> str:
    height, width, channels = net.input_shape
    fed = "x = (pixels - mean) / std of pixels in [0, 255]"
    return f"Input: images (N, {channels}, {height}, {width}), {fed}; mean and std stand in the metadata (none: 0 and 1)."


def _metadata(net: Network) -> dict[str, str]:
    """Class names and preprocessing, as from_onnx reads them."""
    stored: dict[str, Any] = {}
    if net.classes is not None:
        stored["classes"] = list(net.classes)
    if net.preprocessing.mean is not None:
        stored["mean"] = np.asarray(net.preprocessing.mean).tolist()
    stored["std"] = np.asarray(net.preprocessing.std).tolist()  # always: it says that the net's input is known
    return {f"npzf.{key}": _text(value) for key, value in stored.items()}


def _text(value: Any) -> str:
    """As JSON, in plain letters where they are UTF-8: names of files need not be."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.encode(errors="ignore").decode() == text else json.dumps(value)


def _write_outside(model: onnx.ModelProto, path: Path) -> None:
    """Moves the numbers of all initialisers into a file of their own beside the model."""
    with atomic_write(path) as file:
        for tensor in model.graph.initializer:
            external_data_helper.set_external_data(tensor, path.name, file.tell(), len(tensor.raw_data))
            file.write(tensor.raw_data)
            tensor.ClearField("raw_data")
