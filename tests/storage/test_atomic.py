"""Whatever happens, a file on disk is the old one or the new one."""

import os

import pytest

from npzf.storage.atomic import atomic_write_bytes, atomic_write_csv


def test_writes_and_creates_the_folder(tmp_path):
    path = atomic_write_bytes(tmp_path / "a" / "b" / "file.bin", b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = atomic_write_bytes(tmp_path / "file.bin", b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match=r"could not write the file .No space left.*file\.bin") as caught:
        atomic_write_bytes(path, b"new")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_where_the_folder_should_be(tmp_path):
    atomic_write_bytes(tmp_path / "file", b"")
    with pytest.raises(OSError, match="could not write the file"):
        atomic_write_bytes(tmp_path / "file" / "x.png", b"")


def test_csv_keeps_names_of_any_bytes_and_commas(tmp_path):
    odd = os.fsdecode(b"caf\xe9.png")  # no UTF-8
    path = atomic_write_csv(tmp_path / "new" / "table.csv", [["image", "class"], [odd, "a, b"], ["é", 3]])
    assert path.read_bytes() == b'image,class\ncaf\xe9.png,"a, b"\n\xc3\xa9,3\n'
