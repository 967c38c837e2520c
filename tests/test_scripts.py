"""The scripts as a user runs them, on folders of a few small images: what they do, print, refuse and leave alone."""

import ast
import csv
import importlib.util
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from resealing import changed

import npzf
from npzf.layers import LocalContrastNorm, LocalResponseNorm

SCRIPTS = Path(__file__).parents[1] / "scripts"
COMMANDS = sorted(path.stem for path in SCRIPTS.glob("*.py") if not path.stem.startswith("cli"))
SMALL = ["--size", "64", "--batch", "4"]


def command(script, *arguments):
    return [sys.executable, str(SCRIPTS / f"{script}.py"), *map(str, arguments)]


def run(script, *arguments):
    return subprocess.run(command(script, *arguments), capture_output=True, text=True)


def works(script, *arguments):
    """What it prints; it names the device first and has nothing to complain of."""
    done = run(script, *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith("device: CPU")
    return done.stdout


def refuses(named, script, *arguments):
    done = run(script, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), done.stderr
    assert named in lines[0]


def noise(i, size=(36, 40)):
    return np.random.default_rng(i).integers(0, 256, (*size, 3), np.uint8)


def odd_images(folder):
    """One image of every kind that is unlike a photograph and must work."""
    Image.fromarray(noise(0, (1, 1))).save(folder / "one_pixel.png")
    Image.fromarray(noise(1)).quantize(16).save(folder / "palette.gif")
    Image.fromarray(noise(2)).convert("L").save(folder / "grey.jpg")
    Image.fromarray(noise(3)).convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(noise(4)[..., 0].astype(np.uint16) * 257).save(folder / "sixteen_bits.png")
    Image.fromarray(noise(5)).convert("RGBA").save(folder / "alpha.png")


def class_folders(root, names, count):
    for k, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for i in range(count):
            image = noise(10 * k + i) // 2
            image[..., k] += 120  # each class has its colour
            Image.fromarray(image).save(root / name / f"{i}.png")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with train/ (two classes, all kinds of images), validation/, and bad ones of several kinds."""
    root = tmp_path_factory.mktemp("images")
    class_folders(root / "train", ["ant", "bee"], 3)
    odd_images(root / "train" / "bee")
    class_folders(root / "validation", ["ant", "bee"], 2)
    class_folders(root / "three", ["ant", "bee", "cat"], 1)
    class_folders(root / "others", ["ant", "cow"], 1)
    (root / "empty").mkdir()
    (root / "text" / "ant").mkdir(parents=True)
    (root / "text" / "ant" / "readme.txt").write_text("no image")
    class_folders(root / "cut", ["ant", "bee"], 2)
    Image.fromarray(noise(9)).save(root / "cut" / "bee" / "cut.jpg")
    cut = root / "cut" / "bee" / "cut.jpg"
    cut.write_bytes(cut.read_bytes()[:-200])
    return root


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    """The folder of a finished run of two epochs, and what was printed."""
    out = tmp_path_factory.mktemp("runs") / "first"
    printed = works("train", images / "train", images / "validation", *SMALL, "--epochs", 2, "--out", out)
    return out, printed


@pytest.mark.parametrize("script", COMMANDS)
def test_help_says_what_it_does_and_ends_with_an_example_that_is_true(script, monkeypatch):
    """The example is parsed; the options' defaults make a file or folder under runs/, or nothing."""
    done = run(script, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    monkeypatch.syspath_prepend(SCRIPTS)
    module = loaded(script)
    helped, example = done.stdout.split("\nexample: ")
    assert [" ".join(part.split()) for part in module.__doc__.strip().split("\n\n")] == paragraphs(helped)
    command, name, *words = shlex.split(example)
    assert (command, name) == ("npzf", script.replace("_", "-"))
    args = module.parser().parse_args(words)
    assert (getattr(args, "out", None) or "runs/").startswith("runs/")


def loaded(script):
    """The script as a module, with scripts/ on the path."""
    spec = importlib.util.spec_from_file_location(f"script_{script}", SCRIPTS / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def paragraphs(helped):
    """Those of a help text between the usage and the arguments."""
    parts = [" ".join(part.split()) for part in helped.split("\n\n")]
    return parts[1 : next(k for k, part in enumerate(parts) if part.startswith(("positional", "options")))]


@pytest.mark.parametrize("script", COMMANDS)
def test_a_script_imports_no_other_script(script):
    tree = ast.parse((SCRIPTS / f"{script}.py").read_text())
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert "cli" in names and not set(names) & set(COMMANDS)


def test_train_leaves_checkpoints_and_a_log(trained):
    out, printed = trained
    assert sorted(path.name for path in out.iterdir()) == [".npzf-run", "best.h5", "checkpoint.h5", "log.csv", "previous.h5"]
    assert len(list(csv.DictReader((out / "log.csv").open()))) == 2
    assert "training on 12 images, testing on 4" in printed
    assert "input 64x64x3" in printed and "epoch 2/2: loss" in printed and "images/s" in printed
    net = npzf.load(out / "best.h5")
    assert net.classes == ("ant", "bee") and net.preprocessing.mean.shape == (64, 64, 3)


@pytest.mark.parametrize("crops", [1, 10])
def test_evaluate_prints_errors(images, trained, crops):
    printed = works("evaluate", trained[0] / "best.h5", images / "validation", "--crops", crops)
    assert f"4 images, {crops} crop" in printed
    assert "top-1 error" in printed and "top-5 error 0.00 %" in printed and "(guessing: 50.00 %)" in printed


def test_visualize_draws_every_convolution(images, trained, tmp_path):
    printed = works("visualize", trained[0] / "best.h5", images / "train", "--maps", 3, "--out", tmp_path / "seen")
    names = ["features.png", "filters.png", *(f"top_conv{k}.png" for k in range(1, 6))]
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == names
    for name in names:
        assert str(tmp_path / "seen" / name) in printed
        assert min(Image.open(tmp_path / "seen" / name).size) > 36


def test_visualize_draws_the_layers_asked_for(images, trained, tmp_path):
    works("visualize", trained[0] / "best.h5", images / "train", "--layers", "relu3", "--count", 2, "--out", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.png", "filters.png", "top_relu3.png"]


def test_visualize_draws_all_maps_on_sheets_of_64(images, trained, tmp_path):
    """conv3 has 96: the second sheet holds half as many, and begins with the 65th."""
    works(
        "visualize", trained[0] / "best.h5", images / "train", "--layers", "conv3", "--maps", 0, "--count", 1, "--out", tmp_path
    )
    names = ["features.png", "filters.png", "top_conv3_0000.png", "top_conv3_0064.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    first, second = (Image.open(tmp_path / name) for name in names[2:])
    assert first.width == second.width and 1.8 < first.height / second.height < 2.1


def test_visualize_writes_tiles_from_a_folder_of_photographs(images, trained, tmp_path):
    arguments = [trained[0] / "best.h5", images / "train" / "bee", "--layers", "conv1", "--maps", 2, "--tiles", "--out", tmp_path]
    assert f"{tmp_path / 'tiles'}: 36 files of conv1" in works("visualize", *arguments)
    names = [path.name for path in (tmp_path / "tiles").iterdir()]
    assert len(names) == 36 and all(name.startswith("conv1_map00") and "_rank" in name and "_value" in name for name in names)
    assert sum(name.endswith("_projection.png") for name in names) == sum(name.endswith("_patch.png") for name in names) == 18


STOPPED = """\
import runpy, signal, sys
from npzf.data import EvaluationBatches

def since(self, first, whole=EvaluationBatches.since):
    for batch in whole(self, first):
        if 3 in batch[2]:
            signal.raise_signal(signal.SIGINT)
        yield batch

EvaluationBatches.since = since
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv.pop(0))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_an_interrupted_search_goes_on_with_the_same_command(images, trained, tmp_path):
    out = tmp_path / "out"
    arguments = [trained[0] / "best.h5", images / "train" / "bee", "--layers", "conv1", "--batch", 1, "--out", out]
    _, *words = command("visualize", *arguments)
    first = subprocess.run([sys.executable, "-c", STOPPED, str(SCRIPTS), *words], capture_output=True, text=True)
    assert (first.returncode, first.stderr) == (130, "stopped after 4 images; the same command goes on from there\n")
    assert [path.name for path in out.iterdir()] == ["unfinished.h5"]
    works("visualize", *arguments)
    works("visualize", *arguments[:-1], tmp_path / "at once")
    assert not (out / "unfinished.h5").exists()
    for name in ("features.png", "filters.png", "top_conv1.png"):
        assert (out / name).read_bytes() == (tmp_path / "at once" / name).read_bytes()


def test_interrupted_and_resumed_as_it_says_equals_uninterrupted(images, tmp_path):
    options = ["--epochs", 7, "--resize", 66, "--keep", 5, 1, 9]
    arguments = [images / "train", images / "validation", *SMALL, *options, "--out"]
    with subprocess.Popen(
        command("train", *arguments, tmp_path / "in two"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as first:
        for line in first.stdout:
            if line.startswith("epoch 2/"):
                first.send_signal(signal.SIGINT)
                break
        _, said = first.communicate()
    assert first.returncode == 130 and said.count("\n") == 1 and said.startswith("stopped ")
    again = shlex.split(said.split("go on with: ")[1])
    assert again[:2] == ["npzf", "train"]
    assert "going on with" in works("train", *again[2:])
    works("train", *arguments, tmp_path / "at once")
    found, expected = (npzf.load(tmp_path / name / "checkpoint.h5") for name in ("in two", "at once"))
    for name, value in expected.parameters.items():
        np.testing.assert_array_equal(found.parameters[name], value)
    rows = [list(csv.DictReader((tmp_path / name / "log.csv").open())) for name in ("in two", "at once")]
    for one, other in zip(*rows, strict=True):
        assert one | {"images_per_second": ""} == other | {"images_per_second": ""}
    for name in ("0001.h5", "0005.h5"):  # kept before and after the interruption, the same as without one
        found, expected = (npzf.load(tmp_path / run / "epochs" / name) for run in ("in two", "at once"))
        for key, value in expected.parameters.items():
            np.testing.assert_array_equal(found.parameters[key], value)
    assert sorted(path.name for path in (tmp_path / "in two" / "epochs").iterdir()) == ["0001.h5", "0005.h5"]


def test_train_keeps_the_nets_of_the_epochs_asked_for(images, trained, tmp_path):
    """Those of the paper for a bare --keep; what was not yet kept when training broke off is kept when it goes on."""
    sets = [images / "train", images / "validation"]
    printed = works("train", *sets, *SMALL, "--epochs", 3, "--out", tmp_path, "--keep")
    assert "keeping the nets after epochs 1, 2; 5, 10, 20, 30, 40, 64: not reached in 3 epochs" in printed
    assert "log.csv, 2 nets in epochs" in printed
    kept = tmp_path / "epochs" / "0002.h5"
    with h5py.File(kept) as file, h5py.File(trained[0] / "checkpoint.h5") as whole:
        assert "training" in whole and "training" not in file  # no momentum
    expected = npzf.load(trained[0] / "checkpoint.h5")  # the same training, of two epochs
    for name, value in npzf.load(kept).parameters.items():
        np.testing.assert_array_equal(value, expected.parameters[name])
    shutil.copy(trained[0] / "checkpoint.h5", tmp_path / "checkpoint.h5")
    kept.unlink()
    works("train", *sets, "--resume", tmp_path / "checkpoint.h5", "--keep", 2)
    np.testing.assert_array_equal(npzf.load(kept).parameters["fc8/bias"], expected.parameters["fc8/bias"])


@pytest.mark.parametrize(
    ("norm", "kinds"), [("local", [LocalContrastNorm] * 2), ("across", [LocalResponseNorm] * 2), ("none", [])]
)
def test_train_takes_the_contrast_normalisation_asked_for(images, tmp_path, norm, kinds):
    sets = images / "train", images / "validation"
    works("train", *sets, *SMALL, "--epochs", 1, "--norm", norm, "--out", tmp_path)
    layers = npzf.load(tmp_path / "best.h5").layers.values()
    assert [type(layer) for layer in layers if isinstance(layer, LocalContrastNorm | LocalResponseNorm)] == kinds


def test_plain_operations_give_the_same_numbers(images, trained):
    arguments = [trained[0] / "best.h5", images / "validation"]
    lines = [works("evaluate", *arguments, "--ops", ops).splitlines()[1:] for ops in ("fast", "plain")]
    losses = [float(line[0].split("loss ")[1].split()[0]) for line in lines]
    assert abs(losses[0] - losses[1]) < 2e-4 and lines[0][1:] == lines[1][1:]


def test_train_divides_by_the_deviation_asked_for(images, tmp_path):
    works("train", images / "train", images / "validation", *SMALL, "--epochs", 1, "--std", 2.5, "--out", tmp_path)
    assert npzf.load(tmp_path / "checkpoint.h5").preprocessing.std == 2.5


def test_a_few_undecodable_images_are_named_and_left_out(images, trained, tmp_path):
    """One of 101 is below 1 %; one of 5 is above."""
    class_folders(tmp_path, ["ant", "bee"], 1)
    for i in range(98):
        shutil.copy(tmp_path / "ant" / "0.png", tmp_path / "ant" / f"copy{i}.png")
    shutil.copy(images / "cut" / "bee" / "cut.jpg", tmp_path / "bee")
    printed = works("evaluate", trained[0] / "best.h5", tmp_path)
    assert "100 images, 1 crop" in printed and "left out: " in printed and "cut.jpg" in printed
    assert "1 images could not be decoded and were left out" in printed
    refuses("1 of 5 images cannot be decoded", "evaluate", trained[0] / "best.h5", images / "cut")


def test_an_existing_run_is_not_overwritten(images, trained):
    out, _ = trained
    before = {path: path.read_bytes() for path in out.iterdir()}
    refuses(
        "has checkpoint.h5 previous.h5 best.h5 log.csv of a run already: go on with --resume",
        "train",
        images / "train",
        images / "validation",
        *SMALL,
        "--out",
        out,
    )
    assert {path: path.read_bytes() for path in out.iterdir()} == before


TRAINING = {
    "empty folder": (["{images}/empty", "{images}/validation"], "has no class folders and no images"),
    "text files": (["{images}/text", "{images}/validation"], "has no images, expected some"),
    "no folder": (["{images}/none", "{images}/validation"], "none does not exist, expected one folder for each class"),
    "no packed file": (["{images}/none.h5", "{images}/validation"], "none.h5"),
    "truncated image": (["{images}/cut", "{images}/validation"], "1 of 5 images cannot be decoded, expected at most 1 %; one is"),
    "more classes": (["{images}/train", "{images}/three"], "the images have 3 classes, expected 2, as the net"),
    "other classes": (["{images}/train", "{images}/others"], "a class 'cow', expected 'bee', as the net"),
    "resize": (["{images}/train", "{images}/validation", "--resize", "63"], "--resize is 63, expected at least the crop of 64"),
    "size": (["{images}/train", "{images}/validation", "--size", "8"], "layer 'pool2': input side is 1"),
    "epochs": (["{images}/train", "{images}/validation", "--epochs", "0"], "--epochs is 0"),
    "rate": (["{images}/train", "{images}/validation", "--rate", "-1"], "--rate is -1"),
    "batch": (["{images}/train", "{images}/validation", "--batch", "0"], "--batch is 0"),
    "keep": (["{images}/train", "{images}/validation", "--keep", "5", "0"], "--keep is 0, expected a whole number from 1"),
    "deviation": (["{images}/train", "{images}/validation", "--std", "0"], "--std is 0, expected a number above 0"),
    "threads": (["{images}/train", "{images}/validation", "--threads", "0"], "--threads is 0"),
}


@pytest.mark.parametrize(("arguments", "named"), TRAINING.values(), ids=TRAINING)
def test_train_refuses_in_one_line_and_writes_nothing(images, tmp_path, arguments, named):
    given = [argument.format(images=images) for argument in arguments]
    refuses(named, "train", *SMALL, *given, "--out", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def another_version(path):
    changed(path, lambda file: file.attrs.create("version", 4))


def foreign(path):
    path.unlink()
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(3)


CHECKPOINTS = {
    "another version": (another_version, "is 4, expected 3: train or convert the net again"),
    "foreign": (foreign, "expected a network saved by npzf"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:100_000]), "cut short"),
    "an image": (lambda path: Image.fromarray(noise(0)).save(path, "png"), "does not begin as npzf's files do"),
    "missing": (Path.unlink, "does not exist"),
}


@pytest.mark.parametrize(("damage", "named"), CHECKPOINTS.values(), ids=CHECKPOINTS)
@pytest.mark.parametrize("script", ["train", "evaluate", "visualize"])
def test_bad_checkpoints_are_refused_in_one_line(images, trained, tmp_path, script, damage, named):
    path = shutil.copy(trained[0] / "checkpoint.h5", tmp_path / "net.h5")
    damage(path)
    if script == "train":
        refuses(named, script, images / "train", images / "validation", "--resume", path)
    elif damage is foreign:  # other commands take weights too
        refuses("holds weights without a net, expected --net NAME", script, path, images / "validation")
    else:
        refuses(named, script, path, images / "validation")


USES = {
    "classes of another number": (["evaluate", "{net}", "{images}/three"], "three has 3 classes, expected 2, as the net"),
    "the embedded classes": (["evaluate", "{net}"], "embedded has 12 classes, expected 2, as the net"),
    "resize": (["evaluate", "{net}", "{images}/validation", "--resize", "10"], "--resize is 10, expected at least the crop"),
    "maps": (["visualize", "{net}", "{images}/validation", "--maps", "-1"], "--maps is -1, expected a whole number from 0"),
    "unknown layer": (["visualize", "{net}", "{images}/validation", "--layers", "conv9"], "layer is 'conv9', expected one of"),
    "file for a folder": (
        ["visualize", "{net}", "{images}/validation", "--out", "{net}"],
        "a file, expected a folder",
    ),
    "resumed with others": (["train", "{images}/three", "{images}/three", "--resume", "{net}"], "the images have 3 classes"),
}


@pytest.mark.parametrize(("arguments", "named"), USES.values(), ids=USES)
def test_what_does_not_fit_the_net_is_refused_in_one_line(images, trained, arguments, named):
    net = trained[0] / "best.h5"
    before = net.read_bytes()
    refuses(named, *(argument.format(images=images, net=net) for argument in arguments))
    assert net.read_bytes() == before
