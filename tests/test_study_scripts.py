"""The scripts of figures 5 to 7, Table 1 and foreign weights as a user runs them: what they print, write and refuse."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from test_scripts import noise, refuses, works

import npzf
from npzf.ops import CPU


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two untrained nets, with and without names, two photographs with landmarks, and a class folder of more."""
    root = tmp_path_factory.mktemp("studies")
    named = npzf.small_zfnet(2, 64)
    named.classes = ("ant", "bee")
    named.save(root / "named.h5")
    npzf.small_zfnet(3, 64, seed=1).save(root / "other.h5")
    for epoch, size in ((1, 64), (2, 72)):  # no training makes these two
        npzf.small_zfnet(2, size).save(root / "mixed" / "epochs" / f"{epoch:04d}.h5")
    (root / "more" / "ant").mkdir(parents=True)
    for i in range(4):
        Image.fromarray(noise(i, (70, 90))).save(root / "more" / "ant" / f"{i}.png")
    for i, name in enumerate(("one.png", "two.png")):
        Image.fromarray(noise(10 + i, (80, 100))).save(root / name)
    marks = {"eye": [30, 40], "nose": [60, 50]}
    (root / "landmarks.json").write_text(json.dumps({"one.png": marks, "two.png": marks}))
    return root


def test_invariance(folder, tmp_path):
    out = tmp_path / "new" / "invariance.png"
    printed = works("invariance", folder / "named.h5", folder / "one.png", folder / "two.png", "--labels", 0, 1, "--out", out)
    assert "translation, 25 amounts from -17 to 17" in printed and "rotation, 36 amounts from 0 to 350" in printed
    assert "norm1 up to" in printed and "relu7 up to" in printed and "  bee: distance" in printed and str(out) in printed
    assert Image.open(out).size[0] > 1000


def test_evolution_reads_the_nets_in_the_order_of_their_epochs(folder, tmp_path):
    run = tmp_path / "run"
    for epoch in (10000, 2000):  # as text, 10000 comes first
        npzf.small_zfnet(2, 64, seed=epoch).save(run / "epochs" / f"{epoch:04d}.h5")
    (run / "epochs" / "notes.h5").write_text("not of an epoch")
    printed = works("evolution", run, folder / "more", "--maps", 3, "--out", tmp_path / "seen")
    assert "4 images" in printed and printed.index("epoch 2000: ") < printed.index("epoch 10000: ")
    names = [f"evolution_conv{k}.{kind}" for k in range(1, 6) for kind in ("png", "webp")]
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == names
    with Image.open(tmp_path / "seen" / "evolution_conv3.webp") as moving:
        assert moving.n_frames == 2
    with Image.open(tmp_path / "seen" / "evolution_conv3.png") as still:
        assert still.text["layer"] == "conv3"
    works(
        "evolution", run, folder / "more" / "ant", "--layers", "fc6", "--animation", "gif", "--seed", 1, "--out", tmp_path / "gif"
    )
    assert sorted(path.name for path in (tmp_path / "gif").iterdir()) == ["evolution_fc6.gif", "evolution_fc6.png"]


def test_correspondence_prints_the_papers_table_beside_its_own(folder, tmp_path):
    arguments = [folder / "named.h5", folder / "landmarks.json", "--layers", "relu5", "relu7", "--size", 9, "--random-sets", 2]
    printed = works("correspondence", *arguments, "--picture", tmp_path / "seen.png")
    assert "2 images of 64 x 64 pixels, 1 pairs; squares of 9 x 9" in printed
    rows = [line for line in printed.splitlines() if line.strip().startswith("nose")]
    assert len(rows) == 2 and all("0.079 +- 0.017" in row and row.count("+-") == 4 for row in rows)
    assert Image.open(tmp_path / "seen.png").size == (3 * 64 + 2 * 6, 2 * 64 + 6)
    assert works("correspondence", *arguments) == printed.replace(f"{tmp_path / 'seen.png'}\n", "")


def test_architecture_of_two_nets(folder, tmp_path):
    printed = works("architecture", folder / "named.h5", folder / "other.h5", "--images", folder / "more", "--out", tmp_path)
    assert printed.count("dead maps") == 2 and "very low (below 1/12)" in printed and "RMS above 0.1" in printed
    assert printed.count("named") == printed.count("other") == 2 and printed.count("most / median") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["architecture_1.png", "architecture_2.png"]


def test_architecture_counts_filters_above_the_clip_but_for_rounding(folder, tmp_path):
    net = npzf.load(folder / "named.h5")
    for share, path in ((2.0, "above.h5"), (1.0, "clipped.h5")):
        net.parameters["conv1/weight"][...] = np.random.default_rng(0).standard_normal((32, 7, 7, 3))
        CPU.clip_filters(net.parameters["conv1/weight"], 0.1)
        net.parameters["conv1/weight"][:8] *= np.float32(share)
        net.save(tmp_path / path)
    nets = [tmp_path / "above.h5", tmp_path / "clipped.h5"]
    printed = works("architecture", *nets, "--images", folder / "more", "--depths", 1, "--out", tmp_path)
    assert [row.split()[3:] for row in printed.splitlines() if "RMS above 0.1" in row] == [["25.0%", "0.0%"]]


def test_architecture_tells_files_of_one_name_by_their_folders(folder, tmp_path):
    nets = [tmp_path / run / "best.h5" for run in ("without", "with")]
    for net in nets:
        net.parent.mkdir()
        shutil.copy(folder / "named.h5", net)
    arguments = ["--images", folder / "more", "--depths", 1, "--out", tmp_path]
    head = works("architecture", *nets, *arguments).split("name")[0]
    assert head.split()[-3:] == ["without", "with", "noise"]
    head = works("architecture", nets[0], nets[0], *arguments).split("name")[0]  # the same net twice
    assert head.split()[-3:] == [str(nets[0]), str(nets[0]), "noise"]


def test_occlusion(folder, tmp_path):
    out, others = tmp_path / "occlusion.png", ["--others", folder / "more"]
    printed = works("occlusion", folder / "named.h5", folder / "one.png", "--step", 16, "--label", 1, *others, "--out", out)
    assert "one.png: centre square of 100 x 80 pixels, resized to 64 x 64" in printed
    assert "grey is 0 in units of the net's input" in printed and "pool5, map " in printed and "bee: " in printed
    assert Image.open(out).size[0] > 2000
    works("occlusion", folder / "other.h5", folder / "two.png", "--step", 30, "--layer", "relu3", "--grey", 3, "--out", out)


def test_occlusion_does_not_show_the_photograph_as_another(folder, tmp_path):
    """Among others its file is left out, whatever it is called there; a copy is another photograph."""
    (tmp_path / "others").mkdir()
    for name in ("one.png", "two.png"):
        shutil.copy(folder / name, tmp_path / "others")
    shutil.copy(folder / "one.png", tmp_path / "others" / "copy.png")
    drawn = {}
    for image in (folder / "one.png", tmp_path / "others" / "one.png"):
        out = tmp_path / f"{image.parent.name}.png"
        works("occlusion", folder / "named.h5", image, "--step", 30, "--others", tmp_path / "others", "--out", out)
        drawn[image.parent.name] = np.asarray(Image.open(out))
    (tmp_path / "others" / "one.png").unlink()
    out = tmp_path / "without.png"
    works("occlusion", folder / "named.h5", folder / "one.png", "--step", 30, "--others", tmp_path / "others", "--out", out)
    np.testing.assert_array_equal(np.asarray(Image.open(out)), drawn["others"])
    assert drawn[folder.name].shape != drawn["others"].shape or (drawn[folder.name] != drawn["others"]).any()


REFUSED = {
    "invariance, label": (["invariance", "{}/named.h5", "{}/one.png", "--labels", "2"], "labels is [2], expected 0 to 1"),
    "invariance, labels": (["invariance", "{}/named.h5", "{}/one.png", "--labels", "0", "1"], "labels is [0, 1], expected"),
    "invariance, layer": (["invariance", "{}/named.h5", "{}/one.png", "--high", "conv9"], "layer is 'conv9'"),
    "invariance, photograph": (["invariance", "{}/named.h5", "{}/landmarks.json"], "not an image in a known format"),
    "correspondence, size": (
        ["correspondence", "{}/named.h5", "{}/landmarks.json", "--layers", "relu5", "--size", "99"],
        "size is 99, expected 1 to 64 pixels",
    ),
    "correspondence, landmarks": (["correspondence", "{}/named.h5", "{}/one.png", "--layers", "relu5"], "one.png is unreadable"),
    "correspondence, none": (["correspondence", "{}/named.h5", "{}/none.json", "--layers", "relu5"], "none.json"),
    "architecture, depth": (
        ["architecture", "{}/named.h5", "--images", "{}/more", "--depths", "6"],
        "--depths has 6, expected 1 to 5",
    ),
    "architecture, clip": (["architecture", "{}/named.h5", "--images", "{}/more", "--clip", "0"], "--clip is 0"),
    "evolution, nothing kept": (
        ["evolution", "{}", "{}/more"],
        "has no epochs/*.h5, expected nets that npzf train --keep has kept",
    ),
    "evolution, other nets": (["evolution", "{}/mixed", "{}/more"], "layer 'input' of epoch 2 is (72, 72, 3), expected"),
    "evolution, layer": (["evolution", "{}/mixed", "{}/more", "--layers", "conv9"], "layer is 'conv9', expected one of conv1"),
    "evolution, maps": (["evolution", "{}/mixed", "{}/more", "--maps", "0"], "--maps is 0, expected a whole number from 1"),
    "evolution, images": (["evolution", "{}/mixed", "{}/none"], "none does not exist, expected one folder"),
    "occlusion, label": (["occlusion", "{}/named.h5", "{}/one.png", "--label", "7"], "labels is 7, expected 0 to 1"),
    "occlusion, layer": (["occlusion", "{}/named.h5", "{}/one.png", "--layer", "conv9"], "layer is 'conv9'"),
    "occlusion, batch": (["occlusion", "{}/named.h5", "{}/one.png", "--batch", "0"], "batch is 0"),
    "occlusion, net": (["occlusion", "{}/two.png", "{}/one.png"], "two.png: it does not begin as npzf's files do"),
}


@pytest.mark.parametrize(("arguments", "named"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(folder, tmp_path, arguments, named):
    refuses(named, *(argument.format(folder) for argument in arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "none.h5", "none.jpg", "--out"],
        ["occlusion", "none.h5", "none.jpg", "--out"],
        ["invariance", "none.h5", "none.jpg", "--out"],
        ["correspondence", "none.h5", "none.json", "--layers", "relu5", "--picture"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_picture_of_another_kind_is_refused_before_anything_is_read(tmp_path, arguments):
    refuses(f"{arguments[-1]} is {tmp_path}/out.jpg, expected a name that ends in .png", *arguments, tmp_path / "out.jpg")
