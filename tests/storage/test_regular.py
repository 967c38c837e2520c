"""Only regular files are opened: nothing else is waited for, and nothing is read without an end."""

import os
import socket

import pytest

from npzf.storage.regular import open_regular, read_regular


def test_a_regular_file_and_a_link_to_one_are_read(tmp_path):
    (tmp_path / "names.txt").write_bytes(b"cat\ndog\n")
    (tmp_path / "link").symlink_to("names.txt")
    with open_regular(tmp_path / "names.txt") as file:
        assert file.read() == b"cat\ndog\n"
    assert read_regular(tmp_path / "link") == b"cat\ndog\n"


def test_what_is_no_regular_file_is_named_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
    (tmp_path / "link").symlink_to("/dev/zero")
    for path, kind in (("fifo", "a FIFO"), ("socket", "a socket"), ("link", "a device"), (".", "a folder")):
        with pytest.raises(OSError, match=f"^{tmp_path / path} is {kind}, expected a list$"):
            read_regular(tmp_path / path, expected="a list")
    with pytest.raises(FileNotFoundError, match="missing does not exist, expected a list"):
        read_regular(tmp_path / "missing", expected="a list")


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=r"sparse has 1,099,511,627,776 bytes, expected a regular file of at most 100"):
        read_regular(tmp_path / "sparse", most=100)
