"""Weights from files: every format, every layout, found by name or by shape and position; what does not fit changes nothing."""

import logging
import pickle

import h5py
import numpy as np
import pytest
from assertions import close, normal

import npzf
from npzf import layers
from npzf.interop.inputs import set_input
from npzf.network import Network

FORMATS = [".npz", ".h5", ".safetensors", ".pth"]
LAYOUTS = ["pytorch", "keras", "npzf"]


def small(seed=0, **options):
    """Shapes that are other in each layout; the flattened maps have several places and maps."""
    table = [
        ("conv1", layers.Conv(5, (3, 2))),
        ("relu1", layers.ReLU()),
        ("up/conv2", layers.Conv(4, 2)),
        ("flatten", layers.Flatten()),
        ("fc", layers.FullyConnected(7)),
    ]
    net = Network((6, 6, 3), table, dtype="float64", seed=seed, **options)
    for name, value in net.parameters.items():
        value[...] = normal(*value.shape, seed=seed + len(name))
    return net


def packages(suffix):
    """Skips, with the reason, what needs a package that is missing."""
    if suffix == ".safetensors":
        pytest.importorskip("safetensors", reason="safetensors is missing: pip install 'npzf[test]'")
    if suffix == ".pth":
        pytest.importorskip("torch", reason="PyTorch writes .pth: pip install 'npzf[test]'")


def same(net, other):
    return all(np.array_equal(value, other.parameters[name]) for name, value in net.parameters.items())


def by_hand(net):
    """The parameters as PyTorch has them, index by index, with PyTorch's names."""
    fc = net.parameters["fc/weight"]
    places = [(i * 4 + j) * 4 + c for c in range(4) for i in range(3) for j in range(4)]  # (C, H, W) of 3 x 4 places, 4 maps
    return {
        "features.0.weight": np.moveaxis(net.parameters["conv1/weight"], 3, 1),
        "features.0.bias": net.parameters["conv1/bias"],
        "features.2.weight": np.moveaxis(net.parameters["up/conv2/weight"], 3, 1),
        "features.2.bias": net.parameters["up/conv2/bias"],
        "classifier.weight": fc[:, places],
        "classifier.bias": net.parameters["fc/bias"],
    }


@pytest.mark.parametrize("layout", [None, *LAYOUTS])
@pytest.mark.parametrize("suffix", FORMATS)
def test_saved_and_loaded_it_is_the_same(tmp_path, suffix, layout):
    packages(suffix)
    net, other = small(1), small(2)
    npzf.save_state(net, tmp_path / f"w{suffix}", layout)
    report = npzf.load_state(other, tmp_path / f"w{suffix}")
    assert same(net, other)
    assert report.layout == (layout or ("npzf" if suffix in (".npz", ".h5") else "pytorch"))
    assert report.matched.keys() == net.parameters.keys() and report.left_out == ()


def test_pytorchs_own_names_are_found_by_shape_and_position(tmp_path):
    net, other = small(1), small(2)
    np.savez(tmp_path / "w.npz", **by_hand(net))
    report = npzf.load_state(other, tmp_path / "w.npz")
    assert same(net, other)
    assert report.matched["up/conv2/weight"] == "features.2.weight" and report.layout == "pytorch"
    assert "up/conv2/weight (4, 2, 2, 5) <- features.2.weight" in str(report)
    x = normal(2, 6, 6, 3)
    np.testing.assert_array_equal(net.forward(x), other.forward(x))


def test_an_alphabet_is_no_order(tmp_path):
    """safetensors and HDF5 sort names: features.10 before features.2, classifier before features."""
    table = [(f"conv{k}", layers.Conv(3, 3, pad=1)) for k in range(12)]
    net = Network((8, 8, 3), [("first", layers.Conv(3, 5)), *table], dtype="float64", seed=1)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["zero.weight"], file["zero.bias"] = np.moveaxis(net.parameters["first/weight"], 3, 1), normal(3)
        for k in range(12):
            file[f"features.{2 * k}.weight"] = np.moveaxis(net.parameters[f"conv{k}/weight"], 3, 1)
            file[f"features.{2 * k}.bias"] = np.full(3, float(k))
    npzf.load_state(net, tmp_path / "w.h5", "pytorch")
    assert [net.parameters[f"conv{k}/bias"][0] for k in range(12)] == list(range(12))


def test_names_win_over_positions(tmp_path):
    table = [(name, layers.Conv(3, 1)) for name in ("a", "b")]
    net = Network((4, 4, 3), table, dtype="float64")
    names = ("another", "model.b", "model.a")  # the first is of the same shape, and no layer's name
    arrays = {f"{name}.{key}": normal(*shape, seed=ord(name[-1])) for name in names for key, shape in KEYS.items()}
    np.savez(tmp_path / "w.npz", **arrays)
    npzf.load_state(net, tmp_path / "w.npz", "pytorch")
    for name in ("a", "b"):
        np.testing.assert_array_equal(net.parameters[f"{name}/bias"], arrays[f"model.{name}.bias"])


KEYS = {"weight": (3, 3, 1, 1), "bias": (3,)}


def test_keras_names_and_order(tmp_path):
    net, other = small(1), small(2)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for name in ("conv1", "up/conv2", "fc"):
            kernel = np.moveaxis(net.parameters[f"{name}/weight"], 0, -1)
            file[f"model_weights/{name}/{name}/kernel:0"] = kernel
            file[f"model_weights/{name}/{name}/bias:0"] = net.parameters[f"{name}/bias"]
        file["optimizer_weights/conv1/kernel/momentum:0"] = normal(3)
    report = npzf.load_state(other, tmp_path / "w.h5")
    assert same(net, other) and report.layout == "keras"
    assert report.left_out == ("optimizer_weights/conv1/kernel/momentum:0",)


def test_a_net_of_ours_and_files_that_say_what_they_were_fed(tmp_path):
    net, other = small(1), small(2)
    net.save(tmp_path / "net.h5")
    assert npzf.load_state(other, tmp_path / "net.h5").layout == "npzf" and same(net, other)
    mean, std = np.array([10.0, 20.0, 30.0]), np.array([1.0, 2.0, 4.0])
    npzf.save_state(net, tmp_path / "w.h5", "keras")
    with h5py.File(tmp_path / "w.h5", "a") as file:
        file.attrs.update({"layout": "HWIO (height, width, in, out)", "input": "BGR in [0,255] minus mean, over std"})
        file.attrs.update({"mean": mean, "std": std})
    npzf.load_state(other, tmp_path / "w.h5")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 3), np.uint8)
    expected = net.forward((pixels[..., ::-1] - mean) / std)  # as it was trained
    close(other.forward(other.preprocessing.apply(pixels)), expected, 1e-5)


def test_what_a_checkpoint_holds_beside_the_weights(tmp_path, caplog):
    torch = pytest.importorskip("torch", reason="PyTorch writes .pth: pip install 'npzf[test]'")
    net, other = small(1), small(2)
    state = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in by_hand(net).items()}
    optimizer = {"state": {0: {"momentum_buffer": torch.ones(5, 3, 3, 2)}}}
    torch.save({"epoch": 3, "state_dict": state | {"extra.weight": torch.ones(2)}, "optimizer": optimizer}, tmp_path / "w.pth")
    with caplog.at_level(logging.INFO):
        report = npzf.load_state(other, tmp_path / "w.pth")
    assert same(net, other) and report.left_out == ("extra.weight",)
    assert "w.pth: 1 of its arrays are left out: extra.weight" in caplog.text and "left out: extra.weight" in str(report)


def test_a_checkpoint_of_two_nets_is_refused(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch writes .pth: pip install 'npzf[test]'")
    state = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in by_hand(small(1)).items()}
    torch.save({"model": state, "net": state}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="holds several state dicts, model, net, expected one"):
        npzf.load_state(small(2), tmp_path / "w.pth")
    torch.save({"model": state, "params": {"rate": 0.1}}, tmp_path / "w.pth")
    assert same(small(1), loaded(small(2), tmp_path / "w.pth"))


def loaded(net, path):
    npzf.load_state(net, path)
    return net


def test_containers_that_stand_in_many_places_are_looked_into_once(tmp_path):
    shared = by_hand(small(1))
    for _ in range(60):
        shared = {"a": shared, "b": shared}  # 2^60 paths to each array
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(shared))
    assert same(small(1), loaded(small(2), tmp_path / "w.pkl"))


def test_keras_says_the_order_of_its_layers(tmp_path):
    table = [(f"part{k}", layers.Conv(3, (2, 3))) for k in range(3)]
    net = Network((8, 12, 3), table, dtype="float64")
    names = ["stem", "middle", "end"]  # not the alphabet's order
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in names])
        for k, name in enumerate(names):
            file[f"{name}/{name}/kernel:0"], file[f"{name}/{name}/bias:0"] = normal(2, 3, 3, 3), np.full(3, float(k))
    npzf.load_state(net, tmp_path / "w.h5", "keras")
    assert [net.parameters[f"part{k}/bias"][0] for k in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_is_converted(tmp_path, suffix, kind):
    torch = pytest.importorskip("torch", reason="PyTorch writes bfloat16: pip install 'npzf[test]'")
    packages(suffix)
    net, other = small(1), small(2)
    state = {n: torch.from_numpy(np.ascontiguousarray(v)).to(getattr(torch, kind)) for n, v in by_hand(net).items()}
    if suffix == ".pth":
        torch.save(state, tmp_path / "w.pth")
    else:
        from safetensors.torch import save_file

        save_file(state, tmp_path / "w.safetensors")
    npzf.load_state(other, tmp_path / f"w{suffix}")
    for name, value in net.parameters.items():
        rounded = torch.from_numpy(value).to(getattr(torch, kind)).to(torch.float64).numpy()
        np.testing.assert_array_equal(other.parameters[name], rounded)


def alike():
    """Shapes that say nothing: as many maps out as in, and a square matrix."""
    table = [("conv", layers.Conv(3, 3)), ("flatten", layers.Flatten()), ("fc", layers.FullyConnected(12))]
    return Network((4, 4, 3), table, dtype="float64", seed=3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_where_shapes_do_not_decide_the_layout_has_to_be_said(tmp_path, layout):
    net, other = alike(), alike()
    arrays = {}
    npzf.save_state(net, tmp_path / "said.npz", layout)
    with np.load(tmp_path / "said.npz") as file:
        arrays.update({name: file[name] for name in file.files if name != "layout"})
    np.savez(tmp_path / "w.npz", **arrays)
    for value in other.parameters.values():
        value[...] = 0
    with pytest.raises(ValueError, match=r"w\.npz: its shapes fit the layouts .*, expected layout= to say"):
        npzf.load_state(other, tmp_path / "w.npz")
    assert not any(value.any() for value in other.parameters.values())
    npzf.load_state(other, tmp_path / "w.npz", layout)
    assert same(net, other)


def test_convolutions_decide_for_the_matrices_of_the_same_file(tmp_path):
    table = [("conv", layers.Conv(4, 2)), ("flatten", layers.Flatten()), ("fc", layers.FullyConnected(36))]
    net = Network((4, 4, 3), table, dtype="float64", seed=3)
    for layout in LAYOUTS:
        other = Network((4, 4, 3), table, dtype="float64", seed=4)
        parameters = {f"{n}.{k}": v for n, k, v in as_layout(net, layout)}
        np.savez(tmp_path / "w.npz", **parameters)
        assert npzf.load_state(other, tmp_path / "w.npz").layout == layout and same(net, other)


def as_layout(net, layout):
    """Arrays of the net above, made by hand."""
    conv, fc = net.parameters["conv/weight"], net.parameters["fc/weight"]
    axes = {"pytorch": (0, 3, 1, 2), "keras": (1, 2, 3, 0), "npzf": (0, 1, 2, 3)}[layout]
    flattened = fc.reshape(36, 3, 3, 4)
    matrix = {"pytorch": flattened.transpose(0, 3, 1, 2).reshape(36, 36), "keras": fc.T, "npzf": fc}[layout]
    yield "conv", "weight", conv.transpose(axes)
    yield "conv", "bias", net.parameters["conv/bias"]
    yield "fc", "weight", matrix
    yield "fc", "bias", net.parameters["fc/bias"]


def changed(**changes):
    return lambda arrays: {name: value for name, value in (arrays | changes).items() if value is not None}


NAN = normal(5)
NAN[2] = np.nan
REFUSED = {
    "another net's": (changed(**{"features.0.weight": normal(5, 3, 4, 4)}), r"conv1/weight, \(5, 3, 3, 2\) in pytorch's layout"),
    "a missing bias": (changed(**{"features.2.bias": None}), "up/conv2/weight, .* is not among its arrays"),
    "nothing": (lambda arrays: {"x": normal(2)}, "conv1/weight, .* is not among its arrays"),
    "not finite": (changed(**{"features.0.bias": NAN}), "features.0.bias holds NaN or infinity, expected finite numbers"),
    "whole numbers": (changed(**{"features.0.bias": np.arange(5)}), "features.0.bias is of type int64, expected floating"),
    "batch norm": (changed(**{"features.1.running_mean": normal(5)}), "features.1.running_mean is a batch normalisation's"),
    "objects": (changed(**{"features.0.bias": np.array([None] * 5)}), "damaged, or not made of arrays"),
}


@pytest.mark.parametrize(("change", "named"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_line_and_changes_nothing(tmp_path, change, named):
    net, other = small(1), small(2)
    np.savez(tmp_path / "w.npz", **change(by_hand(net)))
    with pytest.raises(ValueError, match=named) as caught:
        npzf.load_state(other, tmp_path / "w.npz")
    assert "\n" not in str(caught.value) and "w.npz: " in str(caught.value)
    assert same(other, small(2))


def test_an_input_that_is_none_changes_nothing(tmp_path):
    net, other = small(1), small(2)
    npzf.save_state(net, tmp_path / "w.h5", "keras")
    for attributes, named in [
        ({"input": "RGB in [-1,1]"}, r"its input is 'RGB in \[-1,1\]', expected something like 'RGB in"),
        ({"input": "RGB in [0,1], minus mean", "mean": "grey"}, "its attribute 'mean' is grey"),
        ({"input": "RGB in [0,1], minus mean", "mean": np.zeros(4)}, "mean is .*, expected one finite number, or 3"),
        ({"input": "RGB in [0,1], minus mean, over std", "mean": 0.5, "std": 0.0}, "std is .*, expected positive"),
    ]:
        with h5py.File(tmp_path / "w.h5", "a") as file:
            file.attrs.update(attributes)
        with pytest.raises(ValueError, match=named) as caught:
            npzf.load_state(other, tmp_path / "w.h5")
        assert "\n" not in str(caught.value) and same(other, small(2)) and other.preprocessing.mean is None


FILES = {
    "missing.pth": (None, FileNotFoundError, "no such file"),
    "w.txt": (b"x", ValueError, "its suffix is '.txt', expected one of"),
    "w.h5": (b"\x89HDF", ValueError, "not HDF5, or damaged"),
    "w.npz": (b"PK\x03\x04 no zip", ValueError, "damaged"),
    "w.safetensors": (b"\x10\0\0\0\0\0\0\0{}", ValueError, "damaged"),
    "w.pth": (b"", ValueError, "damaged"),
    "w.pkl": (b"\x80\x04cos\nsystem\n.", ValueError, "it names os.system, expected arrays"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_none(tmp_path, name):
    data, error, named = FILES[name]
    if name.endswith("safetensors"):
        packages(".safetensors")
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(error, match=named) as caught:
        npzf.load_state(small(), tmp_path / name)
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_arguments_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="layout is 'caffe', expected one of pytorch, keras, npzf"):
        npzf.load_state(small(), tmp_path / "w.npz", "caffe")
    with pytest.raises(ValueError, match="layout is 'caffe', expected one of"):
        npzf.save_state(small(), tmp_path / "w.npz", "caffe")
    with pytest.raises(ValueError, match=r"w\.txt, expected a name that ends in"):
        npzf.save_state(small(), tmp_path / "w.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [npzf.alexnet, npzf.squeezenet], ids=["alexnet", "squeezenet"])
def test_torchvisions_names_from_every_format(tmp_path, make):
    """AlexNet and SqueezeNet as torchvision writes them: names of Sequentials, fire modules of equal shapes in pairs."""
    net, other = make(10, seed=1), make(10, seed=2)
    paths, blocks = {}, 0
    for name in net.convolutions:
        if not name.startswith("fire"):
            paths[name] = "classifier.1" if name == "conv10" else f"features.{3 * blocks}"
            blocks += 1
        else:
            fire, part = name.split("/")
            paths[name] = f"features.{int(fire[4:]) + (1 if int(fire[4:]) < 4 else 2 if int(fire[4:]) < 6 else 3)}.{part}"
    paths |= {f"fc{k}": f"classifier.{n}" for k, n in ((6, 1), (7, 4), (8, 6)) if f"fc{k}/weight" in net.parameters}
    npzf.save_state(net, tmp_path / "own.npz", "pytorch")
    with np.load(tmp_path / "own.npz") as file:
        state = {f"{paths[n]}.{key}": file[f"{n}/{key}"] for n in paths for key in ("weight", "bias")}
    np.savez(tmp_path / "w.npz", **state)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for name, value in state.items():
            file[name] = value
    for name in ("w.npz", "w.h5"):
        for value in other.parameters.values():
            value[...] = 0
        assert npzf.load_state(other, tmp_path / name).layout == "pytorch"
        assert same(net, other)


def test_a_turned_net_gives_the_same(tmp_path):
    net, turned = small(1), small(1)
    set_input(turned, (1.0, 2.0, 3.0), 2.0, pixel_range=255, channels="bgr")
    x = normal(2, 6, 6, 3)
    np.testing.assert_allclose(turned.forward(x), net.forward(x[..., ::-1]), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(turned.preprocessing.mean, [3, 2, 1])
