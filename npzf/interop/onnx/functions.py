"""Local contrast normalisation (section 2) as one function of npzf's own in ONNX models, for no operator of ONNX's is like it.

Netron shows it as one node, ONNX Runtime runs what is in it, from_onnx reads it back as one layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx
from onnx import helper

from npzf.interop.node_rows import Value
from npzf.interop.onnx.step import Step

DOMAIN = "npzf"
LOCAL_CONTRAST_NORM = "LocalContrastNorm"


def local_contrast_norm_function(opset: int) -> onnx.FunctionProto:
    """y = v / max(local deviation, its mean over the image, floor), v = x - local mean; attributes window, sigma and floor.

    As layers.LocalContrastNorm: means are weighted by a Gaussian, over all maps and the pixels that exist.
    """
    nodes = [
        *_constants(),
        # The Gaussian: exp(-distance^2 / (2 sigma^2)) along rows, and along columns
        _node("Range", "zero", "side", "one", to="places"),
        _node("Div", "side", "two", to="half"),
        _node("Sub", "places", "half", to="whole_distance"),
        _node("CastLike", "whole_distance", "x", to="distance"),
        _node("CastLike", "single_sigma", "x", to="sigma"),
        _node("Div", "distance", "sigma", to="ratio"),
        _node("Mul", "ratio", "ratio", to="squared_ratio"),
        _node("CastLike", "minus_half", "x", to="factor"),
        _node("Mul", "squared_ratio", "factor", to="exponent"),
        _node("Exp", "exponent", to="gaussian"),
        _node("Reshape", "gaussian", "as_rows", to="rows"),
        _node("Reshape", "gaussian", "as_columns", to="columns"),
        # How much of it lies inside the image
        _node("ReduceMean", "x", to="map_mean", axes=[1]),
        _node("Shape", "map_mean", to="size"),
        helper.make_node(
            "ConstantOfShape", ["size"], ["single_ones"], value=helper.make_tensor("", onnx.TensorProto.FLOAT, [1], [1.0])
        ),
        _node("CastLike", "single_ones", "x", to="ones"),
        *_blur("ones", "inside"),
        # Subtractive, then divisive
        *_blur("map_mean", "weighted"),
        _node("Div", "weighted", "inside", to="mean"),
        _node("Sub", "x", "mean", to="v"),
        _node("Mul", "v", "v", to="squares"),
        _node("ReduceMean", "squares", to="mean_square", axes=[1]),
        *_blur("mean_square", "weighted_square"),
        _node("Div", "weighted_square", "inside", to="variance"),
        _node("Sqrt", "variance", to="deviation"),
        _node("ReduceMean", "deviation", to="level", axes=[2, 3]),
        _node("CastLike", "single_floor", "x", to="floor"),
        _node("Max", "deviation", "level", "floor", to="divisor"),
        _node("Div", "v", "divisor", to="y"),
    ]
    opsets = [helper.make_opsetid("", opset)]
    attributes = ["window", "sigma", "floor"]
    return helper.make_function(DOMAIN, LOCAL_CONTRAST_NORM, ["x"], ["y"], nodes, opsets, attributes)


def _constants() -> list[onnx.NodeProto]:
    """The function's attributes as values, and a few numbers."""
    whole, real = onnx.AttributeProto.INT, onnx.AttributeProto.FLOAT
    attributes = [("side", whole, "window"), ("single_sigma", real, "sigma"), ("single_floor", real, "floor")]
    nodes = []
    for name, kind, attribute in attributes:
        reference = onnx.AttributeProto(name="value_int" if kind == whole else "value_float", type=kind, ref_attr_name=attribute)
        nodes.append(helper.make_node("Constant", [], [name]))
        nodes[-1].attribute.append(reference)
    numbers = {"zero": 0, "one": 1, "two": 2}
    nodes += [helper.make_node("Constant", [], [name], value_int=number) for name, number in numbers.items()]
    nodes.append(helper.make_node("Constant", [], ["minus_half"], value_float=-0.5))
    shapes = {"as_rows": [1, 1, -1, 1], "as_columns": [1, 1, 1, -1]}
    return nodes + [helper.make_node("Constant", [], [name], value_ints=shape) for name, shape in shapes.items()]


def _blur(name: str, result: str) -> list[onnx.NodeProto]:
    """(N, 1, H, W) weighted by the Gaussian, zeros outside."""
    return [
        _node("Conv", name, "rows", to=f"{result}_by_rows", auto_pad="SAME_UPPER"),
        _node("Conv", f"{result}_by_rows", "columns", to=result, auto_pad="SAME_UPPER"),
    ]


def _node(kind: str, *inputs: str, to: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), [to], **attributes)


def local_contrast_norm(step: Step) -> Value:
    """The function as one layer again."""
    window, sigma, floor = (step.attribute(name) for name in ("window", "sigma", "floor"))
    return step.builder.local_contrast_norm(step.name, step.value(), window, sigma, floor)


FUNCTIONS: dict[str, Callable[[Step], Value]] = {LOCAL_CONTRAST_NORM: local_contrast_norm}
