"""One run a folder: what is refused, what the lock is worth, and what is left behind."""

import os
import signal
import subprocess
import sys

import pytest
from tiny_training import make, refused, resume

from npzf.training import RunFolder
from npzf.training.run_folder import FILES, MARKER

HOLDING = """\
import sys, time
from npzf.training import RunFolder
with RunFolder(sys.argv[1], "demo") as folder:
    folder.begin()
    (folder.path / "best.h5").write_bytes(b"")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("name", FILES)
def test_a_folder_with_any_file_of_a_run_is_refused_and_left_alone(tmp_path, name):
    (tmp_path / name).write_bytes(b"mine")
    refused(f"{tmp_path} has {name} of a run already: .*name another folder", make(tmp_path).run)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_bytes() == b"mine"


def test_a_second_run_is_refused_while_one_is_on_and_says_whose(tmp_path):
    def second(_):
        with pytest.raises(BlockingIOError, match=f"{tmp_path} is in use by process {os.getpid()} on ") as caught:
            make(tmp_path).run()
        assert "\n" not in str(caught.value)
        with pytest.raises(BlockingIOError, match="is in use by process"):
            resume(tmp_path).run()

    make(tmp_path, epochs=1).run(second)
    resume(tmp_path, epochs=2).run()


def test_the_lock_ends_with_the_process_however_it_ends(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDING, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError, match=f"is in use by process {process.pid} on "), RunFolder(tmp_path):
            pytest.fail("not reached")
        process.send_signal(signal.SIGKILL)
    with RunFolder(tmp_path) as folder:
        refused("has best.h5 of a run already", folder.begin)
        refused("has best.h5 of a run already", folder.begin, "train")
        folder.begin(replaces="demo")
    assert folder.files() == []


def test_a_folder_that_nothing_was_written_to_is_removed_again(tmp_path):
    with pytest.raises(ZeroDivisionError), RunFolder(tmp_path / "a" / "b") as folder:
        folder.begin()
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "notes.txt").write_text("mine")
    with RunFolder(tmp_path) as folder:
        folder.begin()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_what_killed_processes_left_is_removed_at_the_start(tmp_path):
    (tmp_path / "epochs").mkdir()
    for place in (tmp_path, tmp_path / "epochs"):
        (place / ".best.h5.0123abcd.partial").write_bytes(b"half")
    with RunFolder(tmp_path):
        assert [path.name for path in tmp_path.rglob("*.partial")] == []


@pytest.mark.parametrize("make_marker", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_a_marker_that_is_no_file_is_refused_without_waiting(tmp_path, make_marker):
    make_marker(tmp_path / MARKER)
    with pytest.raises((OSError, ValueError), match=f"{tmp_path}") as caught, RunFolder(tmp_path):
        pytest.fail("not reached")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff" * 600])
def test_a_marker_of_any_content_is_written_again(tmp_path, content):
    (tmp_path / MARKER).write_bytes(content)
    with RunFolder(tmp_path) as folder:
        assert folder.owner is None
        folder.begin()
        (tmp_path / "log.csv").write_text("")
    with RunFolder(tmp_path) as folder:
        assert folder.owner == "train"


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"file is a file, expected a folder for the run"), RunFolder(tmp_path / "file"):
        pytest.fail("not reached")
