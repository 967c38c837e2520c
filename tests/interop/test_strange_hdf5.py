"""HDF5 from strangers: no other file is read, no more memory taken than the size allows, one line that names the file."""

import os
import sys
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from strange_weights import HUGE, hdf5, refused

import npzf
from npzf.interop.weights import hdf5_file
from npzf.interop.weights.files import read_state


def test_plain_compact_chunked_and_compressed_numbers_are_read(tmp_path):
    values = {
        "plain": np.arange(6, dtype=np.float32).reshape(2, 3),
        "big": np.arange(4, dtype=">f8"),
        "half": np.arange(3, dtype=np.float16),
        "whole": np.arange(5),
        "flags": np.array([True, False]),
        "one": np.float32(2.5),
        "none": np.empty((0, 3)),
    }

    def fill(file):
        for name, value in values.items():
            file[name] = value
        value = np.random.default_rng(0).normal(size=(1000, 70))
        for form in ("gzip", "lzf"):
            values[form] = file.create_dataset(form, data=value, compression=form, shuffle=True, fletcher32=True)[()]
        values["rows"] = file.create_dataset("deep/er/rows", data=value, chunks=(1, 7))[()]
        file["text"] = "words"
        file["empty"] = h5py.Empty("f4")
        file["texts"] = np.array(["a", "b"], dtype=h5py.string_dtype())
        file["records"] = np.zeros(3, [("a", "f4")])
        file["reference"] = file["plain"].ref
        file["type"] = np.dtype("f8")
        file.create_dataset("rows of any length", (2,), h5py.vlen_dtype("f4"))
        file["again"] = file["plain"]
        values["again"] = values["plain"]

    found = read_state(hdf5(tmp_path, fill)).arrays
    values["deep/er/rows"] = values.pop("rows")
    assert found.keys() == values.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value)


def secret_file(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["secret"] = np.full(5, 7.0)
    return tmp_path / "secret.h5"


def test_links_are_left_out_and_said(tmp_path, caplog):
    secret_file(tmp_path)

    def fill(file):
        file["own"] = np.ones(3)
        file["outside"] = h5py.ExternalLink("secret.h5", "/secret")
        file["inside"] = h5py.SoftLink("/own")
        file["model_weights"] = h5py.ExternalLink("secret.h5", "/")

    assert read_state(hdf5(tmp_path, fill)).arrays.keys() == {"own"}
    assert "links are left out: inside, model_weights, outside" in caplog.text


def test_virtual_and_external_storage_is_refused(tmp_path):
    source = secret_file(tmp_path)

    def virtual(file):
        layout = h5py.VirtualLayout((5,), "f8")
        layout[:] = h5py.VirtualSource(str(source), "secret", (5,))
        file.create_virtual_dataset("w", layout)

    refused(hdf5(tmp_path, virtual, "virtual.h5"), "w is a virtual dataset")

    def external(file):
        file.create_dataset("w", (5,), "u1", external=[(str(source), 0, 5)])

    refused(hdf5(tmp_path, external, "external.h5"), "w has its numbers in other files")


def test_virtual_datasets_of_a_fifo_are_not_waited_for(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no FIFOs")
    os.mkfifo(tmp_path / "fifo")

    def fill(file):
        layout = h5py.VirtualLayout((5,), "f8", maxshape=(None,))
        source = h5py.VirtualSource(str(tmp_path / "fifo"), "secret", (5,), maxshape=(None,))
        layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
        file.create_virtual_dataset("w", layout)

    refused(hdf5(tmp_path, fill), "w is a virtual dataset")


def test_compressed_zeros_and_chunks_without_numbers_take_no_memory(tmp_path):
    count = HUGE // 4
    fills = {
        "zeros": lambda file: file.create_dataset("w", data=np.zeros(count, np.float32), compression="gzip"),
        "nothing": lambda file: file.create_dataset("w", (10**13,), "f4"),
        "chunks": lambda file: file.create_dataset("w", (10**13,), "f4", chunks=(100,), fillvalue=1.0),
        "one chunk": lambda file: file.create_dataset("w", (5,), "f4", chunks=(count,), maxshape=(None,)),
    }
    for name, fill in fills.items():
        path = hdf5(tmp_path, fill, f"{name}.h5")
        refused(path, "its arrays take more than")


def test_many_names_of_one_array_count_as_many(tmp_path):
    def fill(file):
        file["w"] = np.zeros(10**6, np.float32)
        for n in range(100):
            file[f"w{n}"] = file["w"]

    refused(hdf5(tmp_path, fill), "its arrays take more than")


def test_groups_that_hold_themselves_or_lie_deep_are_refused(tmp_path):
    def itself(file):
        file.create_group("a")["b"] = file["/"]

    refused(hdf5(tmp_path, itself, "itself.h5"), "holds itself")
    refused(hdf5(tmp_path, lambda file: file.create_group("a/" * 100), "deep.h5"), "stand more than 64 deep")


def test_a_million_ways_to_one_group_are_not_all_gone(tmp_path):
    def fill(file):
        group = file
        for _ in range(20):
            below = group.create_group("a")
            group["b"] = below
            group = below

    refused(hdf5(tmp_path, fill), "it has more than 20,000 objects")


def test_filters_that_are_not_known_are_refused(tmp_path):
    if not h5py.h5z.filter_avail(h5py.h5z.FILTER_SCALEOFFSET):
        pytest.skip("this HDF5 has no such filter")
    fill = {"scaleoffset": 2, "chunks": (5,)}
    refused(hdf5(tmp_path, lambda file: file.create_dataset("w", data=np.ones(5), **fill)), "compressed by filter 6")


@pytest.mark.parametrize("attribute", ["layout", "input", "mean", "layer_names"])
def test_attributes_that_are_none(tmp_path, attribute):
    def fill(file):
        file["w"] = np.ones(3)
        file.attrs["input"] = "RGB in [0,1], minus mean"
        file.attrs["mean"] = [0.5, 0.5, 0.5]
        file.attrs.create(attribute, np.zeros(3, [("a", "f4")]))

    refused(hdf5(tmp_path, fill), f"its attribute '{attribute}'")


def test_a_child_that_dies_or_waits_is_one_line(tmp_path, monkeypatch):
    path = hdf5(tmp_path, lambda file: file.__setitem__("w", np.ones(3)))
    for program, words in {
        "import os; os.abort()": "ended with SIGABRT",
        "import sys; sys.exit(3)": "ended with status 3",
        "import os; os.write(1, b'\\0' * 7)": "ended with status 0",
        "import os; os.write(1, b'\\xff' * 8)": "its names take",
        "import time; time.sleep(100)": "takes more than 1 seconds",
        "while True: pass": "takes more than 1 seconds",
        "import os; os.write(1, b'\\5' + bytes(7) + b'words')": "not HDF5, or damaged",
    }.items():
        monkeypatch.setattr(hdf5_file, "_program", lambda program=program: program)
        monkeypatch.setattr(hdf5_file, "SECONDS", 1)
        refused(path, words)


def test_a_chunk_that_inflates_to_more_than_itself_ends_the_child_alone(tmp_path, monkeypatch):
    """HDF5 inflates all there is, however small the chunk is said to be."""
    pytest.importorskip("resource", reason="this system has no limits of processes")
    packer = zlib.compressobj(1)
    bomb = b"".join([*(packer.compress(bytes(2**20)) for _ in range(600)), packer.flush()])

    def fill(file):
        dataset = file.create_dataset("w", (1000,), "f4", chunks=(1000,), compression="gzip")
        dataset.id.write_direct_chunk((0,), bomb)

    monkeypatch.setattr(hdf5_file, "MEMORY", 2**29)
    refused(hdf5(tmp_path, fill), "not HDF5, or damaged")


def test_no_library_of_the_environment_is_loaded_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("HDF5_PLUGIN_PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "x.py"))
    path = hdf5(tmp_path, lambda file: file.__setitem__("w", np.ones(3)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    Path("h5py.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert read_state(path).arrays.keys() == {"w"}
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("place", range(0, 3000, 83))
def test_damaged_hdf5_is_one_line_or_other_numbers(tmp_path, place):
    def fill(file):
        file.create_dataset("conv1/kernel", data=np.arange(200.0), compression="gzip")
        file["conv1/bias"] = np.ones(3)
        file.attrs["layer_names"] = ["conv1"]

    data = bytearray(hdf5(tmp_path, fill).read_bytes())
    data[place % len(data)] ^= 0x5A
    (tmp_path / "bad.h5").write_bytes(data)
    try:
        read_state(tmp_path / "bad.h5")
    except ValueError as error:
        assert str(tmp_path / "bad.h5") in str(error) and "\n" not in str(error)


def test_a_net_of_npzf_that_is_damaged_is_not_taken_for_weights(tmp_path):
    net = npzf.Network((8, 8, 3), [("conv1", npzf.layers.Conv(2, 3))])
    net.save(tmp_path / "net.h5")
    assert read_state(tmp_path / "net.h5").arrays.keys() == net.parameters.keys()
    whole = (tmp_path / "net.h5").read_bytes()
    for place in [0, 5, 18, 25, 100, 600, len(whole) // 2, len(whole) - 1]:
        data = bytearray(whole)
        data[place] ^= 1
        (tmp_path / "bad.h5").write_bytes(data)
        refused(tmp_path / "bad.h5")
