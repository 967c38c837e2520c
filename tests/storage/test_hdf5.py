"""Saving and loading: bit for bit, whole or not at all, and one line about any file that is no network."""

import json
import os
import pickle
import subprocess
import sys

import h5py
import numpy as np
import pytest
from assertions import normal

import npzf
from npzf import layers
from npzf.network import Network
from npzf.preprocessing import Preprocessing

SIZE = (9, 8, 4)
TABLE = [  # every kind of layer, no argument left at its default
    ("conv", layers.Conv(6, 3, stride=2, pad=1, groups=2, ceil=True)),
    ("relu", layers.ReLU()),
    ("across", layers.LocalResponseNorm(n=4, k=1.5, alpha=0.3, beta=0.6, alpha_divided_by_n=False)),
    ("fire/left", layers.LocalContrastNorm(window=3, sigma=1.1, floor=0.2)),
    ("fire/right", layers.MaxPool(3, 1, pad=1, ceil=True), ("across",)),
    ("join", layers.Concatenate(), ("fire/left", "fire/right")),
    ("rectangle", layers.Conv(12, (2, 3), stride=(1, 2), pad=(1, 0, 2, 1))),
    ("average", layers.AveragePool((1, 2), (2, 1), pad=(0, 1), ceil=True, count_padding=False)),
    ("sum", layers.Add(), ("average", "average")),
    ("drop", layers.Dropout(0.3)),
    ("affine", layers.Affine()),
    ("zeros", layers.ZeroPad((1, 0, 2, 1))),
    ("flatten", layers.Flatten(channels_first=True)),
    ("unit", layers.L2Normalize(1e-6)),
    ("fc", layers.FullyConnected(3)),
    ("softmax", layers.Softmax()),
]
ABSTRACT = {layers.Layer, layers.Join, layers.Pointwise}


def make(table=TABLE, dtype="float32"):
    net = Network(SIZE, table, dtype=dtype, seed=3)
    for value in net.parameters.values():
        value[...] = normal(*value.shape)
    return net


@pytest.fixture
def saved(tmp_path):
    """The path of a saved network."""
    make().save(tmp_path / "net.h5")
    return tmp_path / "net.h5"


def refuses(path, named, kind=ValueError):
    with pytest.raises(kind, match=named) as caught:
        npzf.load(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_round_trip_changes_no_bit(tmp_path, dtype):
    net, x = make(dtype=dtype), normal(2, *SIZE)
    net.save(tmp_path / "net.h5")
    again = npzf.load(tmp_path / "net.h5")
    assert (again.input_shape, again.dtype, again.sources) == (net.input_shape, net.dtype, net.sources)
    assert again.parameters.keys() == net.parameters.keys()
    for name, value in net.parameters.items():
        assert again.parameters[name].tobytes() == value.tobytes()
    np.testing.assert_array_equal(again.forward(x), net.forward(x))


def test_every_layer_comes_back_as_it_was_configured(saved):
    net, again = make(), npzf.load(saved)
    for name, layer in net.layers.items():
        assert type(again.layers[name]) is type(layer)
        assert again.layers[name].configuration() == layer.configuration()
    assert {type(layer) for layer in net.layers.values()} | ABSTRACT | {layers.GlobalAveragePool} == {
        kind for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, layers.Layer)
    }


@pytest.mark.parametrize("make", [lambda: npzf.squeezenet(3), lambda: npzf.small_zfnet(3, 64)], ids=["squeezenet", "small_zfnet"])
def test_the_models_come_back(tmp_path, make):
    net = make()
    net.save(tmp_path / "net.h5")
    assert npzf.load(tmp_path / "net.h5").summary() == net.summary()


@pytest.mark.parametrize("mean", [None, normal(4), normal(*SIZE, dtype="float32")], ids=["none", "channels", "pixels"])
@pytest.mark.parametrize("std", [1.0, 64.0, np.array([1.0, 2, 3, 4])], ids=["1", "64", "channels"])
def test_preprocessing_and_classes_come_back(tmp_path, mean, std):
    net = make()
    net.preprocessing, net.classes = Preprocessing(mean, std), ("Käfer", "bee", "象")
    net.save(tmp_path / "net.h5")
    again = npzf.load(tmp_path / "net.h5")
    assert again.classes == net.classes
    np.testing.assert_array_equal(again.preprocessing.std, std)
    assert (again.preprocessing.mean is None) == (mean is None)
    if mean is not None:
        assert again.preprocessing.mean.dtype == mean.dtype
        np.testing.assert_array_equal(again.preprocessing.mean, mean)


def test_without_classes_there_are_none(saved):
    assert npzf.load(saved).classes is None


def test_numbers_of_numpy_in_a_configuration(tmp_path):
    make([("conv", layers.Conv(np.int64(2), np.int32(3))), ("drop", layers.Dropout(np.float32(0.5)))]).save(tmp_path / "net.h5")
    assert npzf.load(tmp_path / "net.h5").layers["conv"].configuration()["window"] == 3


def test_saving_replaces_an_earlier_file_and_makes_its_folder(tmp_path):
    path = tmp_path / "a" / "b" / "net.h5"
    Network(SIZE, [("relu", layers.ReLU())]).save(path)
    make().save(str(path))
    assert list(npzf.load(path).layers) == [name for name, *_ in TABLE]
    assert list(path.parent.iterdir()) == [path]


def test_the_file_is_laid_out_as_documented(saved):
    with h5py.File(saved) as file:
        assert (file.attrs["format"], file.attrs["version"]) == ("npzf network", 2)
        assert file["parameters/conv/weight"].shape == (6, 3, 3, 2)
        first = json.loads(file.attrs["architecture"])["layers"][0]
        conv = {"kind": "Conv", "maps": 6, "window": 3, "stride": 2, "pad": 1, "groups": 2, "ceil": True}
        assert first == {"name": "conv", "layer": conv, "sources": ["input"]}


def test_no_such_file(tmp_path):
    refuses(tmp_path / "none.h5", "does not exist, expected a network saved by npzf", FileNotFoundError)
    refuses(tmp_path, "is not a file", FileNotFoundError)


@pytest.mark.parametrize(
    "content", [b"", b"net", b"\x89HDF\r\n\x1a\n", pickle.dumps(make)], ids=["empty", "text", "start", "pickle"]
)
def test_a_file_that_is_not_hdf5(tmp_path, content):
    (tmp_path / "net.h5").write_bytes(content)
    refuses(tmp_path / "net.h5", "not HDF5, or damaged|truncated")


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.8, 0.95, 1])
def test_a_truncated_file(saved, share):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(len(whole) * share) - 1])
    refuses(saved, "truncated|damaged")


def damaged(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def architecture(**changes):
    """A change of some parts of the architecture."""

    def change(file):
        file.attrs["architecture"] = json.dumps(json.loads(file.attrs["architecture"]) | changes)

    return change


def row(kind="ReLU", name="one", sources=("input",), **configuration):
    return architecture(layers=[{"name": name, "layer": {"kind": kind, **configuration}, "sources": sources}])


def replaced(name, value):
    def change(file):
        if name in file:
            del file[name]
        if value is not None:
            file[name] = value

    return change


DAMAGES = {
    "format missing": (lambda f: f.attrs.pop("format"), "expected 'npzf network'"),
    "format an array": (lambda f: f.attrs.create("format", [1, 2]), "expected 'npzf network'"),
    "images": (lambda f: f.attrs.create("format", "npzf-images"), "expected 'npzf network'"),
    "later version": (lambda f: f.attrs.create("version", 3), "version of .* is 3, expected 2: train or convert the net again"),
    "version 1": (lambda f: f.attrs.create("version", 1), "version of .* is 1, expected 2: train or convert the net again"),
    "no version": (lambda f: f.attrs.pop("version"), "version of .* is None, expected 2"),
    "array of versions": (lambda f: f.attrs.create("version", np.eye(2)), "version of .* is"),
    "no architecture": (lambda f: f.attrs.pop("architecture"), "architecture"),
    "not JSON": (lambda f: f.attrs.create("architecture", "{"), "its architecture cannot be built"),
    "a number": (lambda f: f.attrs.create("architecture", "7"), "its architecture cannot be built"),
    "numbers": (lambda f: f.attrs.create("architecture", [7, 7]), "its architecture cannot be built"),
    "no layers": (architecture(layers=[]), "the table is empty"),
    "layers of another kind": (architecture(layers=["conv"]), "its architecture cannot be built"),
    "unknown type": (architecture(dtype="float16"), "dtype is 'float16'"),
    "unknown layer": (row("Conv9"), "layer kind is 'Conv9', expected one of npzf.layers"),
    "not a layer": (row("Save"), "layer kind is 'Save', expected one of npzf.layers"),
    "unknown argument": (row(slope=1), "unexpected keyword argument 'slope'"),
    "bad argument": (row("Conv", maps=0, window=1), "Conv: maps is 0"),
    "no kind": (architecture(layers=[{"name": "a", "layer": {}, "sources": ["input"]}]), "kind"),
    "unknown source": (row(sources=["x"]), "source 'x'"),
    "more than memory holds": (row("Conv", maps=10**13, window=1), "its architecture cannot be built"),
    "parameter missing": (replaced("parameters/fc/bias", None), "parameters/fc/bias of .* is missing, expected shape"),
    "parameter of another shape": (
        replaced("parameters/fc/bias", np.zeros(4)),
        r"parameters/fc/bias of .* has shape \(4,\), expected \(3,\)",
    ),
    "parameter a folder": (lambda f: (replaced("parameters/fc/bias", None)(f), f.create_group("parameters/fc/bias")), "missing"),
    "parameter of text": (replaced("parameters/fc/bias", ["a", "b", "c"]), "damaged"),
    "classes not JSON": (replaced("classes", "["), "its classes or its preprocessing cannot be read"),
    "classes a number": (replaced("classes", 7), "its classes or its preprocessing cannot be read"),
    "mean of another shape": (replaced("mean", np.zeros(3)), r"mean has shape \(3,\), expected \(4,\) or \(9, 8, 4\)"),
    "deviation missing": (replaced("std", None), "std"),
    "deviation 0": (replaced("std", 0.0), "std is 0.0, expected a positive number"),
}


@pytest.mark.parametrize(("change", "named"), DAMAGES.values(), ids=DAMAGES)
def test_what_is_wrong_is_named_in_one_line(saved, change, named):
    damaged(saved, change)
    refuses(saved, named)


def test_foreign_hdf5(tmp_path):
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["weights"] = np.zeros(3)
    refuses(tmp_path / "foreign.h5", "format of .* is 'None', expected 'npzf network'")


class Trap:
    """An object whose unpickling leaves a trace."""

    def __reduce__(self):
        return os.mkdir, ("trapped",)


@pytest.mark.parametrize("name", ["parameters/fc/bias", "classes", "mean", "std"])
def test_pickled_content_is_never_unpickled(saved, monkeypatch, name):
    monkeypatch.chdir(saved.parent)
    damaged(saved, replaced(name, np.void(pickle.dumps(Trap()))))
    refuses(saved, "damaged|missing|has shape|cannot be read")
    assert not os.path.exists("trapped")


FILL_THE_DISK = """
import resource, signal, sys
import npzf
net = npzf.load(sys.argv[1])
net.parameters["fc/bias"][...] = 7
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in range(0, int(sys.argv[2]), 500):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        net.save(sys.argv[1])
    except OSError as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))  # for what runs at exit
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_disk_that_is_full_after_any_number_of_bytes_leaves_the_earlier_file_and_nothing_else(saved):
    before = saved.read_bytes()
    run = subprocess.run([sys.executable, "-c", FILL_THE_DISK, saved, str(len(before))], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    said = run.stdout.splitlines()
    assert len(said) == -(-len(before) // 500)
    assert all("could not write the file" in line and str(saved) in line for line in said)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
