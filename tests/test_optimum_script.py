"""scripts/optimum.py as a user runs it: on a small untrained net, what it prints, draws and refuses."""

import re

import numpy as np
import pytest
from PIL import Image
from test_scripts import refuses, works

import npzf
from npzf import layers
from npzf.network import Network
from npzf.preprocessing import Preprocessing


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A net with a slash in a layer's name, and one of which the only map is dead."""
    root = tmp_path_factory.mktemp("optimum")
    table = [
        ("conv1", layers.Conv(5, 3, stride=2, pad=1)),
        ("relu1", layers.ReLU()),
        ("fire2/expand3x3", layers.Conv(7, 3, pad=1)),
        ("flatten", layers.Flatten()),
        ("fc3", layers.FullyConnected(4)),
    ]
    net = Network((16, 16, 3), table)
    net.preprocessing = Preprocessing(None, 50.0)
    net.save(root / "net.h5")
    dead = Network((16, 16, 3), [("conv1", layers.Conv(1, 3)), ("relu1", layers.ReLU())])
    dead.parameters["conv1/bias"][...] = -1e4
    dead.save(root / "dead.h5")
    return root


def test_a_sheet_of_the_layer_and_a_film_of_each_map(folder, tmp_path):
    out = tmp_path / "new"
    options = ["--maps", 3, 6, "--contrast", 25, "--spectrum-exponent", 0.3, "--out", out]
    printed = works("optimum", folder / "net.h5", *options)
    assert "fire2/expand3x3: the unit in the middle of a map sees 7 x 7 pixels" in printed
    norm = 0.5 * np.sqrt(7 * 7 * 3)  # 25 of 50 grey levels
    assert f"norm {norm:.5g} in units of the net's input: 25 grey levels (RMS); spectrum 1/f^0.3" in printed
    for index in (3, 6):
        assert re.search(rf"^map {index}: [\d.]+, [\d.]+° between the optimum and its gradient", printed, re.M)
    assert len(re.findall(r"^  direction [12]: curvature [-\d.e-]+, keeps -?\d+% at -60°.* 100% at 0°, ", printed, re.M)) == 4
    names = ["optimum_fire2-expand3x3.png", "optimum_fire2-expand3x3_map3.webp", "optimum_fire2-expand3x3_map6.webp"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert all(str(out / name) in printed for name in names)
    with Image.open(out / names[0]) as sheet:
        assert sheet.text["layer"] == "fire2/expand3x3" and float(sheet.text["norm"]) == pytest.approx(norm)
    with Image.open(out / names[1]) as animated:
        assert animated.n_frames == 48


def test_the_hessians_eigenvectors_are_other_directions(folder, tmp_path):
    options = [folder / "net.h5", "--maps", 3, "--out", tmp_path]
    told = [re.findall(r"direction \d: curvature ([-\d.e]+)", works("optimum", *options, *more)) for more in ((), ("--hessian",))]
    assert len(told[0]) == len(told[1]) == 2 and set(told[0]).isdisjoint(told[1])


def test_the_first_layers_optimum_is_its_filter_and_falls_alike_in_all_directions(folder, tmp_path):
    """Its value: the filter's length times the norm."""
    options = [
        "--layer",
        "conv1",
        "--maps",
        2,
        "--spectrum-exponent",
        0,
        "--animation",
        "gif",
        "--directions",
        1,
        "--out",
        tmp_path,
    ]
    printed = works("optimum", folder / "net.h5", *options)
    length = np.linalg.norm(npzf.load(folder / "net.h5").parameters["conv1/weight"][2])
    value, angle = re.search(r"map 2: ([\d.]+), ([\d.]+)°", printed).groups()
    assert float(value) == pytest.approx(length * 40 / 50 * np.sqrt(27), rel=1e-3) and angle == "0.0"
    assert "keeps 50% at -60°, 87% at -30°, 100% at 0°, 87% at 30°, 50% at 60°" in printed
    assert (tmp_path / "optimum_conv1_map2.gif").is_file()
    tile = np.asarray(Image.open(tmp_path / "optimum_conv1.png"))
    assert tile.shape[1] > 5 * 110  # pixels of 3 x 3 pictures are enlarged


def test_without_maps_some_are_evenly_chosen_and_scores_may_be_looked_at(folder, tmp_path):
    printed = works("optimum", folder / "net.h5", "--layer", "fc3", "--steps", 20, "--out", tmp_path)
    assert re.findall(r"^map (\d)", printed, re.M) == ["0", "1", "2", "3"]
    assert "sees 16 x 16 pixels" in printed


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--layer", "conv9"], "--layer is 'conv9', expected one of conv1"),
        (["--maps", 0, 7], "--maps has 7, expected 0 to 6, the maps of fire2/expand3x3"),
        (["--maps", -1], "--maps is -1, expected a whole number from 0"),
        (["--contrast", 0], "--contrast is 0, expected a number above 0"),
        (["--contrast", "nan"], "--contrast is nan, expected a number above 0"),
        (["--spectrum-exponent", -1], "--spectrum-exponent is -1, expected a number from 0"),
        (["--directions", 99999], "--directions is 99999, expected 1 to "),
        (["--directions", 0], "--directions is 0, expected a whole number from 1"),
        (["--seed", -1], "--seed is -1, expected a whole number from 0"),
        (["--steps", -1], "--steps is -1, expected a whole number from 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(folder, tmp_path, options, named):
    refuses(named, "optimum", folder / "net.h5", *options, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_dead_units_are_named(folder, tmp_path):
    options = ["--out", tmp_path / "out"]
    named = "unit is (0, 7, 7) of 'relu1' without gradient at the noise of seed 0, expected another unit or seed"
    refuses(named, "optimum", folder / "dead.h5", "--layer", "relu1", *options)
    refuses("value of map 0 of conv1 is -9", "optimum", folder / "dead.h5", "--layer", "conv1", *options)
    assert not (tmp_path / "out").exists()
