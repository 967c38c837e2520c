"""What npzf has written bears its mark; anything else at that place is not replaced."""

import json
import os

import numpy as np
import pytest
from assertions import normal
from PIL import Image

import npzf
from npzf.render import Section, save_png, write_page
from npzf.render.atlas import write_group, write_site
from npzf.render.figure import new_figure, save_figure
from npzf.render.sheets.frames import write_frames
from npzf.storage.atomic import atomic_write_bytes, before_writing
from npzf.storage.json_file import write_json
from npzf.storage.output import NotOurs, check_output
from npzf.transfer import Cell, Split, Table
from npzf.transfer.overlap_file import write_overlap
from npzf.transfer.splits import write_split
from npzf.transfer.voc_submission import write_submission

PICTURE = np.full((10, 10, 3), 7, np.uint8)


def net():
    return npzf.small_zfnet(2, 64)


def page(path):
    save_png(PICTURE, path.with_name("picture.png"))
    write_page(path, "title", "words", [Section("a", "b", path.with_name("picture.png"), "c")])


def table(path):
    made = Table("title", "training images, a class", ("15", "30"))
    made.add("a, b", [Cell(1.0), None])
    made.write_csv(path)


WRITERS = {
    "picture.png": lambda path: save_png(PICTURE, path, layer="x" * 3000),
    "figure.png": lambda path: save_figure(new_figure(2, 2), path),
    "film.webp": lambda path: write_frames([PICTURE, PICTURE + 1], path, [10, 10]),
    "film.gif": lambda path: write_frames([PICTURE, PICTURE + 1], path, [10, 10]),
    "page.html": page,
    "net.h5": lambda path: net().save(path),
    "net.onnx": lambda path: npzf.to_onnx(net(), path),
    "net.safetensors": lambda path: npzf.save_state(net(), path),
    "net.npz": lambda path: npzf.save_state(net(), path),
    "net.pth": lambda path: npzf.save_state(net(), path),
    "table.csv": table,
    "overlap.csv": lambda path: write_overlap(path, [], [], []),
    "split.txt": lambda path: write_split(path, Split(np.array([0]), np.array([1])), ["a\tb.png", "\udcff.png"]),
    "results.json": lambda path: write_json(path, {"a": 1}),
}
PACKAGES = {"net.onnx": "onnx", "net.safetensors": "safetensors", "net.pth": "torch"}


@pytest.mark.parametrize("name", WRITERS)
def test_what_npzf_writes_is_its_own(tmp_path, name):
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name], reason=f"{PACKAGES[name]} is not installed")
    path = tmp_path / name
    assert not check_output(path)
    WRITERS[name](path)
    assert check_output(path)


def test_weights_that_are_marked_are_read_as_before(tmp_path):
    made = net()
    made.save(tmp_path / "net.h5")
    for name in ("net.npz", "net.pth", "net.safetensors"):
        if name in PACKAGES:
            pytest.importorskip(PACKAGES[name], reason=f"{PACKAGES[name]} is not installed")
        npzf.save_state(made, tmp_path / name)
        other = npzf.small_zfnet(2, 64, seed=1)
        npzf.load_state(other, tmp_path / name)
        assert all(np.array_equal(other.parameters[key], value) for key, value in made.parameters.items())
    import torch

    assert len(torch.load(tmp_path / "net.pth", weights_only=True)) == len(made.parameters)


def test_an_atlas_and_a_submission_are_its_own(tmp_path):
    write_site(tmp_path, {"title": "a", "introduction": "b"})
    write_group(tmp_path / "sheets", "01-a-0000", [[normal(4, 4, 3)]], [[PICTURE[:4, :4]]], 1, 4)
    write_submission(tmp_path / "submission", ["2008_000001"], ["cat"], np.array([[-1.5e-7]]), "val")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 6 and all(check_output(path) for path in files)


def foreign_png(path):
    Image.fromarray(PICTURE).save(path)


FOREIGN = {
    "photo.png": foreign_png,
    "photo.jpg": foreign_png,
    "photo.webp": foreign_png,
    "photo.gif": foreign_png,
    "photo.bmp": foreign_png,
    "npzf.png": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"IDAT" + b"tEXtSoftware\0npzf"),
    "index.html": lambda path: path.write_text("<!DOCTYPE html>\n<html><title>npzf</title></html>"),
    "thesis.txt": lambda path: path.write_text("all that I know of npzf\n"),
    "chapter.txt": lambda path: path.write_text("chapter 1\n"),
    "class.csv": lambda path: path.write_text("class,teacher\n"),
    "table.csv": lambda path: path.write_text("name,value\na,1\n"),
    "data.js": lambda path: path.write_text("let x = 1;\n"),
    "data.json": lambda path: path.write_text(json.dumps({"sha256": "0"})),
    "weights.npz": lambda path: np.savez(path, a=np.zeros(3)),
    "net.h5": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"npzf" * 9),
    "net.onnx": lambda path: path.write_bytes(b"\x08\x08\x12\x07pytorch"),
    "bytes": lambda path: path.write_bytes(bytes(range(256))),
    "a.onnx.data": lambda path: path.write_bytes(bytes(99)),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_others_wrote_is_not_replaced(tmp_path, name):
    path = tmp_path / name
    FOREIGN[name](path)
    with pytest.raises(NotOurs, match=r"^--out is .*, which exists and was not written by npzf") as caught:
        check_output(path, "--out")
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("folder", "fifo", "link"):
        with pytest.raises(NotOurs, match="cannot be replaced"):
            check_output(tmp_path / name)
    with pytest.raises(NotOurs):
        check_output("/dev/null")


def test_an_empty_file_has_nothing_to_lose(tmp_path):
    (tmp_path / "empty.png").touch()
    assert not check_output(tmp_path / "empty.png")


def test_what_is_asked_before_writing_can_stop_it(tmp_path):
    (tmp_path / "a").write_bytes(b"before")
    asked = []

    def refuse(path):
        asked.append(path)
        check_output(path)

    with before_writing(refuse):
        with pytest.raises(NotOurs):
            atomic_write_bytes(tmp_path / "a", b"after")
        atomic_write_bytes(tmp_path / "b", b"after")
    assert asked == [tmp_path / "a", tmp_path / "b"]
    assert (tmp_path / "a").read_bytes() == b"before"
    atomic_write_bytes(tmp_path / "a", b"after")
    assert (tmp_path / "a").read_bytes() == b"after"
