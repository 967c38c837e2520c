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
from resealing import changed, replaced

import npzf
from npzf import layers
from npzf.network import Network
from npzf.preprocessing import Preprocessing
from npzf.storage import hdf5, writer

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
    assert saved.read_bytes().startswith(b"npzf sealed file 1\nsha256 ")
    with h5py.File(saved) as file:
        assert file.userblock_size == 512
        assert (file.attrs["format"], file.attrs["version"]) == (b"npzf network", 3)
        assert file["parameters/conv/weight"].shape == (6, 3, 3, 2)
        first = json.loads(file["architecture"][()])["layers"][0]
        conv = {"kind": "Conv", "maps": 6, "window": 3, "stride": 2, "pad": 1, "groups": 2, "ceil": True}
        assert first == {"name": "conv", "layer": conv, "sources": ["input"]}


def test_no_such_file(tmp_path):
    refuses(tmp_path / "none.h5", "does not exist, expected a network saved by npzf", FileNotFoundError)
    refuses(tmp_path, "is a folder, expected a network saved by npzf", OSError)


@pytest.mark.parametrize(
    "content", [b"", b"net", b"\x89HDF\r\n\x1a\n", pickle.dumps(make)], ids=["empty", "text", "start", "pickle"]
)
def test_a_file_that_is_not_hdf5(tmp_path, content):
    (tmp_path / "net.h5").write_bytes(content)
    refuses(tmp_path / "net.h5", "without the SHA-256" if b"HDF" in content else "does not begin as npzf's files do")


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.8, 0.95, 1])
def test_a_truncated_file(saved, share):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(len(whole) * share) - 1])
    refuses(saved, "cut short or changed|first 512 bytes are damaged")


def test_one_bit_anywhere_is_noticed(saved):
    whole = saved.read_bytes()
    for place in {*range(0, len(whole), 97), *range(512)}:
        bit = 1 << place % 8
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        refuses(saved, "expected a network saved by npzf: train or convert the net again")


def architecture(**changes):
    """A change of some parts of the architecture."""

    def change(file):
        replaced("architecture", np.bytes_(json.dumps(json.loads(file["architecture"][()]) | changes)))(file)

    return change


def row(kind="ReLU", name="one", sources=("input",), **configuration):
    return architecture(layers=[{"name": name, "layer": {"kind": kind, **configuration}, "sources": sources}])


def attribute(name, value):
    return lambda file: file.attrs.create(name, value)


def a_link(name, link):
    """A change of a dataset into a link."""

    def change(file):
        del file[name]
        file[name] = link

    return change


def virtual(file):
    layout = h5py.VirtualLayout((3,), np.float32)
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3,))
    del file["parameters/fc/bias"]
    file.create_virtual_dataset("parameters/fc/bias", layout)


BUILT = "its architecture cannot be built"
READ = "its classes or its preprocessing cannot be read"
BIAS = "parameters/fc/bias"
DAMAGES = {
    "format missing": (lambda f: f.attrs.pop("format"), "attribute format of .* is missing"),
    "format an array": (attribute("format", [1, 2]), "attribute format of .* is int64, expected text of fixed length"),
    "format of variable length": (attribute("format", "npzf network"), "expected text of fixed length"),
    "images": (attribute("format", np.bytes_("npzf images")), "format of .* is 'npzf images', expected 'npzf network'"),
    "later version": (attribute("version", 4), "version of .* is 4, expected 3: train or convert the net again"),
    "version 2": (attribute("version", 2), "version of .* is 2, expected 3: train or convert the net again"),
    "no version": (lambda f: f.attrs.pop("version"), "attribute version of .* is missing"),
    "array of versions": (attribute("version", np.eye(2)), "attribute version of .* is no whole number"),
    "seed negative": (attribute("seed", -1), "attribute seed of .* is -1, expected at least 0"),
    "passes a fraction": (attribute("passes", 1.5), "attribute passes of .* is no whole number"),
    "no architecture": (replaced("architecture", None), "architecture of .* is missing"),
    "not JSON": (replaced("architecture", np.bytes_("{")), BUILT),
    "a number": (replaced("architecture", np.bytes_("7")), BUILT),
    "numbers": (replaced("architecture", [7, 7]), "architecture of .* is int64, expected text"),
    "deep JSON": (replaced("architecture", np.bytes_("[" * 100_000)), BUILT),
    "text of variable length": (replaced("architecture", "{}"), "expected text of fixed length"),
    "text without end": (replaced("architecture", np.bytes_(" " * 2**22 + "{}")), "expected at most 4,194,304"),
    "no layers": (architecture(layers=[]), "the table is empty"),
    "layers of another kind": (architecture(layers=["conv"]), BUILT),
    "layers a dictionary": (architecture(layers={}), "stands where list was expected"),
    "infinite input": (architecture(input=[float("inf"), 8, 4]), "height is inf, expected a whole number"),
    "input of two sides": (architecture(input=[9, 8]), "input shape is"),
    "input of text": (architecture(input="984"), "expected a whole number"),
    "input of a fraction": (architecture(input=[9, 8, 3.5]), "channels is 3.5, expected a whole number"),
    "input of true": (architecture(input=[True, 8, 4]), "height is True, expected a whole number"),
    "unknown type": (architecture(dtype="float16"), "dtype is 'float16'"),
    "type of null": (architecture(dtype=None), "stands where str was expected"),
    "unknown layer": (row("Conv9"), "layer kind is 'Conv9', expected one of npzf.layers"),
    "not a layer": (row("Save"), "layer kind is 'Save', expected one of npzf.layers"),
    "the class of layers": (row("Layer"), "layer kind is 'Layer', expected one of npzf.layers"),
    "the class of joins": (row("Join"), "layer kind is 'Join', expected one of npzf.layers"),
    "kind a list": (row(["Conv"]), "layer kind is "),
    "unknown argument": (row(slope=1), "unexpected keyword argument 'slope'"),
    "bad argument": (row("Conv", maps=0, window=1), "Conv: maps is 0"),
    "half a pixel": (row("Conv", maps=1, window=3, pad=0.5), "Conv: pad is 0.5, expected whole numbers"),
    "halves of pixels": (row("ZeroPad", pad=[0.5, 1]), "ZeroPad: pad is .* expected whole numbers"),
    "pad of text": (row("MaxPool", window=2, stride=2, pad="11"), "MaxPool: pad is '11'"),
    "a flag that is a number": (row("MaxPool", window=2, stride=2, ceil=1), "MaxPool: ceil is 1, expected True or False"),
    "maps in pairs": (row("Conv", maps=[2, 2], window=1), "Conv: maps is"),
    "alpha not a number": (row("LocalResponseNorm", alpha=float("nan")), "alpha is nan, expected a finite number"),
    "rate a text": (row("Dropout", rate="0.5"), "rate is '0.5', expected a finite number"),
    "no kind": (architecture(layers=[{"name": "a", "layer": {}, "sources": ["input"]}]), "kind"),
    "unknown source": (row(sources=["x"]), "source 'x'"),
    "source a number": (row(sources=[1]), "stands where str was expected"),
    "sizes that double without end": (
        architecture(
            layers=[
                {"name": f"c{i}", "layer": {"kind": "Concatenate"}, "sources": [f"c{i - 1}" if i else "input"] * 2}
                for i in range(3000)
            ]
        ),
        "layer 'c31' has more than 1,099,511,627,776 units",
    ),
    "more than memory holds": (row("Conv", maps=2**31 - 1, window=1), "parameters/one/weight of .* is missing"),
    "more than NumPy counts": (row("Conv", maps=10**30, window=1), BUILT),
    "thirty million units": (
        architecture(
            input=[1, 1, 30], layers=[{"name": "fc", "layer": {"kind": "Conv", "maps": 10**6, "window": 1}, "sources": ["input"]}]
        ),
        "parameters/fc/weight of .* has shape",
    ),
    "parameter missing": (replaced(BIAS, None), f"{BIAS} of .* is missing, expected"),
    "parameter of another shape": (replaced(BIAS, np.zeros(4, "f4")), rf"{BIAS} of .* has shape \(4,\), expected \(3,\)"),
    "parameter a folder": (lambda f: (replaced(BIAS, None)(f), f.create_group(BIAS)), "missing"),
    "parameter of text": (replaced(BIAS, ["a", "b", "c"]), "expected numbers of type float32"),
    "parameter of integers": (replaced(BIAS, np.ones(3, "i4")), f"{BIAS} of .* is int32, expected numbers of type float32"),
    "parameter of flags": (replaced(BIAS, np.ones(3, bool)), f"{BIAS} of .* is bool, expected"),
    "parameter of doubles": (replaced(BIAS, np.ones(3)), f"{BIAS} of .* is float64, expected"),
    "parameter of halves": (replaced(BIAS, np.ones(3, "f2")), f"{BIAS} of .* is float16, expected"),
    "parameter big-endian": (replaced(BIAS, np.ones(3, ">f4")), f"{BIAS} of .* is >f4, expected"),
    "parameter complex": (replaced(BIAS, np.ones(3, "c8")), f"{BIAS} of .* is complex64, expected"),
    "parameter NaN": (replaced(BIAS, np.array([0, np.nan, 0], "f4")), f"{BIAS} of .* has NaN or infinite numbers"),
    "parameter infinite": (replaced(BIAS, np.array([0, np.inf, 0], "f4")), f"{BIAS} of .* has NaN or infinite numbers"),
    "parameter in chunks": (replaced(BIAS, np.ones(3, "f4"), chunks=(1,)), "expected it in one piece"),
    "parameter compressed": (replaced(BIAS, np.ones(3, "f4"), compression="gzip"), "expected it in one piece"),
    "parameter elsewhere": (replaced(BIAS, np.ones(3, "f4"), external=[("elsewhere.raw", 0, 12)]), "expected it in one piece"),
    "parameter without numbers": (
        lambda f: (replaced(BIAS, None)(f), f.create_dataset(BIAS, (3,), "f4")),
        "for which the file has not enough bytes",
    ),
    "parameter virtual": (virtual, "expected it in one piece"),
    "a link to another file": (a_link(BIAS, h5py.ExternalLink("/etc/passwd", "/x")), "is a link to elsewhere"),
    "a link to another place": (a_link(BIAS, h5py.SoftLink("/std")), "is a link to elsewhere"),
    "a group elsewhere": (a_link("parameters", h5py.ExternalLink("other.h5", "/parameters")), "is a link to elsewhere"),
    "classes not JSON": (replaced("classes", np.bytes_("[")), READ),
    "classes a number": (replaced("classes", 7), "classes of .* is int64, expected text"),
    "classes a dictionary": (replaced("classes", np.bytes_('{"a": 1, "b": 2, "c": 3}')), f"{READ}.*expected names"),
    "classes numbers": (replaced("classes", np.bytes_("[1, 2, 3]")), f"{READ}.*expected names"),
    "classes too few": (replaced("classes", np.bytes_('["a", "b"]')), f"{READ}.*classes are 2 names"),
    "mean of another shape": (replaced("mean", np.zeros(3)), r"mean has shape \(3,\), expected \(4,\) or \(9, 8, 4\)"),
    "mean NaN": (replaced("mean", np.full(4, np.nan)), "mean of .* has NaN"),
    "mean of integers": (replaced("mean", np.zeros(4, int)), "mean of .* is int64, expected numbers of type float32, float64"),
    "mean compressed": (replaced("mean", np.zeros(SIZE), compression="gzip"), "mean of .*expected it in one piece"),
    "deviation missing": (replaced("std", None), "std"),
    "deviation 0": (replaced("std", 0.0), "std is 0.0, expected a positive number"),
    "deviation infinite": (replaced("std", np.inf), "std of .* has NaN or infinite"),
    "deviation complex": (replaced("std", 1j), "std of .* is complex128"),
}


@pytest.mark.parametrize(("change", "named"), DAMAGES.values(), ids=DAMAGES)
def test_what_is_wrong_is_named_in_one_line_although_the_digest_is_right(saved, change, named, monkeypatch):
    monkeypatch.chdir(saved.parent)
    changed(saved, change)
    refuses(saved, named)


def test_hdf5_that_npzf_has_not_written(tmp_path):
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["weights"] = np.zeros(3)
    refuses(tmp_path / "foreign.h5", "is HDF5 without the SHA-256 .* damaged, older, or another program's; expected a network")


def test_a_net_that_could_not_be_loaded_again_is_not_saved(tmp_path, saved):
    before = saved.read_bytes()
    nets = [make(), make(), make(), make()]
    nets[0].parameters["fc/bias"][1] = np.nan
    nets[1].parameters["conv/weight"].flat[-1] = np.inf
    nets[2].classes = ("a", "b")
    nets[3].preprocessing = Preprocessing(np.full(4, np.nan))
    for net, named in zip(nets, ("fc/bias has NaN", "conv/weight has NaN", "classes are 2 names", "mean has NaN"), strict=True):
        with pytest.raises(ValueError, match=named):
            net.save(saved)
    assert saved.read_bytes() == before


class Trap:
    """An object whose unpickling leaves a trace."""

    def __reduce__(self):
        return os.mkdir, ("trapped",)


@pytest.mark.parametrize("name", ["parameters/fc/bias", "classes", "mean", "std"])
def test_pickled_content_is_never_unpickled(saved, monkeypatch, name):
    monkeypatch.chdir(saved.parent)
    changed(saved, replaced(name, np.void(pickle.dumps(Trap()))))
    refuses(saved, "expected numbers|expected text")
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


def test_nothing_in_a_file_depends_on_when_it_was_made(tmp_path, monkeypatch):
    """HDF5 would note the time in each group: the same contents would not be the same bytes."""
    monkeypatch.setattr(writer, "LARGE", 8)

    def fill(file):
        file["a/b/c"], file["./a/x"], file["top"] = 1, 2, 3
        file.put("a/d/e", np.arange(3))
        file.put("f/g", np.arange(0))

    hdf5.write(tmp_path / "file.h5", fill)
    times = {}
    with h5py.File(tmp_path / "file.h5") as file:
        file.visititems(lambda name, item: times.update({name: h5py.h5g.get_objinfo(item.id).mtime}))
    assert times == dict.fromkeys(["a", "a/b", "a/b/c", "a/d", "a/d/e", "a/x", "f", "f/g", "top"], 0)
