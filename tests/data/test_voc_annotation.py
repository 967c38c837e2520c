"""The objects of an annotation, and the files that are none: nothing in them is expanded or guessed."""

import pytest
from voc_folders import annotation

from npzf.data.voc_annotation import annotated_objects


def put_xml(tmp_path, text):
    path = tmp_path / "000001.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_objects_but_not_their_parts(tmp_path):
    path = put_xml(tmp_path, annotation(("person", 0), (" dog\n", 1), ("person", None)))
    assert annotated_objects(path) == [("person", False), ("dog", True), ("person", False)]


def test_no_objects_and_xmls_own_entities(tmp_path):
    assert annotated_objects(put_xml(tmp_path, annotation())) == []
    assert annotated_objects(put_xml(tmp_path, annotation(("cats &amp; dogs", 0)))) == [("cats & dogs", False)]


def test_the_encoding_that_a_file_names(tmp_path):
    text = '<?xml version="1.0" encoding="iso-8859-1"?>' + annotation(("Bär", 0))
    assert annotated_objects(put_xml(tmp_path, text.encode("iso-8859-1"))) == [("Bär", False)]


BOMB = '<!DOCTYPE annotation [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + annotation(("&b;", 0))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no element found"),
        (annotation(("cat", 0))[:-9], "cannot be read as an annotation"),
        ("not XML", "syntax error"),
        (annotation(("&cat;", 0)), "undefined entity"),
        (BOMB, "it has a document type, expected none"),
        ('<!DOCTYPE annotation SYSTEM "file:///etc/hostname">' + annotation(("cat", 0)), "document type"),
        ('<?xml version="1.0" encoding="klingon"?>' + annotation(("cat", 0)), "klingon|unknown encoding"),
        (b"\xff\xfe\x00", "cannot be read as an annotation"),
        ("<html><object/></html>", "is XML of <html>, expected an <annotation>"),
        ("<annotation><object><difficult>0</difficult></object></annotation>", "an <object> without a <name>"),
        (annotation((" ", 0)), "an <object> without a <name>"),
        (annotation(("cat", "maybe")), "has <difficult> 'maybe', expected 0 or 1"),
        (annotation(("cat", "")), "has <difficult> '', expected 0 or 1"),
    ],
    ids=lambda value: None if isinstance(value, bytes) or len(value) > 40 else value,
)
def test_what_is_no_annotation_is_named_in_one_line(tmp_path, text, named):
    with pytest.raises(ValueError, match=named) as caught:
        annotated_objects(put_xml(tmp_path, text))
    assert "000001.xml" in str(caught.value) and "\n" not in str(caught.value)
