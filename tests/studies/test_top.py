"""Figure 2: the planted marks come out in order, at their places, whatever the batches."""

from itertools import chain

import numpy as np
import pytest
from assertions import close, normal
from synthetic_images import ENERGY, MARK, marked, seeker
from tiny_training import squares, tiny

from npzf import layers
from npzf.backend import use_device
from npzf.data import EvaluationBatches, SquareImages
from npzf.network import Network
from npzf.studies import TopActivations, projections_and_patches, top_activations

STRENGTHS = [3, 0, 9, 1, 7, 9, 2]
PLACES = [(0, 0), (0, 0), (4, 5), (9, 9), (2, 7), (1, 1), (6, 3)]


def find(count=4, batch=128, layers=("conv1",), strengths=STRENGTHS, places=PLACES):
    net, images = seeker(), marked(strengths, places)
    return top_activations(net, EvaluationBatches(images, 12, batch, net.preprocessing), layers, count=count)


def test_the_strongest_marks_are_found_at_their_places():
    top = find()["conv1"]
    assert top.images[0].tolist() == [2, 5, 4, 0]  # of equals, the earlier image first
    assert top.values[0].tolist() == [ENERGY * strength for strength in (9, 9, 7, 3)]
    assert list(zip(top.rows[0], top.columns[0], strict=True)) == [(4, 5), (1, 1), (2, 7), (0, 0)]


@pytest.mark.parametrize("batch", [1, 2, 3, 6])
def test_batches_of_any_size_give_the_same(batch):
    for one, other in zip(vars(find(batch=batch)["conv1"]).values(), vars(find()["conv1"]).values(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("batch", [1, 2, 4, 11])
def test_merging_equals_sorting_everything(batch):
    y = normal(11, 4, 5, 3).round(1)  # so that there are equals
    top = TopActivations.empty(3, 6, y.dtype)
    for start in range(0, 11, batch):
        top = top.updated(y[start : start + batch], np.arange(start, min(start + batch, 11)))
    for m in range(3):
        best = [max((y[n, i, j, m], -i * 5 - j) for i in range(4) for j in range(5)) for n in range(11)]
        ranked = sorted(range(11), key=lambda n: (-best[n][0], n))[:6]
        assert top.images[m].tolist() == ranked
        assert top.values[m].tolist() == [best[n][0] for n in ranked]
        assert (top.rows[m] * 5 + top.columns[m]).tolist() == [-best[n][1] for n in ranked]


def test_an_image_counts_once():
    top = find(count=7)["conv1"]
    for images in top.images:
        assert sorted(images) == list(range(7))


def test_places_left_when_there_are_fewer_images():
    top = find(count=9)["conv1"]
    assert top.images.shape == (3, 9)
    assert (top.images[:, 7:] == -1).all() and np.isneginf(top.values[:, 7:]).all()


def test_what_is_kept_does_not_grow_with_the_images():
    y, top = normal(2, 3, 3, 4), TopActivations.empty(4, 5, np.dtype("float64"))
    for n in range(0, 40, 2):
        top = top.updated(y, np.array([n, n + 1]))
        assert [a.shape for a in vars(top).values()] == [(4, 5)] * 4
        assert all(a.base is None or a.base.size <= 4 * 7 for a in vars(top).values())


def test_several_layers_in_one_pass_over_images_without_a_length():
    tops = top_activations(seeker(), iter(EvaluationBatches(marked(STRENGTHS, PLACES), 12, 2)), ["conv1", "relu1", "fc"], count=3)
    np.testing.assert_array_equal(tops["relu1"].images[0], tops["conv1"].images[0])
    assert tops["fc"].images[1].tolist() == [2, 5, 4]
    assert not tops["fc"].rows.any() and not tops["fc"].columns.any()


def test_pictures_are_the_marks_beside_the_patches():
    net, images = seeker(), marked(STRENGTHS, PLACES)
    projections, patches = projections_and_patches(net, images, "conv1", find()["conv1"], [0])
    for picture, patch, strength in zip(projections[0], patches[0], (9, 9, 7, 3), strict=True):
        assert patch.dtype == np.uint8
        np.testing.assert_array_equal(patch[..., 1], strength * MARK)
        np.testing.assert_array_equal(picture[..., 1], ENERGY * strength * MARK.astype(float))
        assert not picture[..., [0, 2]].any() and not patch[..., [0, 2]].any()


def test_activations_that_are_not_positive_have_no_picture():
    """Map 1 sees nothing at all; map 2 is never above 0; and one of the images is black."""
    top = find(count=7)["conv1"]
    projections, patches = projections_and_patches(seeker(), marked(STRENGTHS, PLACES), "conv1", top, [2, 0, 1])
    assert [len(block) for block in projections] == [len(block) for block in patches] == [0, 6, 0]


def test_more_units_than_are_projected_together(monkeypatch):
    top = find(count=7)["conv1"]
    whole = projections_and_patches(seeker(), marked(STRENGTHS, PLACES), "conv1", top, [0])
    monkeypatch.setattr("npzf.studies.top.UNITS", 2)
    parts = projections_and_patches(seeker(), marked(STRENGTHS, PLACES), "conv1", top, [0])
    for one, other in zip(whole[0][0] + whole[1][0], parts[0][0] + parts[1][0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_pictures_of_a_fully_connected_layer_are_whole_images():
    net, images = seeker(), marked(STRENGTHS, PLACES)
    projections, patches = projections_and_patches(net, images, "fc", find(layers=["fc"])["fc"], [1])
    assert [picture.shape for picture in projections[0] + patches[0]] == [(12, 12, 3)] * 8
    np.testing.assert_array_equal(patches[0][0], images.source.pixels[2])


def test_unknown_layers_and_no_images():
    with pytest.raises(ValueError, match="layer is 'conv2', expected one of conv1"):
        find(layers=["conv2"])
    with pytest.raises(ValueError, match="number of images is 0"):
        top_activations(seeker(), [], ["conv1"])


def upright():
    """A net for crops of 8 x 12 pixels, whose map 0 finds the mark."""
    net = Network((8, 12, 3), [("conv1", layers.Conv(1, 3)), ("relu1", layers.ReLU())], dtype="float64", weight_init=0.0)
    net.parameters["conv1/weight"][0, :, :, 1] = MARK
    return net


def test_crops_that_are_not_square():
    """Of 12 x 12 pixels the crop takes rows 2 to 9: a mark at (4, 5) lies at (2, 5), one at (0, 0) is cut."""
    net, images = upright(), marked([3, 1, 5], [(4, 5), (0, 0), (7, 9)])
    top = top_activations(net, images, ["relu1"], count=2)["relu1"]
    assert top.images[0].tolist() == [2, 0] and top.values[0].tolist() == [5 * ENERGY, 3 * ENERGY]
    assert list(zip(top.rows[0], top.columns[0], strict=True)) == [(5, 9), (2, 5)]
    projections, patches = projections_and_patches(net, images, "relu1", top, [0])
    for picture, patch, strength in zip(projections[0], patches[0], (5, 3), strict=True):
        np.testing.assert_array_equal(patch[..., 1], strength * MARK)
        np.testing.assert_array_equal(picture[..., 1], ENERGY * strength * MARK.astype(float))


def equal(one, other):
    for a, b in zip(vars(one).values(), vars(other).values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_squares_and_batches_give_the_same():
    net, images = seeker(), marked(STRENGTHS, PLACES)
    expected = top_activations(net, images, ["conv1"], count=4)["conv1"]
    batches = EvaluationBatches(images, 12, 3)
    equal(top_activations(net, batches, ["conv1"], count=4)["conv1"], expected)
    equal(top_activations(net, list(batches), ["conv1"], count=4)["conv1"], expected)


def test_an_image_set_is_resized_to_eight_sevenths_of_the_crop():
    net, source = seeker(), marked(STRENGTHS, PLACES).source
    images = SquareImages(source, 14)
    top = top_activations(net, source, ["conv1"], count=4)["conv1"]
    equal(top, top_activations(net, images, ["conv1"], count=4)["conv1"])
    patches = [projections_and_patches(net, one, "conv1", top, [0])[1][0] for one in (source, images)]
    np.testing.assert_array_equal(*patches)


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_below_one_is_named(count):
    with pytest.raises(ValueError, match=f"count is {count}, expected at least 1"):
        top_activations(seeker(), marked(STRENGTHS, PLACES), ["conv1"], count=count)


def test_a_gpu_projects_single_units_in_their_regions_too(gpu, monkeypatch):
    stays, goes, images = tiny(), tiny().to("cuda"), squares(6)
    with use_device(None):
        top = top_activations(stays, images, ["norm1"], count=2)["norm1"]
        expected = projections_and_patches(stays, images, "norm1", top, [0, 2])
    monkeypatch.setattr("npzf.studies.top.project", None)  # whole images
    pictures = projections_and_patches(goes, images, "norm1", top, [0, 2])
    for blocks, expected_blocks in zip(pictures, expected, strict=True):
        assert [len(block) for block in blocks] == [2, 2]
        for one, other in zip(chain(*blocks), chain(*expected_blocks), strict=True):
            assert type(one) is np.ndarray
            close(1.0 * one, 1.0 * other, 1e-10)
