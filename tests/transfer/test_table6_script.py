"""The script of Table 6 on a small folder in VOC's layout: table, files for VOC's server, the net, and what it refuses."""

import csv
import shutil
import sys

import numpy as np
import pytest
from PIL import Image
from test_scripts import SCRIPTS, refuses, works
from voc_folders import put_list, voc_folder

import npzf
from npzf.data import EvaluationBatches, SquareImages, VOCFolder
from npzf.losses import softmax
from npzf.transfer.average_precision import average_precision, mean_average_precision
from npzf.transfer.paper import TABLE_6
from npzf.transfer.voc_submission import read_submission

pytest.importorskip("sklearn", reason="scikit-learn is not installed: no classifier can be fitted")

CLASSES = ("bus", "cat", "zebra")  # the last is none of VOC's
HAS = [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2), (1,)]
SIZE = (70, 60)


def paint(folder, image, classes, seed):
    """A photograph that has a bright stripe of its own for each class, and much noise."""
    pixels = np.random.default_rng(seed).integers(0, 120, (*SIZE[::-1], 3), np.uint8)
    for label in classes:
        pixels[20 * label : 20 * label + 20, :, label] += 120
    Image.fromarray(pixels).save(folder / "JPEGImages" / f"{image}.jpg", quality=95)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Lists train, more and val of eight images each, test without annotations; and an untrained net."""
    root = tmp_path_factory.mktemp("table6")
    lists = {}
    for k, name in enumerate(("train", "more", "val")):
        lists[name] = {f"2008_0{k}{i}": [(CLASSES[c], 0) for c in has] for i, has in enumerate(HAS)}
    lists["train"]["2008_007"] = [("bus", 0), ("cat", 1)]  # all its cats are difficult, and cannot be seen
    lists["val"]["2008_027"] = [("cat", 1), ("zebra", 1)]
    lists["test"] = {f"2009_{i}": None for i in range(2)}
    voc_folder(root / "small-voc", lists, SIZE)
    for k, images in enumerate(lists.values()):
        for i, image in enumerate(images):
            paint(root / "small-voc", image, {"2008_007": (0,), "2008_027": ()}.get(image, HAS[i]), [k, i])
    npzf.small_zfnet(5, 64, maps=(8, 8, 8, 8, 8), fc_units=6, weight_init="he").save(root / "net.h5")
    return root


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "table6"
    arguments = [folder / "net.h5", folder / "small-voc", "--layers", "pool5", "--out", out]
    return out, works("table6", *arguments, "--train", "train", "more"), arguments


def numbers(out):
    """Method -> column -> the row of the CSV."""
    found = {}
    with open(out / "table6.csv", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["method"], {})[row["class"]] = row
    return found


def test_the_table_is_printed_beside_the_papers(made):
    out, printed, _ = made
    lines = printed.splitlines()
    top = lines.index("Table 6: small-voc, train and more to val, average precision")
    assert lines[top + 1].split("   ") == ["class", "net.h5, area", "net.h5, 11 points", "net.h5, step", "paper, VOC 2012"]
    assert [line.split()[0] for line in lines[top + 2 : top + 6]] == [*CLASSES, "mean"]
    assert [line.split()[-1] for line in lines[top + 2 : top + 6] if "zebra" not in line] == ["85.8", "91.2", "79.0"]
    assert len(lines[top + 4].split()) == 4
    assert "mean is over VOC's 20 classes; over the 2 of them here it is 88.5" in printed
    assert "trained on 16 of 16 images: svm, C " in printed and "scores of 8 of 8 images of val, 3 files" in printed
    assert Image.open(out / "table6.png").size[0] > 500


def test_the_numbers_are_those_of_the_scores_that_are_written(folder, made):
    out, _, _ = made
    val, rows = VOCFolder(folder / "small-voc", "val"), numbers(out)
    ids, scores = read_submission(out / "submission", CLASSES, "val")
    assert ids == val.ids
    for form, words in (("area", "area"), ("11-point", "11 points"), ("step", "step")):
        each = [100 * average_precision(scores[:, c], val.targets[:, c], form, val.difficult[:, c]) for c in range(3)]
        found = [float(rows[f"net.h5, {words}"][name]["mean"]) for name in (*CLASSES, "mean")]
        assert found == pytest.approx([*each, np.mean(each)], abs=1e-3)
        assert found[-1] > 80  # it has learned
    assert {name: float(row["mean"]) for name, row in rows["paper, VOC 2012"].items()} == {
        name: TABLE_6[name] for name in ("bus", "cat", "mean")
    }
    seconds = [row["class"] for row in rows["net.h5, area"].values() if row["seconds"]]
    assert seconds == ["mean"] and float(rows["net.h5, area"]["mean"]["seconds"]) > 0


def test_the_net_gives_the_scores_of_the_classifiers(folder, made):
    out, _, _ = made
    net = npzf.load(out / "net.h5")
    assert net.classes == CLASSES
    squares = SquareImages(VOCFolder(folder / "small-voc", "val"), 64, squash=True)
    scores = npzf.predict(net, EvaluationBatches(squares, 64, preprocessing=net.preprocessing))
    np.testing.assert_allclose(scores, softmax(read_submission(out / "submission", CLASSES, "val")[1]), atol=1e-5)


def test_a_list_without_annotations_gets_scores_and_no_table(folder, made, tmp_path):
    shutil.copytree(made[0], tmp_path / "out")  # with the features of the training lists
    for file in ("table6.csv", "table6.png"):
        (tmp_path / "out" / file).unlink()
    arguments = [*made[2][:-1], tmp_path / "out", "--train", "train", "more", "--test", "test", "--c", 1]
    printed = works("table6", *arguments)
    assert printed.count("features are read from") == 2
    assert "test has no annotations: there are scores for VOC's server, and no table" in printed and "Table 6" not in printed
    assert not list((tmp_path / "out").glob("table6.*"))
    ids, scores = read_submission(tmp_path / "out" / "submission", CLASSES)
    assert ids == ("2009_0", "2009_1") and np.isfinite(scores).all()
    assert npzf.load(tmp_path / "out" / "net.h5").classes == CLASSES


# In this process, which is quicker.


@pytest.fixture
def table6(monkeypatch):
    """Runs the script's main with options; cli, cli_transfer and table6 are then no modules of this process again."""
    for name in ("cli", "cli_transfer", "table6"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import table6 as script

    def run(*arguments):
        script.main(script.parser().parse_args([str(argument) for argument in arguments]))
        return script

    yield run
    for name in ("cli", "cli_transfer", "table6"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def copied(folder, tmp_path):
    """A folder that a test may change, and the arguments for it."""
    root = shutil.copytree(folder / "small-voc", tmp_path / "voc")
    return root, [folder / "net.h5", root, "--layers", "pool5", "--c", 1, "--out", tmp_path / "out"]


def test_difficult_objects_count_neither_for_nor_against(table6, copied, tmp_path):
    root, arguments = copied
    for name, labels in (("cat_train", VOCFolder(root).targets), ("cat_val", VOCFolder(root, "val").targets)):
        images = VOCFolder(root, name.partition("_")[2])
        put_list(root, name, [(i, 1 if has else -1) for i, has in zip(images.ids, labels[:, 1], strict=True)])
    arguments = [*arguments, "--classifier", "softmax"]
    table6(*arguments)
    against = read_submission(tmp_path / "out" / "submission", CLASSES, "val")[1]
    for name in ("cat_train", "cat_val"):
        (root / "ImageSets" / "Main" / f"{name}.txt").unlink()
    table6(*arguments)
    neither = read_submission(tmp_path / "out" / "submission", CLASSES, "val")[1]
    np.testing.assert_array_equal(against[:, [0, 2]], neither[:, [0, 2]])
    assert (against[:, 1] != neither[:, 1]).all()


def test_images_that_overlap_are_left_out_of_training_and_of_the_table(table6, copied, tmp_path, capsys):
    root, arguments = copied
    table6(*arguments)
    before, rows = read_submission(tmp_path / "out" / "submission", CLASSES, "val"), numbers(tmp_path / "out")
    (tmp_path / "overlap.csv").write_text("target,pretraining,similarity,mirrored\n2008_001.jpg,x,1,no\n2008_023.jpg,y,1,no\n")
    table6(*arguments, "--without", tmp_path / "overlap.csv")
    assert "2 images count neither in training nor in the table" in capsys.readouterr().out
    after = read_submission(tmp_path / "out" / "submission", CLASSES, "val")
    assert before[0] == after[0] and (before[1] != after[1]).all()  # VOC's server wants the scores of all images
    val, kept = VOCFolder(root, "val"), np.arange(8) != 3
    mean, _ = mean_average_precision(after[1][kept], val.targets[kept], "area", val.difficult[kept])
    assert float(numbers(tmp_path / "out")["net.h5, area"]["mean"]["mean"]) == pytest.approx(100 * mean, abs=1e-3)
    assert rows.keys() == numbers(tmp_path / "out").keys()


def many(root, name):
    """A list of 101 images, copies of those of another list, the last of which is damaged."""
    ids = [f"{name}_{i}" for i in range(101)]
    for i, copy in enumerate(ids):
        original = VOCFolder(root, name).ids[i % 8]
        shutil.copy(root / "JPEGImages" / f"{original}.jpg", root / "JPEGImages" / f"{copy}.jpg")
        shutil.copy(root / "Annotations" / f"{original}.xml", root / "Annotations" / f"{copy}.xml")
    (root / "JPEGImages" / f"{ids[-1]}.jpg").write_bytes(b"no image")
    put_list(root, f"many_{name}", ids)
    return f"many_{name}"


def test_images_that_cannot_be_decoded_are_counted_in_every_run(table6, copied, tmp_path, capsys):
    root, arguments = copied
    lists = ["--train", many(root, "train"), "--test", many(root, "val")]
    for times in (1, 2):
        table6(*arguments, *lists)
        printed = capsys.readouterr().out
        assert ("1 images could not be decoded" in printed) == (times == 1)  # the second time features are read
        assert "trained on 100 of 101 images" in printed and "scores of 100 of 101 images of many_val" in printed
    assert "val_100" not in read_submission(tmp_path / "out" / "submission", CLASSES, "many_val")[0]


def test_features_that_are_not_numbers_are_named(table6, copied, tmp_path):
    _, arguments = copied
    net = npzf.load(arguments[0])
    net.parameters["conv5/weight"][:] = 1e38  # of which sums are infinite
    net.save(tmp_path / "nan.h5")
    with pytest.raises(ValueError, match=r"features of .*2008_000\.jpg at 'pool5' are NaN or infinite"):
        table6(tmp_path / "nan.h5", *arguments[1:])


def no_bus(name):
    """Makes images of a list that have a bus have none."""

    def change(root):
        put_list(root, f"bus_{name}", [(i, -1) for i in VOCFolder(root, name).ids])

    return change


def all_zebras(root):
    put_list(root, "zebra_train", [(i, 1) for i in VOCFolder(root).ids])


def a_name_with_a_space(root):
    file = root / "Annotations" / "2008_000.xml"
    file.write_text(file.read_text().replace("bus", "tram car"))
    for name in ("train", "val"):
        put_list(root, f"tram car_{name}", [(i, 1 if k else -1) for k, i in enumerate(VOCFolder(root, name).ids)])


def same_image(root):
    put_list(root, "val", [*VOCFolder(root, "val").ids, "2008_003"])


REFUSED = {
    "no list": (None, ["--test", "trainval"], "list_name is 'trainval', expected a list in"),
    "no training list": (None, ["--train", "train", "none"], "list_name is 'none'"),
    "no bus to train on": (no_bus("train"), [], "list train has no image with 'bus' that counts"),
    "no bus to test on": (no_bus("val"), [], "list val has no image with 'bus' that counts"),
    "nothing but zebras": (all_zebras, [], "list train has no image without 'zebra' that counts"),
    "tested on training images": (same_image, [], "list val has 1 images of train, one is 2008_003; expected others"),
    "a list twice": (None, ["--train", "more", "train", "more"], "list more has 8 images of more, one is 2008_010"),
    "no overlap": (None, ["--without", "none.csv"], r"none\.csv does not exist, expected a \.csv file that npzf overlap"),
    "no layer": (None, ["--layers", "conv9"], "--layers has 'conv9'"),
    "name": (a_name_with_a_space, [], "class_name is 'tram car', expected a name without spaces"),
}


@pytest.mark.parametrize(("change", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_table_6_says_first_what_it_cannot_do(table6, copied, tmp_path, change, options, message):
    root, arguments = copied
    if change:
        change(root)
    with pytest.raises((ValueError, OSError), match=message) as caught:
        table6(*arguments, *options)
    assert "\n" not in str(caught.value) and not list((tmp_path / "out").glob("*"))


def test_an_overlap_of_everything_leaves_nothing_to_test_on(table6, copied, tmp_path):
    root, arguments = copied
    (tmp_path / "all.csv").write_text("target\n" + "".join(f"{i}.jpg\n" for i in VOCFolder(root, "val").ids))
    with pytest.raises(ValueError, match="list val has no image with 'bus' that counts"):
        table6(*arguments, "--without", tmp_path / "all.csv")


def test_the_command_refuses_in_one_line(folder, tmp_path):
    refuses("has no JPEGImages", "table6", folder / "net.h5", tmp_path, "--out", tmp_path / "out")
