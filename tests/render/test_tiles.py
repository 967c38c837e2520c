"""Every projection and patch is a file whose name says layer, map, rank, image and value, and which holds that picture."""

import numpy as np
import pytest
from assertions import normal
from PIL import Image

from npzf.render import file_names, save_tiles, to_grey_robust
from npzf.render.sheets.tiles import tile_stem
from npzf.studies import TopActivations


@pytest.fixture
def top():
    values = np.array([[7.0, 2.5], [-1.0, -np.inf], [1234.5678, 3.0]])
    images = np.array([[3, 0], [1, -1], [0, 12]])
    return TopActivations(values, images, np.zeros_like(images), np.zeros_like(images))


def test_names_and_contents(top, tmp_path):
    projections = [[normal(4, 5, 3), normal(2, 3, 3, seed=1)], [], [normal(4, 4, 1, seed=2)]]
    patches = [[np.full(p.shape, k, np.uint8) for k, p in enumerate(block)] for block in projections]
    names = {3: "a/b/cat 3.jpg", 0: "dog.png"}
    written = save_tiles(tmp_path / "new", "fire2/concat", [0, 1, 2], top, projections, patches, names.__getitem__)
    stems = [
        "fire2-concat_map0000_rank1_image00003-cat-3_value7",
        "fire2-concat_map0000_rank2_image00000-dog_value2.5",
        "fire2-concat_map0002_rank1_image00000-dog_value1235",
    ]
    assert [path.name for path in written] == [f"{stem}_{kind}.png" for stem in stems for kind in ("projection", "patch")]
    assert sorted(written) == sorted((tmp_path / "new").iterdir())
    pairs = [pair for blocks in zip(projections, patches, strict=True) for pair in zip(*blocks, strict=True)]
    for k, (projection, patch) in enumerate(pairs):
        picture, scale = to_grey_robust(projection)
        drawn = Image.open(written[2 * k])
        np.testing.assert_array_equal(np.asarray(drawn), np.broadcast_to(picture, (*picture.shape[:2], 3)))
        assert float(drawn.text["scale"]) == scale and drawn.text["layer"] == "fire2/concat"
        np.testing.assert_array_equal(np.asarray(Image.open(written[2 * k + 1])), np.broadcast_to(patch, (*patch.shape[:2], 3)))
    assert Image.open(written[0]).text["image"] == "a/b/cat 3.jpg" and Image.open(written[0]).text["rank"] == "1"


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", 'a:b*c?"d.png', "ünïcode/ß.jpg"])
def test_names_that_file_systems_take(name, top, tmp_path):
    one = [[normal(2, 2, 3)], [], []], [[np.zeros((2, 2, 3), np.uint8)], [], []]
    for path in save_tiles(tmp_path, "conv1", [0, 1, 2], top, *one, lambda i: name):
        assert path.is_file() and len(path.name) < 160 and path.name.isascii() and not set(path.name) & set(':*?"<>|\\ ')


def test_small_and_large_values():
    assert tile_stem("conv1", 5, 9, 123456, "a.jpg", 1.5e-7) == "conv1_map0005_rank9_image123456-a_value1.5e-07"


def test_names_of_layers_in_files_are_plain_short_and_distinct():
    layers = ["conv1", "features.1", "features/1", "features-1", "../Relu", "x" * 300, "x" * 299, "ä", "Conv1"]
    names = file_names(layers)
    assert names["conv1"] == "conv1" and names["features.1"] == "features-1" and names["features/1"] == "features-1-2"
    assert len({name.lower() for name in names.values()}) == len(layers) and max(map(len, names.values())) < 70
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") for name in names.values())
