"""The atlas as files: every map is there, every tile at its place on its sheet, and no name can become markup."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from tiny_training import squares, tiny

from npzf.data import EvaluationBatches
from npzf.layers import Conv
from npzf.network import Network
from npzf.render import atlas
from npzf.render.atlas.numbers import four_digits, shades
from npzf.render.atlas.sheets import GROUP, MARGIN, MID_GREY, SIDE, THUMBNAILS, tile, tile_side
from npzf.render.pictures import downscale
from npzf.studies.atlas import map_statistics

EVIL = "</script><script>alert('$title')</script>&\u2028\"<b>é"
SHOWN = EVIL.replace("\u2028", r"\u2028")
SHEETS = ("projections", "patches", "thumbnails")


class Reader(HTMLParser):
    """Tags with their attributes, and texts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def data_of(folder):
    return json.loads((folder / "data.js").read_text("ascii").removeprefix("const ATLAS = ").removesuffix(";\n"))


def site(folder, **changes):
    data = {"title": EVIL, "introduction": EVIL, "layers": [], "images": {0: [EVIL]}, **changes}
    return atlas.write_site(folder / "new", data)


def test_names_cannot_become_markup(tmp_path):
    path = site(tmp_path)
    page = Reader(path.read_text("utf-8"))
    assert len(page.all("script")) == 2 and not page.all("b")
    assert page.texts.count(SHOWN) == 3  # title, heading, introduction
    assert data_of(path.parent)["images"] == {"0": [SHOWN]} and "\n" not in (path.parent / "data.js").read_text()[:-1]


def test_nothing_comes_from_outside(tmp_path):
    text = site(tmp_path, title="Atlas", introduction="Hello.").read_text("utf-8")
    page = Reader(text)
    assert [script.get("src") for script in page.all("script")] == ["data.js", None]
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert not re.search(r"https?:|//[a-z]|@import|fetch\(|innerHTML|eval\(", text)
    assert not {tag for tag, _ in page.tags} & {"iframe", "object", "embed", "img"}
    assert all("on" not in (name[:2] for name in attributes) for _, attributes in page.tags)


def test_the_page_is_named_and_labelled(tmp_path):
    page = Reader(site(tmp_path, title="Atlas").read_text("utf-8"))
    assert page.all("html") == [{"lang": "en"}] and page.all("meta")[1]["name"] == "viewport"
    assert page.all("label")[0]["for"] == page.all("input")[0]["id"] and page.all("nav")[0]["aria-label"]


def test_numbers_that_json_does_not_know_are_refused(tmp_path):
    with pytest.raises(ValueError):
        site(tmp_path, seen=float("nan"))
    assert not (tmp_path / "new").exists()


def numbered(maps, count, side=5):
    """Projections and patches whose middle tells map and rank."""
    projections = [[np.full((side, side, 3), -1.0) for _ in range(count)] for _ in range(maps)]
    patches = [[np.full((side, side, 3), 10 * m + k, np.uint8) for k in range(count)] for m in range(maps)]
    for m, block in enumerate(projections):
        for k, picture in enumerate(block):
            picture[side // 2, side // 2] = (10 * m + k) / 127
    return projections, patches


def at(picture, column, row, field):
    """The middle of a tile, found as tiles.js finds it."""
    cell = tile_side(field) + 2 * MARGIN
    return picture[row * cell + cell // 2, column * cell + cell // 2].tolist()


def test_tiles_lie_where_the_page_looks_for_them(tmp_path):
    projections, patches = numbered(6, 3)
    patches[4], projections[4] = patches[4][:1], projections[4][:1]
    patches[5], projections[5] = [], []
    scales = atlas.write_group(tmp_path / "sheets", "01-x-0000", projections, patches, 3, 5)
    assert scales == [[1.0] * 3] * 4 + [[1.0], []]
    above, beside, thumbnails = (np.asarray(Image.open(tmp_path / f"sheets/01-x-0000-{kind}.webp")) for kind in SHEETS)
    cell = tile_side(5) + 2 * MARGIN
    assert above.shape == beside.shape == (6 * cell, 3 * cell, 3) and thumbnails.shape == (2 * cell, THUMBNAILS * cell, 3)
    for m in range(6):
        for k in range(3):
            there = k < len(patches[m])
            assert at(beside, k, m, 5) == [10 * m + k if there else MID_GREY] * 3
            assert at(above, k, m, 5) == [MID_GREY + 10 * m + k if there else MID_GREY] * 3
        expected = MID_GREY + 10 * m if m < 5 else MID_GREY
        assert at(thumbnails, m % THUMBNAILS, m // THUMBNAILS, 5) == [expected] * 3


@pytest.mark.parametrize("field", [1, 7, 33, 96, 97, 224])
def test_tiles_of_any_field(field):
    side = tile_side(field)
    assert side <= SIDE and (side > SIDE / 2 or field > SIDE / 2)
    picture = np.full((field, field, 3), 200, np.uint8)
    np.testing.assert_array_equal(tile(downscale(picture, SIDE / field), field), np.full((side, side, 3), 200))
    clipped = tile(downscale(picture[: (field + 1) // 2], SIDE / field), field)
    assert clipped.shape == (side, side, 3) and (clipped[side // 2] == 200).any()


def test_grey_photographs_and_large_fields_are_written(tmp_path):
    patches = [[np.full((150, 120, 1), 30, np.uint8)]]
    atlas.write_group(tmp_path, "a", [[np.ones((150, 120, 1))]], patches, 1, 160)
    middle = np.asarray(Image.open(tmp_path / "a-patches.webp"))[SIDE // 2, SIDE // 2]
    assert abs(middle.astype(int) - 30).max() < 8


def test_large_projections_are_drawn_with_full_contrast(tmp_path):
    """Strokes of one pixel in 160 are averaged to less when they are downscaled; what is left still reaches black or white."""
    picture = np.zeros((160, 160, 3))
    picture[:, 80] = 1
    ((scale,),) = atlas.write_group(tmp_path, "a", [[picture]], [[np.zeros((160, 160, 3), np.uint8)]], 1, 160)
    assert 0.5 < scale < 0.8
    assert np.asarray(Image.open(tmp_path / "a-projections.webp")).max() > 245


def test_every_map_has_its_numbers():
    net, pictures = tiny(), squares(30)
    statistics = map_statistics(net, EvaluationBatches(pictures, 7, 8, net.preprocessing), ["conv1", "fc2"], count=5)
    for name, maps in (("conv1", 4), ("fc2", 8)):
        top, scales = statistics.layers[name].top, [[0.5] * int((v > 0).sum()) for v in statistics.layers[name].top.values]
        entry = atlas.layer_entry(net, statistics, name, "01-stem", scales)
        assert entry["maps"] == maps and entry["size"] == list(net.shapes[name])
        for key in ("values", "scales", "images", "inactive", "widths", "counts", "classes", "means", "mean", "places"):
            assert len(entry[key]) == maps, key
        for m in range(maps):
            shown = (top.values[m] > 0).sum()
            assert len(entry["values"][m]) == len(entry["images"][m]) == len(entry["scales"][m]) == shown
            assert entry["images"][m] == top.images[m, :shown].tolist()
            assert entry["inactive"][m] + sum(entry["counts"][m]) == 30
        json.dumps(entry, allow_nan=False)
    class_name = "ABC".__getitem__
    images = atlas.image_entries(statistics, lambda i: f"a/b/{i}.png", lambda i: f"class {i % 3}", class_name)
    assert {i for maps in statistics.layers.values() for i in maps.top.images[maps.top.values > 0].tolist()} == set(images)
    name, label, predicted, p = images[min(images)]
    assert name == f"{min(images)}.png" and label == f"class {min(images) % 3}" and predicted in "ABC" and 1 / 3 <= p <= 1


def test_a_net_without_class_scores_has_no_predictions():
    net, pictures = tiny(), squares(30)
    statistics = map_statistics(net, EvaluationBatches(pictures, 7, 8, net.preprocessing), ["conv1"], count=5)
    statistics.predictions.clear()
    assert all(len(entry) == 2 for entry in atlas.image_entries(statistics, str, str, str).values())


def test_the_net_as_a_table():
    rows = atlas.net_rows(tiny())
    assert rows[0] == ["conv1", "Conv", "5 × 5 × 4", "112", "3", "1"]
    assert rows[-1] == ["fc3", "FullyConnected", "3", "27", "all", ""]
    oblong = Network((9, 20, 3), [("conv1", Conv(2, (3, 12))), ("conv2", Conv(2, (7, 3)))])
    assert [atlas.patch_side(oblong, name) for name in ("conv1", "conv2")] == [12, 14]
    assert atlas.patch_side(tiny(), "conv1") == 3 and atlas.patch_side(tiny(), "fc2") == 7


def test_shades_show_every_place():
    assert shades(np.array([[0, 1], [70, 7000]])) == ["01", "1z"]
    assert shades(np.zeros((1, 2), int)) == ["00"]
    assert four_digits([0.123456, 1e-9, 123456.0]) == [0.1235, 1e-9, 123500.0]


def test_the_page_knows_the_sheets():
    assert atlas.sheet_geometry() == {"group": GROUP, "thumbnails": THUMBNAILS, "margin": MARGIN}
