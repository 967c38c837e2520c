"""Bytes at places, by the system's calls and, where it has none, by moving there and back."""

import os

import numpy as np
import pytest

import npzf
from npzf.storage import writer
from npzf.storage.places import read_at, read_into, write_at


@pytest.fixture(params=["system", "moving"])
def calls(request, monkeypatch):
    """Runs a test twice."""
    if request.param == "moving":
        for name in ("pread", "preadv", "pwrite"):
            monkeypatch.delattr(os, name, raising=False)


def test_the_file_stays_where_it_is(calls, tmp_path):
    (tmp_path / "file").write_bytes(bytes(range(100)))
    with open(tmp_path / "file", "r+b") as file:
        file.seek(7)
        number = file.fileno()
        view = memoryview(bytearray(5))
        assert (
            read_at(number, 3, 90) == b"Z[\\"
            and read_at(number, 30, 95) == bytes(range(95, 100))
            and read_at(number, 3, 200) == b""
        )
        assert read_into(number, view, 50) == 5 and bytes(view) == b"23456"
        assert read_into(number, view, 98) == 2 and bytes(view[:2]) == b"bc"
        assert write_at(number, memoryview(b"new"), 60) == 3
        assert file.read(1) == b"\x07"
    assert (tmp_path / "file").read_bytes()[58:65] == b":;new?@"


def test_a_net_is_saved_and_loaded(calls, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "LARGE", 1000)
    net = npzf.small_zfnet(3, 32, seed=4)
    net.save(tmp_path / "net.h5")
    again = npzf.load(tmp_path / "net.h5")
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], value)
