"""The objects that an annotation file of PASCAL VOC names (section 5.2, Table 6)."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from npzf.storage.regular import read_regular

MOST = 2**20  # bytes, a hundred times VOC's longest
DEEPEST = 32  # elements in each other
LONGEST_NAME = 100
DIFFICULT = {"0": False, "1": True}


def annotated_objects(path: Path) -> list[tuple[str, bool]]:
    """(class, whether it is marked as difficult) of each object in an annotation; parts of objects are none.

    ValueError, naming the file, for broken XML, XML with a document type (whose entities could fill the memory), or XML that is
    no annotation; OSError if the file cannot be read.
    """
    root = _parsed(path)
    if root.tag != "annotation":
        raise ValueError(f"{path} is XML of <{root.tag[:60]}>, expected an <annotation>")
    return [_object(path, found) for found in root.iterfind("object")]


def _object(path: Path, found: Element) -> tuple[str, bool]:
    """Class and difficulty of one <object>; one that does not say so is not difficult."""
    name, difficult = (found.findtext(tag, default).strip() for tag, default in (("name", ""), ("difficult", "0")))
    if not name:
        raise ValueError(f"{path} has an <object> without a <name>, expected the name of its class")
    if not name.isprintable() or set(name) & set("/\\") or len(name) > LONGEST_NAME:  # files are called by it
        raise ValueError(f"{path} has an <object> of class {name[:60]!r}, expected a name that a file may have")
    if difficult not in DIFFICULT:
        raise ValueError(f"{path} has <difficult> {difficult[:60]!r}, expected 0 or 1")
    return name, DIFFICULT[difficult]


def _parsed(path: Path) -> Element:
    """The root of an XML file that has no document type; so its only entities are XML's own, such as &amp;."""
    builder, parser = TreeBuilder(), expat.ParserCreate()
    open_elements: list[str] = []

    def refuse(*_: object) -> None:
        raise ValueError("it has a document type, expected none")

    def start(tag: str, attributes: dict[str, str]) -> None:
        open_elements.append(tag)
        if len(open_elements) > DEEPEST:
            raise ValueError(f"its elements stand more than {DEEPEST} deep in each other")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        open_elements.pop()
        builder.end(tag)

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    data = read_regular(path, MOST, "an annotation as XML")
    try:
        parser.Parse(data, True)
        return builder.close()
    except Exception as error:  # of many kinds: an encoding alone may be unknown, none of text, or wrong
        raise ValueError(f"{path} cannot be read as an annotation ({' '.join(str(error).split())[:200]})") from error
