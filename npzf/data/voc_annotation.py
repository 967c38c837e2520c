"""The objects that an annotation file of PASCAL VOC names (section 5.2, Table 6)."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

DIFFICULT = {"0": False, "1": True}


def annotated_objects(path: Path) -> list[tuple[str, bool]]:
    """(class, whether it is marked as difficult) of each object in an annotation; parts of objects are none.

    ValueError, naming the file, for broken XML, XML with a document type (whose entities could fill the memory), or XML that is
    no annotation; OSError if the file cannot be read.
    """
    root = _parsed(path)
    if root.tag != "annotation":
        raise ValueError(f"{path} is XML of <{root.tag}>, expected an <annotation>")
    return [_object(path, found) for found in root.iterfind("object")]


def _object(path: Path, found: Element) -> tuple[str, bool]:
    """Class and difficulty of one <object>; one that does not say so is not difficult."""
    name, difficult = (found.findtext(tag, default).strip() for tag, default in (("name", ""), ("difficult", "0")))
    if not name:
        raise ValueError(f"{path} has an <object> without a <name>, expected the name of its class")
    if difficult not in DIFFICULT:
        raise ValueError(f"{path} has <difficult> {difficult!r}, expected 0 or 1")
    return name, DIFFICULT[difficult]


def _parsed(path: Path) -> Element:
    """The root of an XML file that has no document type; so its only entities are XML's own, such as &amp;."""
    builder, parser = TreeBuilder(), expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise ValueError("it has a document type, expected none")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # LookupError: of an encoding
        raise ValueError(f"{path} cannot be read as an annotation ({error})") from error
    return builder.close()
