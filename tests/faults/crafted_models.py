"""ONNX models that name other files, ask for more memory than they have, or go round in circles; no part of the paper."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Case = tuple[str, Callable[..., None], bool]
Change = Callable[[Any, Path, Path], None]  # of a model, the folder elsewhere, the model's own


def outside(location: Callable[[Path], str], **entries: str) -> Change:
    """The first tensor lies in another file."""

    def change(model: Any, elsewhere: Path, _: Path) -> None:
        from onnx import TensorProto

        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in ({"location": location(elsewhere)} | entries).items():
            tensor.external_data.add(key=key, value=value)

    return change


def linked(target: str) -> Change:
    """The file beside the model leads to one elsewhere."""

    def change(model: Any, elsewhere: Path, folder: Path) -> None:
        (folder / "weights.bin").symlink_to(elsewhere / target)
        outside(lambda _: "weights.bin")(model, elsewhere, folder)

    return change


def fifo(model: Any, elsewhere: Path, folder: Path) -> None:
    os.mkfifo(folder / "weights.bin")
    outside(lambda _: "weights.bin")(model, elsewhere, folder)


def sparse(model: Any, elsewhere: Path, folder: Path) -> None:
    """A file of 8 GB for a tensor that says so."""
    with (folder / "weights.bin").open("wb") as file:
        file.truncate(8 * 2**30)
    outside(lambda _: "weights.bin")(model, elsewhere, folder)
    sides(2**31)(model, elsewhere, folder)


def sides(*dims: int) -> Change:
    def change(model: Any, _: Path, __: Path) -> None:
        del model.graph.initializer[0].dims[:]
        model.graph.initializer[0].dims.extend(dims)

    return change


def typed(number: int) -> Change:
    def change(model: Any, _: Path, __: Path) -> None:
        model.graph.initializer[0].data_type = number

    return change


def attribute(operator: str, **values: Any) -> Change:
    """Attributes of the first node of a kind."""

    def change(model: Any, _: Path, __: Path) -> None:
        from onnx import helper

        node = next(node for node in model.graph.node if node.op_type == operator)
        kept = [one for one in node.attribute if one.name not in values]
        del node.attribute[:]
        node.attribute.extend([*kept, *(helper.make_attribute(name, value) for name, value in values.items())])

    return change


def before(operator: str, *numbers: np.ndarray, **attributes: Any) -> Change:
    """One more node between the input and all that follows; numbers: its constants."""

    def change(model: Any, _: Path, __: Path) -> None:
        from onnx import helper, numpy_helper

        image, names = model.graph.input[0].name, []
        for place, value in enumerate(numbers):
            names.append(f"crafted{place}")
            model.graph.initializer.append(numpy_helper.from_array(value, names[-1]))
        for node in model.graph.node:
            node.input[:] = ["crafted" if name == image else name for name in node.input]
        model.graph.node.insert(0, helper.make_node(operator, [image, *names], ["crafted"], **attributes))

    return change


def constant(operator: str, *numbers: np.ndarray, **attributes: Any) -> Change:
    """The first weights become the output of a node of constants."""

    def change(model: Any, _: Path, __: Path) -> None:
        from onnx import helper, numpy_helper

        name, names = model.graph.initializer[0].name, []
        del model.graph.initializer[0]
        for place, value in enumerate(numbers):
            names.append(f"crafted{place}")
            model.graph.initializer.append(numpy_helper.from_array(value, names[-1]))
        model.graph.node.insert(0, helper.make_node(operator, names, [name], **attributes))

    return change


def shape(*sides: Any) -> Change:
    """The shape of the input."""

    def change(model: Any, _: Path, __: Path) -> None:
        dims = model.graph.input[0].type.tensor_type.shape.dim
        del dims[:]
        for side in sides:
            dims.add(**({"dim_param": side} if isinstance(side, str) else {"dim_value": side}))

    return change


def circle(model: Any, _: Path, __: Path) -> None:
    model.graph.node[0].input[0] = model.graph.node[-1].output[0]


def renamed(model: Any, _: Path, __: Path) -> None:
    for node in model.graph.node:
        node.name = "\x1b[2J\n" + node.name
        node.op_type = "\x1b[2J"


def many(model: Any, _: Path, __: Path) -> None:
    from onnx import helper

    image = model.graph.input[0].name
    nodes = [helper.make_node("Relu", [f"c{i - 1}" if i else image], [f"c{i}"]) for i in range(20000)]
    for node in model.graph.node:
        node.input[:] = ["c19999" if name == image else name for name in node.input]
    kept = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *kept])


def recursive(model: Any, _: Path, __: Path) -> None:
    from onnx import helper

    node = helper.make_node("Own", ["x"], ["y"], domain="own")
    function = helper.make_function("own", "Own", ["x"], ["y"], [node], [helper.make_opsetid("own", 1)])
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.graph.node[0].op_type, model.graph.node[0].domain = "Own", "own"


def deep(model: Any, _: Path, __: Path) -> None:
    """Graphs within graphs."""
    from onnx import helper

    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [], [])
    for _ in range(20):
        graph = helper.make_graph([helper.make_node("If", ["x"], ["y"], then_branch=graph, else_branch=graph)][:1], "g", [], [])
        graph.node[0].attribute[1].ClearField("g")
    model.graph.node.extend(graph.node)


def no_version(model: Any, _: Path, __: Path) -> None:
    del model.opset_import[:]


def whole(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


CHANGES: dict[str, tuple[Change, bool]] = {  # what -> how, whether the model may be read
    "data above": (outside(lambda _: "../elsewhere/canary.bin"), False),
    "data at an absolute path": (outside(lambda elsewhere: str(elsewhere / "canary.bin")), False),
    "data by a link": (linked("canary.bin"), False),
    "data in a FIFO by a link": (linked("fifo"), False),
    "data in a FIFO": (fifo, False),
    "data in no file": (outside(lambda _: "nothing"), False),
    "data in the folder": (outside(lambda _: "."), False),
    "data in a name with NUL": (outside(lambda _: "a\0b"), False),
    "data in a name of 3,000 letters": (outside(lambda _: "n" * 3000), False),
    "data in a name with escapes": (outside(lambda _: "\x1b[2J\n"), False),
    "data of a negative offset": (outside(lambda _: "model.onnx", offset="-4"), False),
    "data of an offset of 2^62": (outside(lambda _: "model.onnx", offset=str(2**62)), False),
    "data of a length of 10^30": (outside(lambda _: "model.onnx", length="1" + "0" * 30), False),
    "data of 8 GB": (sparse, False),
    "a tensor of 2^62 numbers": (sides(2**31, 2**31), False),
    "a tensor of 2^40 numbers": (sides(2**40), False),
    "a tensor of negative sides": (sides(-3, -3, 3, 3), False),
    "a tensor of more sides": (sides(*[1] * 80), False),
    "a tensor of text": (typed(8), False),
    "a tensor of an unknown type": (typed(999), False),
    "a stride of 0": (attribute("Conv", strides=[0, 0]), False),
    "a stride of -1": (attribute("Conv", strides=[-1, -1]), False),
    "a stride of 2^62": (attribute("Conv", strides=[2**62, 2**62]), False),
    "pads of 10^9": (attribute("Conv", pads=[10**9] * 4), False),
    "negative pads": (attribute("Conv", pads=[-1] * 4), False),
    "three pads": (attribute("Conv", pads=[1, 1, 1]), False),
    "dilations of 10^9": (attribute("Conv", dilations=[10**9] * 2), False),
    "groups of 10^9": (attribute("Conv", group=10**9), False),
    "no groups": (attribute("Conv", group=0), False),
    "a kernel as text": (attribute("Conv", kernel_shape="text"), False),
    "an input of 10^9 x 10^9": (shape(1, 3, 10**9, 10**9), False),
    "an input of negative sides": (shape(1, 3, -7, -7), True),
    "an input of no sides": (shape(), False),
    "an input of names": (shape("N", "C", "\x1b[2J", "W"), False),
    "padding of 10^9": (before("Pad", whole(0, 0, 10**9, 10**9, 0, 0, 10**9, 10**9)), False),
    "tiles of 10^9": (before("Tile", whole(1, 1, 10**9, 10**9)), False),
    "an enlargement of 10^9": (before("Resize", np.ones(0, "f4"), np.array([1, 1, 1e9, 1e9], "f4")), False),
    "expansion to 10^12": (before("Expand", whole(1, 3, 10**6, 10**6)), False),
    "a shape of 10^18": (before("Reshape", whole(1, 3, 10**9, 10**9)), False),
    "constants of 10^12": (constant("ConstantOfShape", whole(10**6, 10**6)), False),
    "constants of 10^18": (constant("ConstantOfShape", whole(10**9, 10**9)), False),
    "a range of 10^12": (constant("Range", np.array(0), np.array(10**12), np.array(1)), False),
    "an expanded constant of 10^12": (constant("Expand", np.ones(1, "f4"), whole(10**6, 10**6)), False),
    "a tiled constant of 10^12": (constant("Tile", np.ones(1, "f4"), whole(10**12)), False),
    "a one-hot constant of 10^12": (constant("OneHot", whole(*range(1000)), np.array(10**9), np.array([0, 1.0])), False),
    "random constants of 10^12": (constant("RandomNormal", shape=[10**6, 10**6]), False),
    "a circle": (circle, False),
    "escapes": (renamed, False),
    "20,000 layers": (many, True),
    "a function that calls itself": (recursive, False),
    "graphs in graphs": (deep, True),
    "no version": (no_version, False),
}


def changed(change: Change) -> Callable[[Path, Path], None]:
    def spoil(path: Path, elsewhere: Path) -> None:
        import onnx

        model = onnx.load(path)
        change(model, elsewhere, path.parent)
        path.write_bytes(model.SerializeToString())

    return spoil


def cases() -> dict[str, Case]:
    """Name -> kind of file, what spoils it, whether it may be read all the same."""
    return {f".onnx: {what}": (".onnx", changed(change), fine) for what, (change, fine) in CHANGES.items()}
