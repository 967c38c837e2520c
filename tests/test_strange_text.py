"""Lists, tables, annotations and JSON from strangers: regular, bounded, one line that names the file for whatever is wrong."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from npzf.data import ImageFiles
from npzf.data.voc_annotation import annotated_objects
from npzf.data.voc_lists import Lists
from npzf.interop.net_files import class_names
from npzf.render import read_log
from npzf.studies.correspondence import read_landmarks
from npzf.transfer.overlap_file import read_overlap
from npzf.transfer.splits import read_split
from npzf.transfer.voc_submission import read_submission

IMAGES = ImageFiles(["set/a/1.jpg", "set/a/2.jpg", "set/b/1.jpg"], np.array([0, 0, 1]), ("a", "b"))
NAMES = IMAGES.files


def in_lists(path):
    """As one of VOC's lists."""
    return Lists(path.parent).images(path.stem)


READERS = {  # name of the file -> what reads it
    "classes.txt": class_names,
    "split.txt": lambda path: read_split(path, NAMES),
    "split.json": lambda path: read_split(path, NAMES),
    "train.lst": lambda path: read_split(path, NAMES, path),
    "overlap.csv": lambda path: read_overlap(path, IMAGES),
    "list.txt": in_lists,
    "image.xml": annotated_objects,
    "log.csv": read_log,
    "landmarks.json": lambda path: read_landmarks(path, 8),
    "comp2_cls_test_cat.txt": lambda path: read_submission(path.parent, ["cat"]),
}
HEAD = b"epoch,train_loss,train_error,validation_loss,validation_error,rate\n"
CONTENTS = {
    "nothing": b"",
    "a byte that is no UTF-8": b"train\xff\n",
    "zeros": bytes(1000),
    "UTF-16": "train\ta".encode("utf-16"),
    "deep JSON": b"[" * 10**5,
    "deep JSON in JSON": b'{"train": ' + b"[" * 10**5 + b"]" * 10**5 + b', "test": []}',
    "a number of many digits": b'{"train": ' + b"9" * 10**4 + b', "test": []}',
    "JSON of another kind": b'{"train": [{"a": 1}, null], "test": [[]]}',
    "a JSON list": b"[1, 2]",
    "a JSON number": b"1",
    "lone surrogates": b'{"train": ["\\ud800"], "test": ["\\udfff"]}',
    "a field without an end": b'target,pretraining\n"' + b"x" * 200_000,
    "a row that is too long": HEAD + b"1," * 100,
    "quotes": HEAD + b'"1' * 100,
    "no numbers": HEAD + b"a,b,c,d,e,f\n",
    "a long line": b"x" * 100_000,
    "XML with entities": b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><annotation>&d;</annotation>',
    "XML of a file": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotation>&b;</annotation>',
    "deep XML": b"<annotation>" + b"<a>" * 50_000,
    "XML in no encoding": b'<?xml version="1.0" encoding="hex"?><annotation/>',
    "XML in a bad encoding": b'<?xml version="1.0" encoding="rot13"?><annotation/>',
    "XML of a multibyte encoding": b'<?xml version="1.0" encoding="shift_jis"?><annotation>\x81</annotation>',
    "an entity that is none": b"<annotation>&a;</annotation>",
    "a class that is a path": b"<annotation><object><name>../../x</name></object></annotation>",
    "a class of lines": b"<annotation><object><name>a\nb</name></object></annotation>",
}


def ends(read, path):
    """Whether it reads the file; if not, in one line that names it."""
    try:
        read(path)
    except (ValueError, OSError) as error:
        message = str(error)
        assert len(message.splitlines()) == 1 and (path.name in message or path.stem in message)
        assert len(message) < 2000
        return False
    return True


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", READERS)
def test_what_is_none_ends_in_one_line_with_its_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(CONTENTS[content])
    whole = ends(READERS[name], path)
    if name not in ("classes.txt", "list.txt"):  # which any text is
        assert not whole


@pytest.mark.parametrize("name", READERS)
def test_no_fifo_is_waited_for_and_no_device_read_without_an_end(tmp_path, name):
    path = tmp_path / name
    assert not ends(READERS[name], path)
    os.symlink("/dev/zero", path)
    assert not ends(READERS[name], path)
    path.unlink()
    path.mkdir()
    assert not ends(READERS[name], path)
    path.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        assert not ends(READERS[name], path)


@pytest.mark.parametrize("name", READERS)
def test_a_file_of_gigabytes_is_not_read(tmp_path, name):
    path = tmp_path / name
    with open(path, "wb") as file:
        file.truncate(2**33)  # a hole, which takes no room
    assert not ends(READERS[name], path)


@pytest.mark.parametrize(
    "file", ["../secret.png", "/etc/passwd", "a/../../secret.png", "", "..", "c:secret.png", "..\\secret.png"]
)
def test_landmarks_name_no_file_outside_their_folder(tmp_path, file):
    folder = tmp_path / "inside"
    folder.mkdir()
    for path in (tmp_path / "secret.png", folder / "a.png"):
        Image.new("RGB", (9, 9)).save(path)
    (folder / "landmarks.json").write_text(json.dumps({file: {"nose": [1, 2]}}))
    with pytest.raises(ValueError, match=r"landmarks\.json is unreadable"):
        read_landmarks(folder / "landmarks.json", 8)
    (folder / "landmarks.json").write_text(json.dumps({"a.png": {"nose": [1, 2]}}))
    assert read_landmarks(folder / "landmarks.json", 8)[0].shape == (1, 8, 8, 3)


@pytest.mark.parametrize(
    "place", ["[1, NaN]", "[1, 1e999]", "[1]", "[1, 2, 3]", "[[1, 2], [3, 4]]", "1" + "0" * 400, '["a", "b"]', "[]"]
)
def test_places_that_are_none(tmp_path, place):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "landmarks.json").write_text(f'{{"a.png": {{"nose": {place}}}}}')
    with pytest.raises(ValueError, match=r"landmarks\.json is unreadable") as caught:
        read_landmarks(tmp_path / "landmarks.json", 8)
    assert "\n" not in str(caught.value)
