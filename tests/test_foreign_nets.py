"""Every command on nets as others have them: odd names, sums, a softmax at the end, one channel, no square, no classes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import npzf
from npzf import layers
from npzf.interop import set_input
from npzf.network import Network

SCRIPTS = Path(__file__).parents[1] / "scripts"
CLASSES = ("a $x", "dög")
KINDS = {"softmax": (32, 32, 3), "grey": (32, 32, 1), "no square": (24, 40, 3), "no classes": (32, 32, 3)}
ODD = "part.0/weird $name"


def foreign(kind):
    """A small net whose layers are called as PyTorch and ONNX call them, and its probabilities as outputs, if it has any."""
    shape = KINDS[kind]
    rows = [
        ("bn", layers.Affine()),
        ("0", layers.Conv(8, 3, pad=1)),
        ("relu", layers.ReLU()),
        (ODD, layers.Conv(8, 3, pad=1)),
        ("add", layers.Add(), ("relu", ODD)),
        ("relu_1", layers.ReLU()),
        ("pad", layers.ZeroPad(2)),
        ("max pool", layers.MaxPool(2, 2)),
        ("features.0", layers.Conv(6, 3, stride=2)),
        ("../Relu", layers.ReLU()),
    ]
    classifier = [("mean", layers.GlobalAveragePool()), ("fc", layers.FullyConnected(2)), ("softmax", layers.Softmax())]
    net = Network(shape, rows + (classifier if kind != "no classes" else []), seed=4)
    set_input(net, 0.5, 0.25, pixel_range=1)
    net.classes = None if kind == "no classes" else CLASSES
    return net


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The nets, two folders of class folders, and landmarks."""
    root, generator = tmp_path_factory.mktemp("foreign"), np.random.default_rng(0)
    for kind in KINDS:
        foreign(kind).save(root / f"{kind}.h5")
    for k in range(8):
        path = root / "photos" / CLASSES[k % 2] / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (50, 60, 3), np.uint8)).save(path)
    marks = {f"{CLASSES[1]}/{k}.png": {"nose": [20 + k, 25], "left_eye": [35, 20]} for k in (1, 3, 5)}
    (root / "photos" / "landmarks.json").write_text(json.dumps(marks))
    return root


def commands(root, kind, out):
    net, photos = root / f"{kind}.h5", root / "photos"
    photo = photos / CLASSES[1] / "1.png"
    return {
        "visualize": (net, photos, "--layers", ODD, "../Relu", "--tiles", "--maps", 2, "--out", out / "deep" / "visualize"),
        "atlas": (net, photos, "--layers", ODD, "../Relu", "--out", out / "deep" / "atlas"),
        "explain": (net, photo, "--maps", 2, "--out", out / "explain.png"),
        "optimum": (net, "--layer", ODD, "--maps", 1, "--steps", 2, "--out", out / "optimum"),
        "architecture": (net, "--images", photos, "--out", out / "architecture"),
        "correspondence": (net, photos / "landmarks.json", "--layers", ODD, "--random-sets", 2),
        "convert": (net, "--out", out / "weights.npz"),
        "evaluate": (net, photos, "--batch", 4),
        "occlusion": (net, photo, "--out", out / "occlusion.png"),
        "compare": (net, photo, "--steps", 2, "--out", out / "compare"),
        "invariance": (net, photo, "--labels", 1, "--out", out / "invariance.png"),
    }


def out_of_place(folder):
    """Files and folders that a layer's name has led elsewhere: the commands make these folders alone below deep."""
    folders = {"visualize", "visualize/tiles", "atlas", "atlas/sheets"}
    paths = [path.relative_to(folder / "deep") for path in (folder / "deep").rglob("*")]
    tiles = [path for path in paths if "rank" in path.name and path.parent.name != "tiles"]
    return tiles + [path for path in paths if path.suffix and str(path.parent) not in folders]


def run(script, arguments):
    return subprocess.run([sys.executable, SCRIPTS / f"{script}.py", *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize("script", commands(Path(), "", Path()))
@pytest.mark.parametrize("kind", KINDS)
def test_every_command_takes_such_a_net_or_says_in_one_line_why_not(files, tmp_path, kind, script):
    done = run(script, commands(files, kind, tmp_path)[script])
    needs_classes = script in ("evaluate", "occlusion", "compare", "invariance")
    if kind == "no classes" and needs_classes:
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert "expected class scores (classes,)" in done.stderr or "expected (classes,)" in done.stderr
        assert list(tmp_path.iterdir()) == []
    else:
        assert (done.returncode, done.stderr) == (0, "")
        pictures = [path for path in tmp_path.rglob("*") if path.suffix in (".png", ".webp")]
        assert len(pictures) > 0 or script in ("correspondence", "convert", "evaluate")
        for path in pictures:
            Image.open(path).load()
        assert not out_of_place(tmp_path)
        assert sorted(path.name for path in files.iterdir()) == sorted(["photos", *(f"{kind}.h5" for kind in KINDS)])


def test_grey_projections_are_grey_and_see_grey_photographs(files, tmp_path):
    """The photograph in colour and the same in grey give one picture."""
    photo = files / "photos" / CLASSES[1] / "1.png"
    Image.open(photo).convert("L").save(tmp_path / "grey.png")
    drawn = []
    for path in (photo, tmp_path / "grey.png"):
        done = run("explain", (files / "grey.h5", path, "--layers", ODD, "--maps", 3, "--out", tmp_path / "out.png"))
        assert done.returncode == 0, done.stderr
        assert "resized to 32 x 32, grey" in done.stdout
        drawn.append(np.asarray(Image.open(tmp_path / "out.png").convert("RGB")).astype(int))
    assert np.abs(drawn[0] - drawn[1]).mean() < 3  # resized before or after it is made grey
    projections = drawn[0][-100:]
    assert np.ptp(projections, axis=2).max() == 0


@pytest.mark.parametrize("kind", ["softmax", "grey", "no square"])
def test_a_softmax_at_the_end_is_the_only_one(kind):
    """The net's own outputs are its probabilities, and predictions; a picture of a class goes down from its score."""
    net = foreign(kind)
    x = np.random.default_rng(1).standard_normal((3, *net.input_shape)).astype(np.float32)
    np.testing.assert_allclose(npzf.predict(net, x), net.forward(x), rtol=1e-6)
    np.testing.assert_array_equal(npzf.project(net, x, "softmax", 1), project_scaled(net, x))


def project_scaled(net, x):
    """The projection of the same seed put at the scores instead: a softmax passes it on unchanged."""
    tape = net.record(x, ["softmax", "fc"], npzf.Save.SWITCHES)
    signal = np.zeros_like(tape["fc"])
    signal[:, 1] = tape["softmax"][:, 1]
    return tape.walk("fc", signal)


def test_training_goes_on_from_such_a_net():
    """One step on the scores below the softmax lowers the loss; the batch normalisation's numbers are parameters like others."""
    net = foreign("softmax")
    x = np.random.default_rng(1).standard_normal((6, *net.input_shape)).astype(np.float32)
    labels, losses = np.arange(6) % 2, []
    sgd = npzf.SGD(net, 0.05, filter_rms=None)
    for _ in range(8):
        loss, gscores = npzf.softmax_cross_entropy(net.forward(x, upto=net.scores_name, train=True), labels)
        net.backward(gscores)
        sgd.step()
        losses.append(loss)
    assert losses[-1] < losses[0]


@pytest.fixture(scope="module")
def plain_files(files, tmp_path_factory):
    """Nets without convolutions, with one, and with more channels than a photograph; the folder of photographs."""
    root = tmp_path_factory.mktemp("plain")
    classifier = [("flatten", layers.Flatten()), ("fc1", layers.FullyConnected(6)), ("predictions", layers.FullyConnected(2))]
    branches = [
        ("conv", layers.Conv(4, 3)),
        ("mean", layers.GlobalAveragePool()),
        ("again", layers.GlobalAveragePool(), ("conv",)),
        ("both", layers.Concatenate(), ("mean", "again")),
    ]
    rows = {"matrices": classifier, "one": [*branches, ("predictions", layers.FullyConnected(2))], "four": classifier}
    for name, table in rows.items():
        net = Network((16, 16, 4 if name == "four" else 3), table, seed=1)
        net.classes = CLASSES
        net.save(root / f"{name}.h5")
    return root, files / "photos", files / "photos" / CLASSES[0] / "0.png"


PLAIN = {
    "matrices": {
        "visualize": "",
        "atlas": "",
        "explain": "layer is 'fc1', expected one with maps, of which the net has none",
        "occlusion": "expected a layer with maps among them",
        "optimum": "expected a convolution below the scores among them",
        "architecture": "layers are flatten, fc1, predictions, expected a convolution",
        "evaluate": "",
    },
    "one": {"visualize": "", "explain": "", "architecture": "", "optimum": ""},
    "four": {
        "visualize": "expected 3 channels for images, or 1 for grey ones",
        "explain": "expected 3 channels for images, or 1 for grey ones",
        "optimum": "input_shape of the net is (16, 16, 4), expected 1 or 3 channels",
    },
}


@pytest.mark.parametrize(("kind", "script"), [(kind, script) for kind, scripts in PLAIN.items() for script in scripts])
def test_nets_of_other_layers(plain_files, tmp_path, kind, script):
    root, photos, photo = plain_files
    given = {
        "visualize": (photos, "--layers", "predictions"),
        "atlas": (photos, "--layers", "predictions"),
        "explain": (photo,),
        "occlusion": (photo,),
        "optimum": ("--steps", 2, *(["--layer", "fc1"] if kind == "four" else [])),
        "architecture": ("--images", photos),
        "evaluate": (photos,),
    }[script]
    out = () if script == "evaluate" else ("--out", tmp_path / "out.png")
    done = run(script, (root / f"{kind}.h5", *given, *out))
    if named := PLAIN[kind][script]:
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and named in done.stderr, done.stderr
        assert list(tmp_path.iterdir()) == []
    else:
        assert (done.returncode, done.stderr) == (0, "")
