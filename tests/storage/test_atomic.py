"""Whatever happens, a file on disk is the old one or the new one."""

import os
import signal
import stat
import subprocess
import sys

import pytest

from npzf.storage.atomic import atomic_write, atomic_write_bytes, atomic_write_csv, remove_leftovers


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


def test_what_a_killed_process_has_left_is_removed_and_what_is_in_use_stays(tmp_path):
    dead = tmp_path / ".file.bin.0123abcd.partial"
    dead.write_bytes(b"half")
    others = [tmp_path / name for name in ("file.partial", ".own.partial", ".x.0123abcd.partial.txt")]
    for other in others:
        other.write_bytes(b"somebody's")
    with atomic_write(tmp_path / "file.bin") as file:
        file.write(b"new")
        (in_use,) = (path for path in tmp_path.glob(".file.bin.*.partial"))
        assert in_use != dead
        remove_leftovers(tmp_path)
        assert in_use.exists()
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "file.bin", *others])


KILLED = """
import os, signal, sys
from npzf.storage.atomic import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(b"half of it")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_lock_of_a_killed_process_is_gone_with_it(tmp_path):
    run = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "file.bin"])
    assert run.returncode == -signal.SIGKILL and len(list(tmp_path.iterdir())) == 1
    atomic_write_bytes(tmp_path / "another.bin", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["another.bin"]


def test_the_folder_is_fsynced_after_the_rename(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda n: (done.append(stat.S_ISDIR(os.fstat(n).st_mode)), fsync(n)))
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("rename"), replace(*paths)))
    atomic_write_bytes(tmp_path / "file.bin", b"new")
    assert done == [False, "rename", True]


def test_a_name_as_long_as_names_can_be(tmp_path):
    for name in ("x" * 255, "é" * 127, os.fsdecode(b"\xff" * 255)):
        assert atomic_write_bytes(tmp_path / name, b"new").read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 3
