"""Features of a whole set in one file: the numbers of npzf.features, whole or absent, and never those of something else."""

import json
import os
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest
from PIL import Image

import npzf
from npzf import layers
from npzf.data import ClassFolders, EvaluationBatches, SquareImages, TenCropBatches
from npzf.network import Network
from npzf.preprocessing import Preprocessing
from npzf.transfer import FeatureFile, Split, extract_features, parts, read_split, write_split
from npzf.transfer import features as module
from npzf.transfer.parts import Parts

COUNT = 23


def small_net():
    rows = [("a/conv", layers.Conv(3, 3, stride=2)), ("relu", layers.ReLU()), ("flat", layers.Flatten())]
    net = Network((12, 12, 3), [*rows, ("fc", layers.FullyConnected(4))], seed=3)
    net.preprocessing = Preprocessing(std=50.0)
    return net


@pytest.fixture
def photos(tmp_path):
    for i in range(COUNT):
        folder = tmp_path / "photos" / ("ant" if i < 11 else "bee")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (20, 24, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    return tmp_path / "photos"


def squares(photos, **options):
    return SquareImages(ClassFolders(photos), 14, **options)


def test_the_numbers_are_those_of_npzf_features(photos, tmp_path):
    net, images = small_net(), squares(photos)
    found = extract_features(net, images, ["a/conv", "fc"], tmp_path / "f.h5", batch=8)
    expected = npzf.features(net, EvaluationBatches(images, 12, 8, net.preprocessing), ["a/conv", "fc"])
    for layer, array in expected.items():
        np.testing.assert_array_equal(found.array(layer)[:, 0], array)
    assert found.names == tuple(images.source.name(i) for i in range(COUNT)) and found.classes == ("ant", "bee")
    np.testing.assert_array_equal(found.targets, images.source.targets)
    assert found.decoded.all() and found.crops == 1 and len(found) == COUNT
    flat = found.rows(["fc", "a/conv"], np.array([5, 2]))
    np.testing.assert_array_equal(flat[:, 0, :4], expected["fc"][[5, 2]])
    np.testing.assert_array_equal(flat[:, 0, 4:], expected["a/conv"][[5, 2]].reshape(2, -1))
    with pytest.raises(ValueError, match=r"layer is 'relu', expected one of a/conv, fc"):
        found.array("relu")


def test_the_file_opens_with_h5py(photos, tmp_path):
    extract_features(small_net(), squares(photos), ["a/conv"], tmp_path / "f.h5")
    with h5py.File(tmp_path / "f.h5") as file:
        assert file["features/a-conv"].shape == (COUNT, 1, 5, 5, 3)
        assert json.loads(file["datasets"][()]) == {"a/conv": "a-conv"}
        assert file["names"][0].decode().endswith("00.png") and file["decoded"][()].all()


def test_files_may_be_called_by_any_bytes(photos, tmp_path):
    odd = os.fsdecode(b"caf\xe9.png")  # no UTF-8
    os.rename(photos / "ant" / "03.png", photos / "ant" / odd)
    found = extract_features(small_net(), squares(photos), ["fc"], tmp_path / "f.h5")
    assert str(photos / "ant" / odd) in found.names
    split = Split(np.array([found.names.index(str(photos / "ant" / odd))]), np.array([0]))
    read = read_split(write_split(tmp_path / "split.txt", split, found.names), found.names)
    assert read.train == split.train


def test_crops_are_kept_or_averaged(photos, tmp_path):
    net, images = small_net(), squares(photos)
    each = extract_features(net, images, ["fc"], tmp_path / "each.h5", crops=10, batch=20).array("fc")
    mean = extract_features(net, images, ["fc"], tmp_path / "mean.h5", crops=10, average=True, batch=20).array("fc")
    batches = TenCropBatches(images, 12, 2, net.preprocessing)
    expected = np.concatenate([net.forward(x).reshape(-1, 10, 4) for x, _, _ in batches])
    np.testing.assert_array_equal(each, expected)
    np.testing.assert_allclose(mean[:, 0], expected.mean(1), rtol=1e-6)
    both = extract_features(net, images, ["a/conv"], tmp_path / "both.h5", crops=2).array("a/conv")
    assert both.shape[:2] == (COUNT, 2) and (both[:, 0] != both[:, 1]).any()


def test_squashed_images_are_other_images(photos, tmp_path):
    net = small_net()
    one = extract_features(net, squares(photos), ["fc"], tmp_path / "f.h5").array("fc").copy()
    other = extract_features(net, squares(photos, squash=True), ["fc"], tmp_path / "f.h5").array("fc")
    assert (one != other).any()


def poisoned(*_, **__):
    raise AssertionError("a pass was made")


def test_a_file_of_the_same_serves_again(photos, tmp_path, monkeypatch):
    net = small_net()
    first = extract_features(net, squares(photos), ["fc"], tmp_path / "f.h5").array("fc").copy()
    monkeypatch.setattr(Network, "record", poisoned)
    np.testing.assert_array_equal(extract_features(net, squares(photos), ["fc"], tmp_path / "f.h5").array("fc"), first)


def other_net(net, photos):
    net.parameters["fc/bias"][0] += 1


def changed_image(net, photos):
    Image.fromarray(np.zeros((20, 24, 3), np.uint8)).save(photos / "ant" / "03.png")


def renamed_image(net, photos):
    os.rename(photos / "ant" / "03.png", photos / "ant" / "03b.png")


def other_preprocessing(net, photos):
    net.preprocessing = Preprocessing(std=60.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_net, "is of another net: "),
        (other_preprocessing, "is of another net: "),
        (changed_image, "is of other or changed images: "),
        (renamed_image, "is of other or changed images: "),
    ],
)
def test_a_file_of_something_else_is_made_again_and_it_is_said(photos, tmp_path, caplog, change, said):
    net = small_net()
    extract_features(net, squares(photos), ["fc"], tmp_path / "f.h5")
    change(net, photos)
    found = extract_features(net, squares(photos), ["fc"], tmp_path / "f.h5")
    assert said in caplog.text and "computed again" in caplog.text
    expected = npzf.features(net, EvaluationBatches(squares(photos), 12, 32, net.preprocessing), ["fc"])["fc"]
    np.testing.assert_array_equal(found.array("fc")[:, 0], expected)


@pytest.mark.parametrize("options", [{"layers": ["relu"]}, {"crops": 2}, {"dtype": "float16"}])
def test_another_choice_is_made_again(photos, tmp_path, caplog, options):
    extract_features(small_net(), squares(photos), ["fc"], tmp_path / "f.h5")
    options = {"layers": ["fc"]} | options
    found = extract_features(small_net(), squares(photos), options.pop("layers"), tmp_path / "f.h5", **options)
    assert "is of other layers or crops: " in caplog.text and len(found) == COUNT


@pytest.mark.parametrize("damage", [b"", b"no HDF5", None], ids=["empty", "text", "cut short"])
def test_a_damaged_file_is_made_again_and_it_is_said(photos, tmp_path, caplog, damage):
    path = tmp_path / "f.h5"
    whole = extract_features(small_net(), squares(photos), ["fc"], path).array("fc").copy()
    path.write_bytes(path.read_bytes()[:-300] if damage is None else damage)
    np.testing.assert_array_equal(extract_features(small_net(), squares(photos), ["fc"], path).array("fc"), whole)
    assert "computed again" in caplog.text


def test_half_the_space_holds_the_same_to_its_precision(photos, tmp_path):
    full = extract_features(small_net(), squares(photos), ["fc"], tmp_path / "full.h5").array("fc")
    half = extract_features(small_net(), squares(photos), ["fc"], tmp_path / "half.h5", dtype="float16").array("fc")
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, full.astype(np.float16))


def test_numbers_that_are_none_are_refused_with_image_and_layer(photos, tmp_path):
    net = small_net()
    net.parameters["fc/weight"][...] = np.nan
    with pytest.raises(ValueError, match=r"features of .*00\.png at 'fc' are NaN or infinite"):
        extract_features(net, squares(photos), ["relu", "fc"], tmp_path / "f.h5")
    net.parameters["fc/weight"][...] = 1e5
    with pytest.raises(ValueError, match=r"dtype is float16, expected float32: 'fc' reaches .* for .*00\.png"):
        extract_features(net, squares(photos), ["fc"], tmp_path / "f.h5", dtype="float16")
    assert not (tmp_path / "f.h5").exists()


def test_an_image_that_cannot_be_decoded_is_left_out(photos, tmp_path):
    for i in range(100):  # one in a hundred may be damaged
        Image.fromarray(np.full((20, 24, 3), i, np.uint8)).save(photos / "bee" / f"more{i:03d}.png")
    (photos / "bee" / "more001.png").write_bytes(b"no image")
    found = extract_features(small_net(), squares(photos), ["fc"], tmp_path / "f.h5")
    missing = [found.names[i].endswith("more001.png") for i in range(len(found))].index(True)
    assert np.flatnonzero(~found.decoded).tolist() == [missing]
    assert np.isnan(found.array("fc")[missing]).all() and np.isfinite(found.array("fc")[found.decoded]).all()


@pytest.mark.parametrize(
    ("layer", "options", "named"),
    [
        (["fc9"], {}, "layer is 'fc9'"),
        ([], {}, "layers are none"),
        (["fc", "fc"], {}, "expected each once"),
        (["fc"], {"crops": 3}, "crops is 3"),
        (["fc"], {"dtype": "int8"}, "dtype is 'int8'"),
        (["fc"], {"batch": 0}, "batch is 0"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(photos, tmp_path, monkeypatch, layer, options, named):
    monkeypatch.setattr(Network, "record", poisoned)
    with pytest.raises(ValueError, match=named):
        extract_features(small_net(), squares(photos), layer, tmp_path / "out" / "f.h5", **options)
    assert not (tmp_path / "out").exists()


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import test_features as t
from npzf.transfer import features, parts
parts.PART_BYTES = 1  # a part for every batch
add, done = features._Collected.add, []
def some(self, *batch):
    add(self, *batch)
    done.append(1)
    if len(done) == 3:
        os.kill(os.getpid(), signal.{signal})
features._Collected.add = some
try:
    features.extract_features(t.small_net(), t.squares(sys.argv[2]), ["a/conv", "fc"], sys.argv[3], batch=4)
except KeyboardInterrupt as stop:
    print(stop)
"""


@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_an_interrupted_pass_goes_on_with_the_same_bits(photos, tmp_path, monkeypatch, name):
    path = tmp_path / "f.h5"
    script = [sys.executable, "-c", KILLED.replace("{signal}", name), os.path.dirname(__file__), str(photos), str(path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(script, capture_output=True, text=True, env=environment)
    assert done.returncode == (-signal.SIGKILL if name == "SIGKILL" else 0), done.stderr
    assert not path.exists()
    passes = []
    add = module._Collected.add
    monkeypatch.setattr(module._Collected, "add", lambda self, *batch: (passes.append(len(batch[2])), add(self, *batch))[1])
    found = extract_features(small_net(), squares(photos), ["a/conv", "fc"], path, batch=4)
    assert sum(passes) == (COUNT - 8 if name == "SIGKILL" else COUNT - 12)  # of the killed one the last batch was not stored
    monkeypatch.undo()
    whole = extract_features(small_net(), squares(photos), ["a/conv", "fc"], tmp_path / "whole.h5", batch=4)
    for layer in ("a/conv", "fc"):
        np.testing.assert_array_equal(found.array(layer), whole.array(layer))
    assert not path.with_name("f.h5.parts").exists()


def test_parts_left_by_a_process_that_was_killed_at_the_very_end_are_removed(photos, tmp_path, monkeypatch):
    net, layers = small_net(), ["fc"]
    with monkeypatch.context() as patched:
        patched.setattr(Parts, "remove", lambda _: None)  # killed before it
        extract_features(net, squares(photos), layers, tmp_path / "f.h5")
    assert list((tmp_path / "f.h5.parts").iterdir())
    extract_features(net, squares(photos), ["a/conv"], tmp_path / "other.h5")
    (tmp_path / "other.h5").rename(tmp_path / "g.h5")
    (tmp_path / "f.h5.parts").rename(tmp_path / "g.h5.parts")
    extract_features(net, squares(photos), ["a/conv"], tmp_path / "g.h5")  # whose parts they are not
    (tmp_path / "g.h5.parts").rename(tmp_path / "f.h5.parts")
    extract_features(net, squares(photos), layers, tmp_path / "f.h5")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[1:2] == ".") == ["f.h5", "g.h5"]


def test_no_other_file_is_taken_for_features(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist, expected a feature file"):
        FeatureFile(tmp_path / "none.h5")
    small_net().save(tmp_path / "net.h5")
    with pytest.raises(ValueError, match="expected 'npzf feature file'"):
        FeatureFile(tmp_path / "net.h5")


def test_a_file_written_again_with_the_same_bytes_is_another_one(photos, tmp_path, caplog):
    extract_features(small_net(), squares(photos), ["fc"], tmp_path / "f.h5")
    file = photos / "ant" / "03.png"
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    extract_features(small_net(), squares(photos), ["fc"], tmp_path / "f.h5")
    assert "is of other or changed images: the features are computed again" in caplog.text


def test_everything_that_differs_is_said(photos, tmp_path, caplog):
    extract_features(small_net(), squares(photos), ["fc"], tmp_path / "f.h5")
    net = small_net()
    other_net(net, photos)
    renamed_image(net, photos)
    extract_features(net, squares(photos), ["relu"], tmp_path / "f.h5", crops=2, average=True)
    assert "is of another net and other or changed images and other layers or crops: " in caplog.text


def test_averages_are_not_taken_for_crops(photos, tmp_path, caplog):
    kept = extract_features(small_net(), squares(photos), ["fc"], tmp_path / "f.h5", crops=2)
    mean = extract_features(small_net(), squares(photos), ["fc"], tmp_path / "f.h5", crops=2, average=True)
    assert "is of other layers or crops: " in caplog.text and (kept.crops, mean.crops) == (2, 1)
    assert mean.description["crops"] == 2 and mean.description["average"] is True
    np.testing.assert_allclose(mean.array("fc")[:, 0], kept.array("fc").mean(1), rtol=1e-5)


def test_the_old_file_stays_until_the_new_one_is_whole(photos, tmp_path, monkeypatch):
    path = tmp_path / "f.h5"
    extract_features(small_net(), squares(photos), ["fc"], path)
    before = path.read_bytes()

    def stops(self, *batch):
        signal.raise_signal(signal.SIGINT)
        add(self, *batch)

    add = module._Collected.add
    monkeypatch.setattr(module._Collected, "add", stops)
    with pytest.raises(KeyboardInterrupt, match=r"stopped after 8 images; the same command goes on from there"):
        extract_features(small_net(), squares(photos), ["relu"], path, batch=8)
    assert path.read_bytes() == before and path.with_name("f.h5.parts").is_dir()
    monkeypatch.undo()
    found = extract_features(small_net(), squares(photos), ["relu"], path, batch=8)
    whole = extract_features(small_net(), squares(photos), ["relu"], tmp_path / "whole.h5", batch=8)
    np.testing.assert_array_equal(found.array("relu"), whole.array("relu"))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["f.h5", "photos", "whole.h5"]


@pytest.mark.parametrize("size", [1, 500, 1000])
def test_the_file_is_the_same_whatever_the_parts(photos, tmp_path, monkeypatch, size):
    """Also if a part is full with the last batch of all."""
    whole = extract_features(small_net(), squares(photos), ["a/conv", "fc"], tmp_path / "whole.h5", batch=4)
    monkeypatch.setattr(parts, "PART_BYTES", size)
    monkeypatch.setattr(module, "BLOCK", 100)
    found = extract_features(small_net(), squares(photos), ["a/conv", "fc"], tmp_path / "f.h5", batch=4)
    for layer in ("a/conv", "fc"):
        np.testing.assert_array_equal(found.array(layer), whole.array(layer))
    assert found.decoded.all() and not (tmp_path / "f.h5.parts").exists()


def stopped_pass(photos, path, monkeypatch, **options):
    """A pass over the photos that stops after three batches of four, in three parts."""
    with monkeypatch.context() as patch:
        add, done = module._Collected.add, []

        def stops(self, *batch):
            add(self, *batch)
            done.append(1)
            if len(done) == 3:
                signal.raise_signal(signal.SIGINT)

        patch.setattr(module._Collected, "add", stops)
        patch.setattr(parts, "PART_BYTES", 1)
        with pytest.raises(KeyboardInterrupt):
            extract_features(small_net(), squares(photos), ["fc"], path, batch=4, **options)


def seen_by(monkeypatch):
    """The images that the next passes take in."""
    seen, add = [], module._Collected.add
    monkeypatch.setattr(module._Collected, "add", lambda self, *batch: (seen.extend(batch[2].tolist()), add(self, *batch))[1])
    return seen


@pytest.mark.parametrize("damage", [b"", b"damaged", None], ids=["empty", "text", "cut short"])
def test_a_pass_goes_on_before_a_damaged_part(photos, tmp_path, monkeypatch, damage):
    stopped_pass(photos, tmp_path / "f.h5", monkeypatch)
    part = tmp_path / "f.h5.parts" / "0000000004.h5"
    part.write_bytes(part.read_bytes()[:-100] if damage is None else damage)
    seen = seen_by(monkeypatch)
    found = extract_features(small_net(), squares(photos), ["fc"], tmp_path / "f.h5", batch=4)
    assert seen == list(range(4, COUNT))
    whole = extract_features(small_net(), squares(photos), ["fc"], tmp_path / "whole.h5", batch=4)
    np.testing.assert_array_equal(found.array("fc"), whole.array("fc"))


@pytest.mark.parametrize("change", [{"dtype": "float16"}, {"crops": 2}, {"batch": 5}, {"net": True}])
def test_parts_of_another_pass_are_not_used(photos, tmp_path, monkeypatch, change):
    stopped_pass(photos, tmp_path / "f.h5", monkeypatch)
    net, seen = small_net(), seen_by(monkeypatch)
    if change.pop("net", False):
        other_net(net, photos)
    extract_features(net, squares(photos), ["fc"], tmp_path / "f.h5", **{"batch": 4} | change)
    assert seen == list(range(COUNT)) and not (tmp_path / "f.h5.parts").exists()


def test_infinite_features_are_refused_as_those(photos, tmp_path):
    net = small_net()
    net.parameters["fc/bias"][2] = np.inf
    with pytest.raises(ValueError, match=r"features of .*00\.png at 'fc' are NaN or infinite") as caught:
        extract_features(net, squares(photos), ["fc"], tmp_path / "f.h5", dtype="float16")
    assert "\n" not in str(caught.value)


def test_a_folder_in_the_place_of_the_file_is_named_before_any_work(photos, tmp_path, monkeypatch):
    (tmp_path / "f.h5").mkdir()
    monkeypatch.setattr(Network, "record", poisoned)
    with pytest.raises(OSError, match=r"f\.h5 is a folder, expected a feature file"):
        extract_features(small_net(), squares(photos), ["fc"], tmp_path / "f.h5")
