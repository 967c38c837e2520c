"""Choices of npzf train as a user makes them: schedules, initial weights, and trained nets with new classes (section 5.2)."""

import csv

import numpy as np
import pytest
from test_scripts import SCRIPTS, class_folders, loaded, refuses, works

import npzf
from npzf.interop.ready_nets import SOURCES
from npzf.network import Network, truncated
from npzf.preprocessing import Preprocessing

SMALL = ["--batch", "4"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """train/ and validation/ of three classes, and nets of two: one with a mean, one that takes pixels, one that ends in maps."""
    root = tmp_path_factory.mktemp("images")
    for name, count in (("train", 3), ("validation", 1)):
        class_folders(root / name, ["ant", "bee", "cat"], count)
    net = npzf.small_zfnet(2, 64, seed=1)
    net.classes = ("dog", "elk")
    net.preprocessing = Preprocessing(np.full((64, 64, 3), 100.0, np.float32), 8.0)
    net.save(root / "net.h5")
    truncated(net, "pool5").save(root / "maps.h5")
    net.preprocessing = Preprocessing()
    net.save(root / "pixels.h5")
    return root


@pytest.fixture(scope="module")
def sets(images):
    return images / "train", images / "validation"


def test_train_takes_the_schedule_asked_for(sets, tmp_path):
    options = ["--size", 64, *SMALL, "--epochs", 2, "--rate", 0.01, "--schedule", "cosine", "--out", tmp_path]
    works("train", *sets, *options)
    printed = works("train", *sets, "--resume", tmp_path / "checkpoint.h5", "--epochs", 3)
    assert "the cosine is now one of 3 epochs: the rate goes on at 0.0025" in printed
    rates = [float(row["rate"]) for row in csv.DictReader((tmp_path / "log.csv").open())]
    assert rates == pytest.approx([0.01, 0.005, 0.0025])


@pytest.mark.parametrize(("given", "deviation"), [("he", (2 / (7 * 7 * 3)) ** 0.5), ("0.003", 0.003), (None, 0.01)])
def test_train_takes_the_initial_weights_asked_for(monkeypatch, given, deviation):
    monkeypatch.syspath_prepend(SCRIPTS)
    script = loaded("train")
    args = script.parser().parse_args(["--net", "zfnet", *([] if given is None else ["--init", given])])
    weight = script.new_net(args, 2).parameters["conv1/weight"]
    assert weight.std() == pytest.approx(deviation, rel=0.03)


def same(one, other, names):
    return [one.parameters[name].tobytes() == other.parameters[name].tobytes() for name in names]


def test_train_starts_from_a_trained_net_and_resumes_with_its_rates(images, sets, tmp_path):
    options = ["--start", images / "net.h5", "--freeze", "norm2", "--rates", "fc8=10", "fc7=0", "--seed", 3]
    printed = works("train", *sets, *SMALL, *options, "--epochs", 1, "--out", tmp_path)
    kept = "conv1 conv2 conv3 conv4 conv5 fc6 fc7 as they are, fc8 new for 3 classes"
    for line in (
        f"starting from {images / 'net.h5'}: {kept}",
        "fed RGB, (pixels - the mean image) / 8, pixels in [0, 255]",
        "its filters are not clipped",
        "frozen: conv1 conv2 fc7\ntimes the rate: fc8 10",
    ):
        assert line in printed
    assert "taking the mean" not in printed
    again = works("train", *sets, "--resume", tmp_path / "checkpoint.h5", "--epochs", 2)
    assert "frozen: conv1 conv2 fc7\ntimes the rate: fc8 10" in again
    start, made = (npzf.load(path) for path in (images / "net.h5", tmp_path / "checkpoint.h5"))
    names = [name for name in start.parameters if not name.startswith("fc8")]
    assert same(start, made, names) == [name.startswith(("conv1", "conv2", "fc7")) for name in names]
    assert made.classes == ("ant", "bee", "cat") and made.seed == 3
    np.testing.assert_array_equal(made.preprocessing.mean, start.preprocessing.mean)


def test_the_filters_of_a_trained_net_are_clipped_if_asked_for(images, sets, tmp_path):
    net = npzf.load(images / "net.h5")
    net.parameters["conv1/weight"][0] = 0.5
    net.save(tmp_path / "net.h5")
    options = ["--start", tmp_path / "net.h5", *SMALL, "--epochs", 1, "--rate", 1e-9]
    works("train", *sets, *options, "--out", tmp_path / "none")
    printed = works("train", *sets, *options, "--filter-rms", 0.1, "--out", tmp_path / "clipped")
    assert "not clipped" not in printed
    found = [npzf.load(tmp_path / name / "best.h5").parameters["conv1/weight"][0] for name in ("none", "clipped")]
    assert [np.sqrt((w**2).mean()) for w in found] == pytest.approx([0.5, 0.1], rel=1e-3)


def test_train_puts_scores_on_maps_and_takes_what_is_said_of_the_input(images, sets, tmp_path):
    options = ["--start", images / "pixels.h5", "--upto", "pool2", "--freeze", "pool2", "--mean", 0.5, "--std", 0.25]
    printed = works("train", *sets, *SMALL, *options, "--range", 1, "--channels", "bgr", "--epochs", 1, "--out", tmp_path / "a")
    assert "conv1 conv2 as they are, scores new for 3 classes" in printed and "(pixels - 127.5) / 63.75" in printed
    made = npzf.load(tmp_path / "a" / "best.h5")
    assert list(made.layers)[-4:] == ["pool2", "flatten", "drop", "scores"]
    printed = works("train", *sets, *SMALL, "--start", images / "maps.h5", "--epochs", 1, "--out", tmp_path / "b")
    assert "conv1 conv2 conv3 conv4 conv5 as they are, scores new" in printed


def test_train_starts_from_a_ready_net_by_its_name(sets, tmp_path, monkeypatch):
    """Of which a file in the cache stands for what would be fetched."""
    source = SOURCES["squeezenet"]
    Network((64, 64, 3), source.rows()).save(tmp_path / f"squeezenet-{source.sha256[:8]}.h5")
    monkeypatch.setenv("NPZF_CACHE", str(tmp_path))
    options = ["--start", "squeezenet", "--freeze", "drop9", "--epochs", 1, "--out", tmp_path / "run"]
    assert "conv10 new for 3 classes" in works("train", *sets, *SMALL, *options)


REFUSED = {
    "net": (["--net", "alexnet"], "--net is alexnet, expected none with --start"),
    "size": (["--size", 64], "--size is 64, expected none with --start"),
    "units": (["--fc-units", 8], "--fc-units is 8, expected none with --start"),
    "norm": (["--norm", "local"], "--norm is local, expected none with --start"),
    "init": (["--init", "he"], "--init is he, expected none with --start"),
    "upto": (["--upto", "conv9"], "layer is 'conv9', expected one of conv1"),
    "freeze": (["--freeze", "conv9"], "layer is 'conv9', expected one of conv1"),
    "freeze all": (["--freeze", "fc8"], "freeze is 'fc8', which leaves no layer to train"),
    "layer": (["--rates", "conv9=2"], "rates has a layer 'conv9', expected one with parameters: conv1"),
    "word": (["--rates", "fc8"], "--rates is fc8, expected LAYER=NUMBER"),
    "number": (["--rates", "fc8=ten"], "--rates is fc8=ten, expected LAYER=NUMBER"),
    "twice": (["--rates", "fc8=1", "fc8=2"], "--rates has 'fc8' twice, expected each layer once"),
    "negative": (["--rates", "fc8=-1"], "--rates is fc8=-1, expected LAYER=NUMBER, such as fc8=10, and a number of at least 0"),
    "frozen": (["--freeze", "conv2", "--rates", "conv1=2"], "expected a layer that is not frozen with 'conv2'"),
    "input": (["--std", 2], "says what its net is fed"),
}


@pytest.mark.parametrize(("options", "named"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_a_trained_net_is_refused_before_any_work(images, sets, tmp_path, options, named):
    refuses(named, "train", *sets, "--start", images / "net.h5", *options, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


ALONE = {
    "no net": (["--start", "{images}/none.h5"], "none.h5 does not exist"),
    "upto": (["--upto", "conv1"], "--upto is conv1, expected none without --start"),
    "mean": (["--mean", 1, 2, 3], "--mean is 1.0 2.0 3.0, expected none without --start"),
    "resume": (["--resume", "{images}/net.h5"], "net.h5 is a network without training state, expected a checkpoint"),
    "no checkpoint": (["--resume", "{images}/none/checkpoint.h5"], "none/checkpoint.h5 does not exist, expected a checkpoint"),
    "accept": (["--accept-changed-images"], "--accept-changed-images is given, expected it with --resume alone"),
    "patience": (["--schedule", "cosine", "--patience", 3], "--schedule is cosine, expected plateau with --patience 3"),
    "init": (["--net", "alexnet", "--init", "he"], "--net is alexnet, expected one of small_zfnet, zfnet, krizhevsky with"),
    "norm": (["--net", "alexnet", "--norm", "local"], "--net is alexnet, expected one of small_zfnet, zfnet, krizhevsky with"),
    "deviation": (["--net", "zfnet", "--init", 0], "--init is 0, expected he, or a number above 0"),
    "no number": (["--net", "zfnet", "--init", "hi"], "--init is hi, expected he, or a number above 0"),
}


@pytest.mark.parametrize(("options", "named"), ALONE.values(), ids=ALONE)
def test_choices_that_do_not_go_together_are_refused(images, sets, tmp_path, options, named):
    given = [str(part).format(images=images) for part in options]
    out = [] if "--resume" in given else ["--out", tmp_path / "out"]
    refuses(named, "train", *sets, *given, *out)
