"""Filters stored as (height, width, in, out): moved axis by axis, RGB whatever they were trained on, refused in one line."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from assertions import close, normal

from npzf import layers, squeezenet
from npzf.data import centre_crop, decode
from npzf.interop import from_hwio
from npzf.network import Network
from npzf.serialization import load

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
SQUEEZENET, PICTURES = DATA / "weights" / "squeezenet.h5", DATA / "imagenet-samples"
MEAN, STD = np.array([0.25, 0.5, 0.75]), np.array([0.125, 0.25, 0.5])


def two_convolutions():
    table = [("conv1", layers.Conv(4, 3)), ("relu1", layers.ReLU()), ("up/conv2", layers.Conv(2, 2))]
    return Network((6, 6, 3), table, dtype="float64", weight_init=0.0)


def arrays():
    return {
        "conv1/weight": normal(3, 3, 3, 4),
        "conv1/bias": normal(4),
        "up/conv2/weight": normal(2, 2, 4, 2),
        "up/conv2/bias": normal(2),
    }


def written(path, stored, **attributes):
    """A file of these arrays with the usual attributes, but for those given; None leaves one out."""
    usual = {"layout": "HWIO (height, width, in, out)", "input": "RGB in [0,1], minus mean, over std", "mean": MEAN, "std": STD}
    with h5py.File(path, "w") as file:
        for name, value in stored.items():
            file[name] = value
        file.attrs.update({name: value for name, value in (usual | attributes).items() if value is not None})
    return path


def by_hand(weight, bias, image):
    """Correlation of one image with (KH, KW, C, O) filters, loop by loop."""
    kh, kw, _, maps = weight.shape
    y = np.empty((image.shape[0] - kh + 1, image.shape[1] - kw + 1, maps))
    for i, j, o in np.ndindex(y.shape):
        y[i, j, o] = bias[o] + (image[i : i + kh, j : j + kw] * weight[..., o]).sum()
    return y


def test_every_filter_as_the_file_means_it(tmp_path):
    stored = arrays()
    net = from_hwio(two_convolutions(), written(tmp_path / "w.h5", stored))
    photograph = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    x = (photograph / 255 - MEAN) / STD  # what the file says that the net was fed
    below = by_hand(stored["conv1/weight"], stored["conv1/bias"], x).clip(0)
    expected = by_hand(stored["up/conv2/weight"], stored["up/conv2/bias"], below)
    close(net.forward(net.preprocessing.apply(photograph[None]))[0], expected, 1e-6)  # float32 input


@pytest.mark.parametrize(("text", "most"), [("BGR in [0,255] minus mean", 255), ("BGR in [0, 1] minus mean over std", 1)])
def test_a_net_of_blue_green_red_takes_rgb_and_answers_the_same(tmp_path, text, most):
    stored, mean = arrays(), MEAN * most
    path = written(tmp_path / "w.h5", stored, input=text, mean=mean)
    net = from_hwio(two_convolutions(), path)
    photograph = np.random.default_rng(1).integers(0, 256, (6, 6, 3), np.uint8)
    x = (photograph[..., ::-1] / (255 / most) - mean) / (STD if "std" in text else 1)
    expected = by_hand(stored["conv1/weight"], stored["conv1/bias"], x)
    close(net.forward(net.preprocessing.apply(photograph[None]), upto="conv1")[0], expected, 1e-6)


def test_saved_and_loaded_it_is_the_same_net(tmp_path):
    net = from_hwio(two_convolutions(), written(tmp_path / "w.h5", arrays()))
    net.save(tmp_path / "net.h5")
    again, x = load(tmp_path / "net.h5"), np.full((1, 6, 6, 3), 100, np.uint8)
    np.testing.assert_array_equal(again.forward(again.preprocessing.apply(x)), net.forward(net.preprocessing.apply(x)))


def without(name):
    return {key: value for key, value in arrays().items() if key != name}


BAD = {
    "missing": (without("up/conv2/bias"), {}, "up/conv2/bias is missing"),
    "another net's": (arrays() | {"conv9/weight": normal(2)}, {}, "it holds conv9/weight"),
    "shape": (arrays() | {"conv1/weight": normal(5, 5, 3, 4)}, {}, r"conv1/weight is float64 \(5, 5, 3, 4\), .* \(3, 3, 3, 4\)"),
    "transposed": (arrays() | {"conv1/weight": normal(4, 3, 3, 3)}, {}, r"conv1/weight is float64 \(4, 3, 3, 3\), expected"),
    "not finite": (arrays() | {"conv1/bias": np.array([0, np.nan, 0, 0])}, {}, "conv1/bias .* expected finite"),
    "layout": (arrays(), {"layout": "OIHW"}, "its layout is 'OIHW', expected 'HWIO'"),
    "input": (arrays(), {"input": "RGB in [-1,1]"}, r"its input is 'RGB in \[-1,1\]', expected something like 'RGB in"),
    "no input": (arrays(), {"input": None}, "its input is 'None'"),
    "mean": (arrays(), {"mean": np.ones(1)}, "its attribute 'mean' is .* expected three numbers"),
    "no std": (arrays(), {"std": None}, "its attribute 'std' is None"),
    "zero std": (arrays(), {"std": np.zeros(3)}, "std is .* expected a positive number"),
}


@pytest.mark.parametrize(("stored", "attributes", "named"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused_in_one_line_and_changes_nothing(tmp_path, stored, attributes, named):
    net = two_convolutions()
    with pytest.raises(ValueError, match=named) as caught:
        from_hwio(net, written(tmp_path / "w.h5", stored, **attributes))
    assert "\n" not in str(caught.value)
    assert not any(p.any() for p in net.parameters.values()) and net.preprocessing.mean is None


def test_no_file_and_no_hdf5(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.h5: no such file"):
        from_hwio(two_convolutions(), tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(ValueError, match=r"text\.h5: not HDF5, or damaged"):
        from_hwio(two_convolutions(), tmp_path / "text.h5")


@pytest.mark.skipif(not (SQUEEZENET.exists() and PICTURES.exists()), reason=f"{DATA} does not hold ImageNet's weights, pictures")
def test_squeezenet_names_most_of_the_photographs():
    """Every fortieth of ImageNet's classes: on 250 pictures 63.2 % are right, on these 25 a few more or less."""
    net = from_hwio(squeezenet(), SQUEEZENET)
    files = sorted(PICTURES.glob("*.JPEG"))
    right = 0
    for label in range(0, 1000, 40):
        pixels = centre_crop(decode(files[label])[None], 227)
        right += net.forward(net.preprocessing.apply(pixels)).argmax() == label
    assert 0.4 <= right / 25 <= 0.9
