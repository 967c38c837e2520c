"""Where scripts write: their own earlier outputs are replaced, which is said; nothing else is."""

import numpy as np
import pytest
from PIL import Image
from test_scripts import noise, refuses, works

import npzf


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A net, class folders, and a photograph."""
    root = tmp_path_factory.mktemp("outputs")
    net = npzf.small_zfnet(2, 64)
    net.classes = "ant", "bee"
    net.save(root / "net.h5")
    for k, name in enumerate(net.classes):
        (root / "images" / name).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(noise(3 * k + i)).save(root / "images" / name / f"{i}.png")
    Image.fromarray(noise(9)).save(root / "photo.png")
    return root


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_picture_replaces_its_own_earlier_one_and_says_so(folder, tmp_path):
    arguments = ["explain", folder / "net.h5", folder / "photo.png", "--layers", "conv1", "--out", tmp_path / "a.png"]
    assert "replaced" not in works(*arguments)
    assert works(*arguments).splitlines()[-1] == f"replaced {tmp_path / 'a.png'}, an earlier output"


def test_a_folder_says_in_one_line_what_it_replaces(folder, tmp_path):
    arguments = ["visualize", folder / "net.h5", folder / "images", "--layers", "conv1", "conv2", "--maps", 2, "--tiles"]
    assert "replaced" not in works(*arguments, "--out", tmp_path / "out")
    last = [line for line in works(*arguments, "--out", tmp_path / "out").splitlines() if line.startswith("replaced")]
    assert len(last) == 1 and last[0].startswith(f"replaced {4 + 2 * 4 * 6} earlier outputs in {tmp_path / 'out'}: filters.png, ")


TAKEN = {
    "visualize": ("features.png", "top_conv1.png"),
    "atlas": ("index.html", "data.js"),
    "compare": ("index.html", "row_2.png"),
    "architecture": ("architecture_1.png",),
    "optimum": ("optimum_conv1.png",),
    "explain": ("out.png",),
    "occlusion": ("out.png",),
    "invariance": ("out.png",),
    "convert": ("out.h5", "out.onnx", "out.npz"),
    "overlap": ("out.csv",),
}
GIVEN = {
    "visualize": "{0}/net.h5 {0}/images --layers conv1",
    "atlas": "{0}/net.h5 {0}/images --layers conv1",
    "compare": "{0}/net.h5 {0}/photo.png",
    "architecture": "{0}/net.h5 --images {0}/images",
    "optimum": "{0}/net.h5 --layer conv1 --maps 0",
    "explain": "{0}/net.h5 {0}/photo.png",
    "occlusion": "{0}/net.h5 {0}/photo.png",
    "invariance": "{0}/net.h5 {0}/photo.png",
    "convert": "{0}/net.h5",
    "overlap": "{0}/images {0}/images",
}


@pytest.mark.parametrize(("script", "name"), [(script, name) for script, names in TAKEN.items() for name in names])
def test_what_others_wrote_is_refused_and_stays(folder, tmp_path, script, name):
    (tmp_path / name).write_bytes(b"a thesis")
    out = tmp_path / name if name.startswith("out.") else tmp_path
    refuses("was not written by npzf", script, *GIVEN[script].format(folder).split(), "--out", out)
    assert contents(tmp_path) == {tmp_path / name: b"a thesis"}


@pytest.mark.parametrize("script", ["explain", "occlusion", "invariance"])
def test_a_photograph_that_is_read_is_not_written(folder, script):
    before = contents(folder)
    refuses("which is also read", script, *GIVEN[script].format(folder).split(), "--out", folder / "photo.png")
    (folder / "link.png").symlink_to(folder / "photo.png")
    refuses("which is also read", script, *GIVEN[script].format(folder).split(), "--out", folder / "link.png")
    (folder / "link.png").unlink()
    assert contents(folder) == before


def test_another_photograph_is_not_written_either(folder, tmp_path):
    Image.fromarray(noise(3)).save(tmp_path / "dog.png")
    before = contents(tmp_path)
    refuses("dog.png, which exists and was not written by npzf", "explain", folder / "net.h5", folder / "photo.png", "--out",
            tmp_path / "dog.png")  # fmt: skip
    assert contents(tmp_path) == before


def test_a_tile_that_is_found_late_is_not_replaced(folder, tmp_path):
    """Its name is known only when the work is done."""
    arguments = [*GIVEN["visualize"].format(folder).split(), "--maps", 1, "--count", 1, "--tiles", "--out", tmp_path]
    works("visualize", *arguments)
    tile = next((tmp_path / "tiles").glob("*_patch.png"))
    tile.write_bytes(b"a thesis")
    refuses(f"{tile}, which exists and was not written by npzf", "visualize", *arguments)
    assert tile.read_bytes() == b"a thesis"


def test_the_net_that_is_converted_is_not_replaced(folder):
    before = contents(folder)
    refuses("which is also read", "convert", folder / "net.h5", "--out", folder / "net.h5")
    assert contents(folder) == before


def test_landmarks_and_lists_are_not_written(folder, tmp_path):
    (tmp_path / "names.h5").write_text("ant\nbee\n")
    refuses(
        "which is also read", "convert", folder / "net.h5", "--classes", tmp_path / "names.h5", "--out", tmp_path / "names.h5"
    )
    assert (tmp_path / "names.h5").read_text() == "ant\nbee\n"


@pytest.mark.parametrize(("script", "kind"), [("explain", "folder"), ("visualize", "file")])
def test_a_folder_is_no_file_and_a_file_no_folder(folder, tmp_path, script, kind):
    out = tmp_path / "out.png"
    out.mkdir() if kind == "folder" else out.write_text("x")
    refuses(f"--out is {out}", script, *GIVEN[script].format(folder).split(), "--out", out)


def test_a_device_is_no_output(folder, tmp_path):
    (tmp_path / "null.png").symlink_to("/dev/null")
    refuses("cannot be replaced", "explain", folder / "net.h5", folder / "photo.png", "--out", tmp_path / "null.png")
    assert (tmp_path / "null.png").is_symlink() and np.fromfile("/dev/null", np.uint8, 1).size == 0


@pytest.mark.parametrize("script", ["explain", "visualize"])
def test_a_place_that_cannot_be_written_to_is_named_before_the_work(folder, tmp_path, script):
    (tmp_path / "file").write_text("x")
    given = GIVEN[script].format(folder).split()
    refuses(f"but {tmp_path / 'file'} is no folder", script, *given, "--out", tmp_path / "file" / "new" / "a.png")
    refuses("expected names of at most 255 bytes", script, *given, "--out", tmp_path / ("x" * 252 + ".png"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_net_does_not_replace_a_run_or_another_kind_of_file(folder, tmp_path):
    net = folder / "net.h5"
    works("train", folder / "images", folder / "images", "--size", 64, "--epochs", 1, "--keep", 1, "--out", tmp_path / "run")
    works("convert", net, "--out", tmp_path / "new.h5")
    (tmp_path / "renamed.h5").write_bytes((tmp_path / "run" / "checkpoint.h5").read_bytes())
    before = contents(tmp_path)
    for name in ("run/best.h5", "run/checkpoint.h5", "run/epochs/0001.h5", "renamed.h5"):
        refuses("expected another name", "convert", net, "--out", tmp_path / name)
    assert contents(tmp_path) == before
    assert "replaced" in works("convert", net, "--out", tmp_path / "new.h5")
