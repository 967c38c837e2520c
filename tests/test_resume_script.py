"""npzf train stopped by any signal goes on, as it says, to the same bits; what may change is said, and the rest refused."""

import csv
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from test_scripts import SCRIPTS, class_folders, command, loaded, refuses, works

import npzf
from npzf.backend.threads import count
from npzf.training import checkpoint

OPTIONS = ["--size", 64, "--batch", 4, "--epochs", 3, "--threads", 1, "--seed", 2, "--resize", 66, "--save-every", 2]
OPTIONS += ["--keep", 1, 3]

STOPPED = """\
import runpy, signal, sys
scripts, place, at, number, *sys.argv = sys.argv[1:]
sys.path.insert(0, scripts)
from npzf.training import Trainer, evaluation, trainer
import npzf.data.batches as batches

def counting(function, seen=[]):
    def call(*arguments, **options):
        seen.append(1)
        if len(seen) == int(at):
            signal.raise_signal(int(number))
        return function(*arguments, **options)
    return call

if place == "step":
    Trainer._step = counting(Trainer._step)
elif place == "validation":
    evaluation.loss_and_gradient, real = None, evaluation.probabilities
    def probabilities(net, batches, **options):
        for batch in real(net, batches, **options):
            notice()
            yield batch
    notice = counting(lambda: None)
    evaluation.probabilities = probabilities
elif place == "save":
    trainer.checkpoint.save = counting(trainer.checkpoint.save)
elif place == "mean":
    batches.centre_crop = counting(batches.centre_crop)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    root = tmp_path_factory.mktemp("my photos")
    class_folders(root / "train", ["ant", "bee"], 6)
    class_folders(root / "validation", ["ant", "bee"], 5)
    return [root / "train", root / "validation"]


@pytest.fixture(scope="module")
def whole(sets, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "at once"
    works("train", *sets, *OPTIONS, "--out", out)
    return out


def stopped(sets, out, place, at, number, *options):
    _, *words = command("train", *sets, *OPTIONS, *options, "--out", out)
    words = [sys.executable, "-c", STOPPED, str(SCRIPTS), place, str(at), str(int(number)), *words]
    return subprocess.run(words, capture_output=True, text=True)


def content(folder):
    rows = [{**row, "images_per_second": ""} for row in csv.DictReader((folder / "log.csv").open())]
    nets = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.h5"))
    numbers = {name: {k: v.tobytes() for k, v in npzf.load(folder / name).parameters.items()} for name in nets}
    return rows, numbers


@pytest.mark.parametrize(
    ("place", "at", "number", "where"),
    [
        ("step", 1, signal.SIGINT, "in epoch 1 after batch 1"),
        ("step", 4, signal.SIGTERM, "in epoch 2 after batch 1"),
        ("validation", 1, signal.SIGHUP, "in epoch 1 after batch 3"),
        ("validation", 8, signal.SIGINT, "in epoch 3 after batch 3"),
        ("validation", 9, signal.SIGTERM, "in epoch 3 after batch 3"),
        ("save", 3, signal.SIGHUP, "after epoch 1"),
        ("save", 1000, signal.SIGINT, None),
    ],
)
def test_stopped_anywhere_it_goes_on_as_it_says_to_the_same_bits(sets, whole, tmp_path, place, at, number, where):
    """Three batches of training and three of validation an epoch; the last are of the last epoch."""
    out = tmp_path / "a run"
    done = stopped(sets, out, place, at, number)
    if where is None:
        assert done.returncode == 0
    else:
        assert done.returncode == 128 + number, done.stderr
        assert done.stderr.startswith(f"stopped {where}; go on with: npzf train ") and done.stderr.count("\n") == 1
        again = shlex.split(done.stderr.split("go on with: ")[1])
        assert "going on with" in works("train", *again[2:])
    assert content(out) == content(whole)


def test_a_signal_while_the_last_epoch_is_saved_is_not_swallowed(sets, whole, tmp_path):
    """It is the last save of all: nothing is left to do, and that is what going on does."""
    saves = 0
    for saves in range(8, 14):
        out = tmp_path / str(saves)
        done = stopped(sets, out, "save", saves, signal.SIGTERM)
        if "after epoch 3" in done.stderr or done.returncode == 0:
            break
    assert done.returncode == 143 and done.stderr.startswith("stopped after epoch 3; go on with: ")
    assert "done: " in works("train", *shlex.split(done.stderr.split("go on with: ")[1])[2:])
    assert content(out) == content(whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_before_it_has_begun_leaves_nothing(sets, tmp_path, number):
    done = stopped(sets, tmp_path / "out", "mean", 1, number)
    assert (done.returncode, done.stderr) == (128 + number, "interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def run(whole, tmp_path):
    """A copy of the whole run, and its checkpoint."""
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run" / "checkpoint.h5"


REFUSED = {
    "net": (["--net", "zfnet"], "--net is zfnet, expected small_zfnet, as the run began"),
    "size": (["--size", 96], "--size is 96, expected 64, as the run began"),
    "maps": (["--maps", 1, 1, 1, 1, 1], "--maps is 1 1 1 1 1, expected none, as the run began"),
    "norm": (["--norm", "local"], "--norm is local, expected none, as the run began"),
    "batch": (["--batch", 5], "--batch is 5, expected 4, as the run began"),
    "seed": (["--seed", 3], "--seed is 3, expected 2, as the run began"),
    "schedule": (["--schedule", "cosine"], "--schedule is cosine, expected plateau, as the run began"),
    "loss": (["--loss", "hinge"], "--loss is hinge, expected softmax, as the run began"),
    "std": (["--std", 2], "--std is 2.0, expected none, as the run began"),
    "freeze": (["--freeze", "conv1"], "--freeze is conv1, expected none, as the run began"),
    "rates": (["--rates", "fc8=2"], "--rates is fc8=2, expected none, as the run began"),
    "start": (["--start", "alexnet"], "--start is alexnet, expected none, as the run began"),
    "resize": (["--resize", 70], "side of the training images is 70, expected 66, as the run began"),
    "out": (["--out", "elsewhere"], "--out is elsewhere, expected "),
}


@pytest.mark.parametrize(("options", "named"), REFUSED.values(), ids=REFUSED)
def test_what_would_make_it_another_run_is_refused_by_name(sets, run, options, named):
    before = run.read_bytes()
    refuses(named, "train", *sets, "--resume", run, *options)
    assert run.read_bytes() == before


def test_what_is_the_same_as_the_run_began_may_be_repeated(sets, run):
    options = ["--net", "small_zfnet", "--size", 64, "--batch", 4, "--seed", 2, "--resize", 66, "--loss", "softmax"]
    assert "done: " in works("train", *sets, "--resume", run, *options, "--out", run.parent)


def test_what_may_change_is_obeyed_and_said(sets, run):
    options = ["--epochs", 4, "--rate", 0.001, "--momentum", 0.5, "--decay", 0.01, "--filter-rms", 0, "--patience", 9]
    printed = works("train", *sets, "--resume", run, *options, "--save-every", 1, "--threads", 2, "--ops", "plain")
    changes = ["rate was 0.01, is 0.001", "epochs was 3, is 4", "momentum was 0.9, is 0.5", "decay was 0.0, is 0.01"]
    changes += ["filter_rms was 0.1, is None", "patience was 5, is 9", "save_every was 2, is 1"]
    for change in changes:
        assert f"from now on: {change}\n" in printed
    assert "threads was 1, is 2" in printed and "ops was fast, is plain" in printed and "the bits may differ" in printed
    state = checkpoint.read(run)[1]
    assert state["epoch"] == 4 and state["log_rows"][-1]["rate"] == 0.001 and state["computing"]["threads"] == 2
    again = works("train", *sets, "--resume", run)
    assert "from now on" not in again and "may differ" not in again and ", 2 threads," in again.splitlines()[0] + again


IMAGES = {
    "fewer": (lambda root: (root / "train" / "bee" / "3.png").unlink(), "the training images are 11, expected the 12 that"),
    "more": (
        lambda root: shutil.copy(root / "train/bee/3.png", root / "train/ant/9.png"),
        "the training images are 13, expected",
    ),
    "renamed": (
        lambda root: (root / "train/bee/3.png").rename(root / "train/bee/9.png"),
        "the training images are others by name",
    ),
    "other": (lambda root: (root / "validation/bee/3.png").write_bytes(b"x"), "the validation images are others by name, size"),
    "exchanged": (lambda root: exchange(root), "the training and the validation images are exchanged"),
}


def exchange(root):
    (root / "train").rename(root / "x")
    (root / "validation").rename(root / "train")
    (root / "x").rename(root / "validation")


@pytest.mark.parametrize(("change", "named"), IMAGES.values(), ids=IMAGES)
def test_other_images_are_refused_unless_they_are_accepted(sets, run, tmp_path, change, named):
    shutil.copytree(sets[0].parent, tmp_path / "moved")
    moved = [tmp_path / "moved" / path.name for path in sets]
    works("train", *moved, "--resume", run)  # elsewhere, but the same
    change(tmp_path / "moved")
    refuses(named, "train", *moved, "--resume", run)
    if named.startswith("the training images"):
        printed = works("train", *moved, "--resume", run, "--epochs", 4, "--accept-changed-images")
        assert "from now on: the images are others than those that the run began with" in printed
        works("train", *moved, "--resume", run)  # the checkpoint knows them now


def test_a_net_that_diverges_names_a_command_that_works(sets, tmp_path):
    out = tmp_path / "a run"
    options = ["--rate", 3, "--save-every", 1, "--filter-rms", 0, "--momentum", 0.9]
    done = subprocess.run(command("train", *sets, *OPTIONS, *options, "--out", out), capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "training has diverged" in done.stderr
    again = shlex.split(done.stderr.split(" at a rate below 3: ")[1])
    assert again[-2:] == ["--rate", "0.3"] and again[5].endswith(("previous.h5", "checkpoint.h5"))
    again[-1] = "0.001"  # so that three batches certainly do not diverge again
    assert "from now on: rate was 3, is 0.001" in works("train", *again[2:])
    assert all(np.isfinite(value).all() for value in npzf.load(out / "checkpoint.h5").parameters.values())


def test_a_second_run_in_the_folder_is_refused_while_the_first_is_on(sets, tmp_path):
    out = tmp_path / "out"
    words = command("train", *sets, *OPTIONS, "--epochs", 500, "--out", out)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        for line in first.stdout:
            if line.startswith("epoch 1/"):
                break
        refuses(f"{out} is in use by process {first.pid} on ", "train", *sets, *OPTIONS, "--out", out)
        refuses(f"{out} is in use by process {first.pid} on ", "train", *sets, "--resume", out / "checkpoint.h5")
        refuses(f"{out} is in use by process {first.pid} on ", "demo", "--out", out)
        first.send_signal(signal.SIGKILL)
    refuses("of a run already", "demo", "--out", out)
    epochs = checkpoint.read(out / "checkpoint.h5")[1]["epoch"] + 1
    assert "done: " in works("train", *sets, "--resume", out / "checkpoint.h5", "--epochs", epochs)


def test_the_demo_replaces_an_earlier_demo_and_nothing_else(monkeypatch, tmp_path, run):
    monkeypatch.syspath_prepend(SCRIPTS)
    demo, made = loaded("demo"), []

    def show(args, folder):
        made.append(sorted(path.name for path in folder.path.iterdir()))
        for name in ("best.h5", "log.csv", "features.png"):
            (folder.path / name).write_text("of a demo")

    monkeypatch.setattr(demo, "show", show)
    args = demo.parser().parse_args(["--out", str(tmp_path / "demo")])
    demo.main(args)
    demo.main(args)
    assert made == [[".npzf-run"], [".npzf-run", "features.png"]]
    args.out = str(run.parent)
    with pytest.raises(ValueError, match=r"has checkpoint.h5 previous.h5 best.h5 log.csv epochs of a run already"):
        demo.main(args)
    (tmp_path / "demo" / ".npzf-run").unlink()
    args.out = str(tmp_path / "demo")
    with pytest.raises(ValueError, match=r"has best.h5 log.csv of a run already: name another folder"):
        demo.main(args)


def test_the_command_that_resumes_repeats_what_the_results_depend_on(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    net = SimpleNamespace(device="cpu", precision="fp32", ops="plain")
    script, trainer = loaded("train"), SimpleNamespace(path=Path("a run/checkpoint.h5"), net=net)
    args = script.parser().parse_args(["my photos", "--rate", "1", "--pixel-limit", "5"])
    words = f"--threads {count()} --device cpu --precision fp32 --ops plain --pixel-limit 5"
    command = f"npzf train 'my photos' embedded --resume 'a run/checkpoint.h5' {words}"
    assert script.typed(script.resuming_command(args, [], trainer)) == command
    assert script.typed(script.resuming_command(args, [1, 5], trainer)) == f"{command} --keep 1 5"
