"""ONNX files, read whole or refused in one line; weights beside them from the model's own folder alone; no part of the paper."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from npzf.interop.onnx.wire import check_fields, check_nodes
from npzf.interop.weights.limits import most_bytes
from npzf.storage.regular import open_regular, read_regular

MOST = 2**31  # bytes of a model: protobuf's own limit

NUMBERS = {
    getattr(TensorProto, name)
    for name in (
        *("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "BOOL", "INT8", "INT16", "INT32", "INT64"),
        *("UINT8", "UINT16", "UINT32", "UINT64"),
    )
}


class OnnxFile:
    """A model and where it lies: label names it in errors; array reads its tensors.

    source: a path, or the model itself as bytes or ModelProto. FileNotFoundError; ValueError for what is no model, or for weights
    in a file outside the model's folder: no such file is opened.
    """

    def __init__(self, source: Any):
        self.folder: Path | None = None
        if isinstance(source, onnx.ModelProto):
            self.label, self.model = "model", source
        elif isinstance(source, bytes | bytearray | memoryview):
            self.label = "model"
            self.model = self._parse(bytes(source))
        else:
            path = Path(source)
            self.label, self.folder = str(path), path.parent
            self.model = self._parse(read_regular(path, MOST, "an ONNX model"))
        if not self.model.graph.node:
            raise ValueError(f"{self.label}: no node is in it, expected an ONNX model")
        try:
            check_nodes(self.model)
        except ValueError as error:
            raise ValueError(f"{self.label}: {error}") from None
        apart = {self._place(tensor)[0] for tensor in _tensors(self.model) if tensor.data_location == TensorProto.EXTERNAL}
        sizes = [self.model.ByteSize(), *map(_size, apart)]
        self.most = self.rest = most_bytes(sum(sizes))  # bytes that its tensors may take: many may name the same numbers

    def array(self, tensor: TensorProto) -> np.ndarray:
        """The numbers of a tensor, half precisions as float32; ValueError if they are missing, too few, or of no known type."""
        shape, what = tuple(tensor.dims), f"tensor {tensor.name!r}"
        if tensor.data_type not in NUMBERS:
            types = TensorProto.DataType
            kind = types.Name(tensor.data_type) if tensor.data_type in types.values() else tensor.data_type
            raise ValueError(f"{what} holds {kind}, expected floating-point numbers or integers")
        if min(shape, default=0) < 0:
            raise ValueError(f"{what} has shape {shape}, expected no negative side")
        half = tensor.data_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16)
        self.rest -= math.prod(shape) * (4 if half else helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
        if self.rest < 0:
            raise ValueError(f"{what} and those before it take more than {self.most:,} bytes, expected less from these files")
        try:
            outside = tensor.data_location == TensorProto.EXTERNAL
            array = self._external(tensor) if outside else numpy_helper.to_array(tensor)
        except (TypeError, ValueError, OverflowError, MemoryError, OSError, RuntimeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{what} {shape} cannot be read ({reason})") from None
        return array.astype(np.float32) if half else array

    def _parse(self, data: bytes) -> onnx.ModelProto:
        try:
            check_fields(data)
        except ValueError as error:
            raise ValueError(f"{self.label}: {error}") from None
        try:
            return onnx.load_model_from_string(data)
        except (DecodeError, ValueError, RuntimeError, MemoryError) as error:
            size = f"{len(data):,} bytes"
            raise ValueError(f"{self.label}: not ONNX, or damaged ({size}), expected an ONNX model") from error

    def _place(self, tensor: TensorProto) -> tuple[Path, int, int | None]:
        """File, first byte and number of bytes of a tensor outside the model; ValueError unless it is in the model's folder."""
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location, what = entries.get("location", ""), f"{self.label}: tensor {tensor.name!r} lies in"
        if self.folder is None:
            raise ValueError(f"{what} {location!r}, expected a model that was given by its path, or whole")
        inside = location and not PurePosixPath(location).is_absolute() and not PureWindowsPath(location).anchor
        folder = self.folder.resolve()
        path = (folder / location).resolve() if inside and "\0" not in location else folder
        if not inside or ".." in re.split(r"[\\/]", location) or path == folder or not path.is_relative_to(folder):
            raise ValueError(f"{what} {location!r}, expected a file in the model's own folder")
        try:
            offset, length = int(entries.get("offset", 0)), int(entries["length"]) if "length" in entries else None
        except ValueError:
            offset, length = -1, None
        if offset < 0 or (length is not None and length < 0):
            raise ValueError(f"{what} {location!r}, whose offset or length is no number of bytes")
        return path, offset, length

    def _external(self, tensor: TensorProto) -> np.ndarray:
        path, offset, length = self._place(tensor)
        dtype, count = helper.tensor_dtype_to_np_dtype(tensor.data_type), math.prod(tensor.dims)
        needed = count * dtype.itemsize
        if length is not None and length != needed:
            raise ValueError(f"{length} bytes are given for it, expected {needed}")
        if not path.exists():
            raise ValueError(f"{path} is missing")
        with open_regular(path, "its numbers") as file:
            if (size := os.fstat(file.fileno()).st_size) < offset + needed:
                raise ValueError(f"{path} has {size} bytes, expected at least {offset + needed}")
            return np.fromfile(file, dtype, count, offset=offset).reshape(tensor.dims)


def _size(path: Path) -> int:
    """Bytes of a file beside the model; 0 for none: what is wrong is said when its tensor is read."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # such as a name that is too long
        return 0


def _tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    """Every tensor of a model: initialisers, and what nodes and the graphs in them carry."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for graph in (attribute.g, *attribute.graphs):
                yield from _of_graph(graph)
