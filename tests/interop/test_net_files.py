"""Nets as the commands take them: every kind of file, what options say of it, and one line for what is missing or too much."""

import numpy as np
import pytest
from assertions import normal

import npzf
from npzf import layers
from npzf.interop import net_files
from npzf.interop.inputs import set_input
from npzf.interop.net_files import NetOptions, read_net
from npzf.network import Network

X = normal(2, 9, 8, 3).astype(np.float32)
RGB = NetOptions(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], pixel_range=1, channels="rgb")


def small(channels=3, classes=4):
    rows = [("conv/1", layers.Conv(4, 3)), ("relu", layers.ReLU()), ("flat", layers.Flatten())]
    return Network((9, 8, channels), [*rows, ("fc", layers.FullyConnected(classes)), ("softmax", layers.Softmax())], seed=2)


def tiny_rows(classes=1000):
    rows = [("conv1", layers.Conv(4, 2)), ("flat", layers.Flatten()), ("fc2", layers.FullyConnected(8))]
    return [*rows, ("fc3", layers.FullyConnected(classes))]


def tiny_architecture(classes):
    return Network((9, 8, 3), tiny_rows(classes), seed=classes)


@pytest.fixture(autouse=True)
def an_architecture(monkeypatch):
    monkeypatch.setitem(net_files.ARCHITECTURES, "vgg16", (tiny_rows, (9, 8, 3)))


def foreign_onnx(net, path):
    """The net as another program would write it: without a word of npzf's in its metadata."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'npzf[test]'")
    npzf.to_onnx(net, path)
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    return path


def test_a_file_of_this_house_needs_no_options(tmp_path):
    net = small()
    set_input(net, 0.5, 0.25, pixel_range=1)
    net.classes = ("a", "b", "c", "d")
    net.save(tmp_path / "net.h5")
    again = read_net(tmp_path / "net.h5")
    np.testing.assert_array_equal(again.forward(X), net.forward(X))
    assert again.classes == net.classes
    with pytest.raises(ValueError, match=r"net.h5 says what its net is fed, RGB, .*, expected no --mean and no --range"):
        read_net(tmp_path / "net.h5", NetOptions(mean=[0], pixel_range=1))
    assert read_net(tmp_path / "net.h5", RGB, shared=True).preprocessing.std.tolist() == again.preprocessing.std.tolist()


def test_a_net_of_this_house_that_takes_pixels_may_be_told_what_it_was_fed(tmp_path):
    small().save(tmp_path / "net.h5")
    assert read_net(tmp_path / "net.h5").preprocessing.mean is None
    np.testing.assert_allclose(read_net(tmp_path / "net.h5", RGB).preprocessing.mean, 255 * np.array(RGB.mean))
    with pytest.raises(ValueError, match=r"--range, --channels are missing"):
        read_net(tmp_path / "net.h5", NetOptions(mean=[0.5]))


def test_onnx_needs_to_be_told_and_that_of_this_house_does_not(tmp_path):
    net = small()
    path = foreign_onnx(net, tmp_path / "net.onnx")
    with pytest.raises(ValueError) as caught:
        read_net(path)
    words = f"{path} does not say what its net is fed: --mean, --range, --channels are missing"
    assert str(caught.value) == f"{words}, expected --mean M --range 1|255 --channels rgb|bgr [--std S]"
    told = read_net(path, RGB)
    np.testing.assert_allclose(told.forward(X), net.forward(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(told.preprocessing.std, 255 * np.array(RGB.std))
    turned = read_net(path, NetOptions(mean=[1, 2, 3], pixel_range=255, channels="bgr"))
    np.testing.assert_allclose(turned.forward(X[..., ::-1].copy()), net.forward(X), rtol=1e-5, atol=1e-6)
    assert turned.preprocessing.mean.tolist() == [3, 2, 1]
    npzf.to_onnx(net, path)  # pixels as they are: said, too
    assert read_net(path).preprocessing.mean is None
    set_input(net, 0.5, pixel_range=1)
    npzf.to_onnx(net, path)
    assert read_net(path).preprocessing.mean.tolist() == [127.5] * 3
    with pytest.raises(ValueError, match="expected no --mean and no --std and no --range and no --channels"):
        read_net(path, RGB)


def test_grey_nets_have_no_order_of_channels(tmp_path):
    path = foreign_onnx(small(channels=1), tmp_path / "grey.onnx")
    with pytest.raises(ValueError, match=r"--mean, --range are missing, expected --mean M --range 1\|255 \[--std S\]$"):
        read_net(path)
    assert read_net(path, NetOptions(mean=[0.13], std=[0.31], pixel_range=1)).preprocessing.mean == pytest.approx(33.15)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".npz", ".h5"])
def test_bare_weights_need_a_net_and_their_input(tmp_path, suffix):
    if suffix in (".safetensors", ".pth"):
        needed = {".safetensors": "safetensors", ".pth": "torch"}[suffix]
        pytest.importorskip(needed, reason=f"{needed} is not installed: pip install 'npzf[test]'")
    net, path = tiny_architecture(5), tmp_path / f"weights{suffix}"
    npzf.save_state(net, path)
    with pytest.raises(ValueError, match=r"holds weights without a net, expected --net NAME: .* one of alexnet, krizhevsky"):
        read_net(path, RGB)
    with pytest.raises(ValueError, match="--mean, --range, --channels are missing"):
        read_net(path, NetOptions("vgg16"))
    told = NetOptions("vgg16", RGB.mean, RGB.std, 1, "rgb")
    again = read_net(path, told)  # five outputs, as the weights have
    np.testing.assert_array_equal(again.forward(X), net.forward(X))


def test_weights_of_convolutions_alone_are_the_net_below_the_flattened_maps(tmp_path):
    net = npzf.truncated(tiny_architecture(5), "conv1")
    npzf.save_state(net, tmp_path / "weights.npz")
    again = read_net(tmp_path / "weights.npz", NetOptions("vgg16", [0], None, 255, "rgb"))
    assert list(again.layers) == ["conv1"]
    np.testing.assert_array_equal(again.forward(X), net.forward(X))


def test_weights_that_say_their_input(tmp_path):
    import h5py

    net = tiny_architecture(5)
    npzf.save_state(net, tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5", "a") as file:
        file.attrs["input"], file.attrs["mean"] = "BGR in [0, 255] minus mean", [1.0, 2.0, 3.0]
    told = read_net(tmp_path / "weights.h5", NetOptions("vgg16"))
    assert told.preprocessing.mean.tolist() == [3, 2, 1]
    with pytest.raises(ValueError, match=r"weights\.h5 says what its net is fed"):
        read_net(tmp_path / "weights.h5", NetOptions("vgg16", mean=[0]))


def test_class_names(tmp_path):
    small().save(tmp_path / "net.h5")
    names = tmp_path / "names.txt"
    names.write_text("\ufeffant\r\nbee \nKäfer, groß\nd\n\n", encoding="utf-8")
    assert read_net(tmp_path / "net.h5", NetOptions(classes=names)).classes == ("ant", "bee", "Käfer, groß", "d")
    names.write_text("ant\nbee\n")
    with pytest.raises(ValueError, match=r"of 2 names, expected 4, one for each of the net's outputs"):
        read_net(tmp_path / "net.h5", NetOptions(classes=names))
    for content, named in (("ant\n\nbee\n", "whose line 2 is empty"), ("\n", "an empty file"), (b"\xff\xfe\xff", "in UTF-8")):
        names.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ValueError, match=named) as caught:
            read_net(tmp_path / "net.h5", NetOptions(classes=names))
        assert "\n" not in str(caught.value)
    npzf.truncated(small(), "relu").save(tmp_path / "maps.h5")
    names.write_text("a\nb\nc\nd\n")
    with pytest.raises(ValueError, match="expected none: the net's last layer, 'relu', has maps"):
        read_net(tmp_path / "maps.h5", NetOptions(classes=names))
    with pytest.raises(FileNotFoundError):
        read_net(tmp_path / "net.h5", NetOptions(classes=tmp_path / "none.txt"))


def test_ready_nets_by_their_names_unless_there_is_such_a_file(tmp_path, monkeypatch):
    net = small()
    set_input(net, 0.5, pixel_range=1)
    monkeypatch.setattr(net_files, "pretrained", lambda name: net)
    monkeypatch.chdir(tmp_path)
    assert read_net("squeezenet") is net
    with pytest.raises(ValueError, match=r"squeezenet says what its net is fed, .* expected no --mean"):
        read_net("squeezenet", NetOptions(mean=[0]))
    with pytest.raises(ValueError, match="--net is vgg16, expected none with squeezenet, which is a whole net"):
        read_net("squeezenet", NetOptions("vgg16"))
    other = small(classes=3)
    other.save("squeezenet")
    assert read_net("squeezenet").shapes["fc"] == (3,)
    with pytest.raises(FileNotFoundError, match=r"resnet does not exist, expected a net as \.h5 or \.onnx, .*ready nets alexnet"):
        read_net("resnet")


def test_numbers_that_contradict_each_other(tmp_path):
    small().save(tmp_path / "net.h5")
    with pytest.raises(ValueError, match="--mean is 123, expected at most --range, 1"):
        read_net(tmp_path / "net.h5", NetOptions(mean=[104, 117, 123], pixel_range=1, channels="rgb"))
    with pytest.raises(ValueError, match=r"net.h5: mean is \[1, 2\], expected one finite number, or 3"):
        read_net(tmp_path / "net.h5", NetOptions(mean=[1, 2], pixel_range=255, channels="rgb"))
    with pytest.raises(ValueError, match=r"--net is vgg16, expected none with .*net\.h5, which is a whole net"):
        read_net(tmp_path / "net.h5", NetOptions("vgg16"))
