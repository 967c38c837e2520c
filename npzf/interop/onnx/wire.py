"""How many fields an encoded ONNX model has, and how many nodes its functions become, counted before; no part of the paper.

An empty node is two bytes in a file and a hundred in memory; ten functions that call each other ten times are ten billion nodes.
"""

from __future__ import annotations

from collections.abc import Iterable

import onnx

MOST_FIELDS = 500_000
MOST_NODES = 20_000
# message -> number of a field -> the message in it; other fields are counted, and not looked into
MODEL: dict[int, str] = {7: "graph", 8: "flat", 14: "flat", 20: "training", 25: "function"}
FIELDS: dict[str, dict[int, str]] = {
    "model": MODEL,
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 14: "flat", 15: "sparse"},
    "function": {7: "node", 9: "flat", 11: "attribute", 12: "value", 14: "flat"},
    "node": {5: "attribute", 9: "flat"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 14: "value", 15: "value", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {3: "flat", 13: "flat", 16: "flat"},
    "value": {2: "value", 1: "value", 4: "value", 5: "value", 8: "value", 9: "value"},  # a type holds types
    "flat": {},
}


def check_fields(data: bytes) -> None:
    """ValueError for more fields than MOST_FIELDS; what is no model at all is left to the parser."""
    count, waiting = 0, [("model", 0, len(data))]
    while waiting:
        kind, place, end = waiting.pop()
        inner = FIELDS[kind]
        while place < end:
            count += 1
            if count > MOST_FIELDS:
                raise ValueError(f"it has more than {MOST_FIELDS:,} fields, expected a model of a net")
            tag, place = _varint(data, place, end)
            form = tag & 7
            if form == 0:
                _, place = _varint(data, place, end)
            elif form in (1, 5):
                place += 8 if form == 1 else 4
            elif form == 2:
                length, place = _varint(data, place, end)
                if tag >> 3 in inner and place + length <= end:
                    waiting.append((inner[tag >> 3], place, place + length))
                place += length
            elif form not in (3, 4):  # 3 and 4 begin and end a group, which has fields of its own
                break


def _varint(data: bytes, place: int, end: int) -> tuple[int, int]:
    """A number of up to ten bytes, and where it ends."""
    value = shift = 0
    while place < end and shift < 70:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
    return 0, end


def check_nodes(model: onnx.ModelProto) -> None:
    """ValueError if the graph has more nodes than MOST_NODES, with those of its functions, or a function that calls itself."""
    functions = {(function.domain, function.name): function.node for function in model.functions}
    known: dict[tuple[str, str], int] = {}
    above: set[tuple[str, str]] = set()

    def count(nodes: Iterable[onnx.NodeProto]) -> int:
        total = 0
        for node in nodes:
            total += 1 + called((node.domain, node.op_type))
            total += sum(count(graph.node) for attribute in node.attribute for graph in (attribute.g, *attribute.graphs))
            if total > MOST_NODES:
                raise ValueError(f"it has more than {MOST_NODES:,} nodes, expected a net of fewer")
        return total

    def called(key: tuple[str, str]) -> int:
        if key not in functions:
            return 0
        if key in above or len(above) > 100:
            raise ValueError(f"its function {key[1]!r} calls itself")
        if key not in known:
            above.add(key)
            known[key] = count(functions[key])
            above.remove(key)
        return known[key]

    count(model.graph.node)
    for key in functions:
        called(key)
