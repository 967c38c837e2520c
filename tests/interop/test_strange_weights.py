"""Weights from strangers: no other file is read, no more memory taken than the size allows, one line that names the file."""

import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from strange_weights import HUGE, hdf5, refused

from npzf.interop.net_files import read_net
from npzf.interop.weights.files import READERS, read_state

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("suffix", READERS)
def test_only_regular_files_are_opened(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    os.symlink("/dev/zero", path)
    refused(path, "is a device, expected weights")
    path.unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        refused(path, "is a FIFO, expected weights")
        with pytest.raises((ValueError, OSError), match=r"FIFO|is not a file"):
            read_net(path)
        path.unlink()
    path.mkdir()
    refused(path, "is a folder, expected weights")


@pytest.mark.parametrize("suffix", READERS)
def test_nothing_and_noise_are_refused(tmp_path, suffix):
    for n, data in enumerate(
        [b"", b"\0", b"PK", b"PK\x05\x06" + bytes(18), b"\x89HDF\r\n\x1a\n" + bytes(100), bytes(range(256)) * 9]
    ):
        path = tmp_path / f"{n}{suffix}"
        path.write_bytes(data)
        if suffix != ".npz" or n != 3:  # an archive of nothing
            refused(path)


# NumPy


def npz(path, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def npy(header, data=b"", version=b"\x01\x00"):
    text = header.encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def described(shape, dtype="'<f4'", fortran=False):
    return f"{{'descr': {dtype}, 'fortran_order': {fortran}, 'shape': {shape}}}\n"


def test_numbers_of_every_kind_and_order(tmp_path):
    values = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "f": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "b": np.arange(4, dtype=">f8"),
        "i": np.arange(3),
        "none": np.empty((0, 3)),
        "one": np.array(2.5),
        "flags": np.array([True, False]),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **values, layout=np.array("keras"))
        state = read_state(tmp_path / "a.npz")
        assert state.layout == "keras" and state.arrays.keys() == values.keys()
        for name, value in values.items():
            np.testing.assert_array_equal(state.arrays[name], value)
            assert state.arrays[name].shape == value.shape


NPZ = {
    "a shape without numbers": [("w.npy", npy(described((10**12,))))],
    "more numbers than the shape": [("w.npy", npy(described((1,)), bytes(8)))],
    "a negative side": [("w.npy", npy(described((-1, -8)), bytes(32)))],
    "a shape of texts": [("w.npy", npy(described("('1',)"), bytes(4)))],
    "a large header": [("w.npy", npy("(" * 5000, bytes(8)))],
    "nested brackets": [("w.npy", npy("(" * 900 + ")" * 900, bytes(8)))],
    "code": [("w.npy", npy(described("(__import__('os').system('touch ran'),)"), bytes(4)))],
    "objects": [("w.npy", npy(described((1,), "'|O'"), pickle.dumps([1])))],
    "records": [("w.npy", npy(described((1,), "[('a', '<f4')]"), bytes(4)))],
    "raw bytes": [("w.npy", npy(described((1,), "'|V4'"), bytes(4)))],
    "times": [("w.npy", npy(described((1,), "'<M8[D]'"), bytes(8)))],
    "long text": [("w.npy", npy(described((), "'<U999999999'"), bytes(8)))],
    "version 9": [("w.npy", npy(described((1,)), bytes(4), b"\x09\x00"))],
    "no array": [("w.npy", b"words")],
    "a name twice": [("w.npy", npy(described((1,)), bytes(4))), ("w", npy(described((1,)), bytes(4)))],
}


@pytest.mark.parametrize("name", NPZ)
def test_npz_that_is_none(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(npz(tmp_path / "a.npz", NPZ[name]))
    assert not (tmp_path / "ran").exists()


def test_npz_bombs(tmp_path):
    members = [("w.npy", npy(described((HUGE // 4 - 20,)), bytes(HUGE - 80)))]
    refused(npz(tmp_path / "a.npz", members, zipfile.ZIP_DEFLATED), "its members take more than")
    many = [(f"{n}.npy", b"") for n in range(100_000)]
    refused(npz(tmp_path / "b.npz", many), "its list of members has")


def test_npz_whose_members_lie_over_each_other_or_say_another_size(tmp_path):
    data = bytearray(npz(tmp_path / "a.npz", [("w.npy", npy(described((25,)), bytes(100)))]).read_bytes())
    central = data.index(b"PK\x01\x02")
    with pytest.raises(ValueError):
        larger = data.copy()
        larger[central + 24 : central + 28] = struct.pack("<L", 2**31)
        (tmp_path / "b.npz").write_bytes(larger)
        read_state(tmp_path / "b.npz")
    larger = data.copy()
    larger[central + 20 : central + 24] = struct.pack("<L", 2**20)
    (tmp_path / "c.npz").write_bytes(larger)
    refused(tmp_path / "c.npz", "lie over each other")


def test_one_bit_of_an_npz_is_never_believed(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, w=np.arange(50.0))
    whole, expected = path.read_bytes(), np.arange(50.0)
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 0x10
        (tmp_path / "b.npz").write_bytes(data)
        try:
            found = read_state(tmp_path / "b.npz").arrays
        except ValueError as error:
            assert "b.npz" in str(error) and "\n" not in str(error)
        else:
            for value in found.values():
                np.testing.assert_array_equal(value, expected)


# safetensors


def safetensors(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def part(kind="F32", shape=(2,), place=(0, 8)):
    return {"dtype": kind, "shape": list(shape), "data_offsets": list(place)}


def test_safetensors_are_read_without_their_library(tmp_path):
    header = {"__metadata__": {"layout": "pytorch"}, "b": part("BF16", (2,), (8, 12)), "a": part()}
    path = safetensors(tmp_path / "a.safetensors", header, struct.pack("<2f", 1.5, -2) + struct.pack("<2H", 0x3F80, 0x4000))
    state = read_state(path)
    assert state.layout == "pytorch" and list(state.arrays) == ["b", "a"]
    assert state.arrays["a"].tolist() == [1.5, -2] and state.arrays["b"].tolist() == [1, 2]


SAFETENSORS = {
    "a hole": ({"a": part(place=(1, 9))}, 9),
    "too few bytes": ({"a": part()}, 7),
    "too many": ({"a": part()}, 9),
    "one place twice": ({"a": part(), "b": part()}, 8),
    "another shape": ({"a": part(shape=(3,))}, 8),
    "a huge shape": ({"a": part(shape=(2**40, 2**40))}, 8),
    "a negative shape": ({"a": part(shape=(-1, -2))}, 8),
    "a shape of fractions": ({"a": part(shape=(2.0,))}, 8),
    "no shape": ({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, 8),
    "a type of lists": ({"a": part(kind=["F32"])}, 8),
    "an unknown type": ({"a": part("F8_E4M3", (8,))}, 8),
    "a list": ([1], 8),
    "a number": ({"a": 1}, 8),
    "deep": (b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}", 8),
    "a name twice": (b'{"a":' + json.dumps(part()).encode() + b',"a":' + json.dumps(part()).encode() + b"}", 8),
    "no UTF-8": (b'{"\xff": 1}', 8),
    "no JSON": (b"{", 8),
    "a number of many digits": (b'{"a": ' + b"9" * 10**5 + b"}", 8),
}


@pytest.mark.parametrize("name", SAFETENSORS)
def test_safetensors_that_are_none(tmp_path, name):
    header, count = SAFETENSORS[name]
    refused(safetensors(tmp_path / "a.safetensors", header, bytes(count)), "damaged")


def test_the_length_of_a_header_is_not_believed(tmp_path):
    for length in (2**63, 2**40, 10**8, 9):
        (tmp_path / "a.safetensors").write_bytes(length.to_bytes(8, "little") + b"{}")
        refused(tmp_path / "a.safetensors", "its header has")


# Pickles


def program(*steps):
    return pickle.PROTO + b"\x02" + b"".join(steps) + pickle.STOP


def array_of(memo):
    """Steps that make an array of the state in this place of the memo."""
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R"
        + pickle.BINGET
        + bytes([memo])
        + pickle.BUILD
    )


def test_many_arrays_of_the_same_bytes_count_as_many(tmp_path):
    data = bytes(2**20)
    state = pickle.dumps(data, 3)[2:-1] + pickle.BINPUT + b"\x05" + b"0"
    made = b"(K\x01J" + struct.pack("<i", 2**20) + b"\x85cnumpy\ndtype\nU\x02u1\x85R\x89h\x05tq\x060"
    steps = [state, made, b"]("] + [array_of(6)] * 1000 + [b"e"]
    (tmp_path / "a.pkl").write_bytes(b"\x80\x03" + b"".join(steps) + b".")
    refused(tmp_path / "a.pkl", "its arrays take more than")


TUPLES = b"K\x01\x85" + b"q\x01h\x01\x86" * 60  # 2^60 paths to a number
PICKLES = {
    "many lists": program(b"(" + b"]" * 2**22 + b"l"),
    "a type of tuples": program(b"cnumpy\ndtype\n" + TUPLES + b"\x85R"),
    "an encoding of tuples": program(b"c_codecs\nencode\nU\x01a" + TUPLES + b"\x86R"),
    "a shape of tuples": program(
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R(K\x01"
        + TUPLES
        + b"cnumpy\ndtype\nU\x02u1\x85R\x89U\x01atb"
    ),
    "a long key": program(b"}" + pickle.BINUNICODE + struct.pack("<L", 2**20) + b"k" * 2**20 + b"Ns"),
    "a frame that is not there": b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f.",
    "a long number": program(b"\x8b" + struct.pack("<i", 2**30)),
    "a number of many digits": program(b"L" + b"9" * 10**6 + b"L\n"),
    "a place in the memo that is not there": program(b"j\xff\xff\xff\xff"),
    "bytes that are not there": program(b"B\xff\xff\xff\x7f"),
    "tuples in tuples": program(b")" + b"\x85" * 100_000),
    "dictionaries in dictionaries": program(b"}" * 50_000 + b"".join([b"U\x01a" + b"}" + b"s"] * 3)),
}


@pytest.mark.parametrize("name", PICKLES)
def test_pickles_that_take_memory_or_time_are_refused(tmp_path, name):
    (tmp_path / "a.pkl").write_bytes(PICKLES[name])
    refused(tmp_path / "a.pkl")


def test_names_in_names_do_not_grow_without_end(tmp_path):
    value = np.ones(3)
    for _ in range(50):
        value = {"k" * 1000: value}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(value))
    refused(tmp_path / "a.pkl", "characters")


@pytest.mark.parametrize("name", ["a\nb", "a\x0bb", "a\x1b[31mb", "a\u2028b"])
def test_names_that_cannot_be_printed_are_refused(tmp_path, name):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({name: np.ones(3)}))
    refused(tmp_path / "a.pkl", "an array is called")
    (tmp_path / "b.pkl").write_bytes(b"c" + name.encode().replace(b"\n", b"\x0b") + b"\nx\n.")
    refused(tmp_path / "b.pkl", "it names a")


def test_storages_of_tuples_are_none(tmp_path):
    data = program(b"(U\x07storagectorch\nFloatStorage\n" + TUPLES + b"U\x03cpuK\x01tQ")
    npz(tmp_path / "a.pth", [("a/data.pkl", data), ("a/data/0", bytes(4))])
    refused(tmp_path / "a.pth", "a storage is not described as one")


def test_one_bit_of_a_zip_of_torch_is_never_believed(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch writes the files: pip install 'npzf[test]'")
    torch.save({"w": torch.arange(50.0)}, tmp_path / "a.pth")
    whole = (tmp_path / "a.pth").read_bytes()
    for place in range(0, len(whole), 3):
        data = bytearray(whole)
        data[place] ^= 0x04
        (tmp_path / "b.pth").write_bytes(data)
        try:
            found = read_state(tmp_path / "b.pth").arrays
        except ValueError as error:
            assert "b.pth" in str(error) and "\n" not in str(error)
        else:
            np.testing.assert_array_equal(found["w"], np.arange(50.0))


PEAK = """
import resource, sys
from npzf.interop.weights.files import read_state
try:
    read_state(sys.argv[1])
except ValueError as error:
    assert sys.argv[1] in str(error)
status = open("/proc/self/status").read()  # ru_maxrss would count the parent's memory before exec
print(max(int(status.split("VmHWM:")[1].split()[0]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is what Linux says in /proc")
def test_no_small_file_takes_a_gibibyte(tmp_path):
    paths = [hdf5(tmp_path, lambda f: f.create_dataset("w", data=np.zeros(HUGE // 5, np.float32), compression="gzip"), "a.h5")]
    members = [("w.npy", npy(described((HUGE // 5,)), bytes(HUGE // 5 * 4)))]
    paths.append(npz(tmp_path / "a.npz", members, zipfile.ZIP_DEFLATED))
    paths.append(tmp_path / "a.pkl")
    paths[-1].write_bytes(PICKLES["many lists"])
    for path in paths:
        command = [sys.executable, "-c", PEAK, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert done.returncode == 0, done.stderr
        assert float(done.stdout) < 700
