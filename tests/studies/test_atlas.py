"""The statistics of maps, against plain counting over all images at once, whatever the batches."""

import numpy as np
import pytest
from assertions import normal
from synthetic_images import ENERGY, SIDE, marked, seeker
from tiny_training import squares, tiny

from npzf import layers
from npzf.data import EvaluationBatches
from npzf.losses import softmax
from npzf.network import Network
from npzf.studies import top_activations
from npzf.studies.atlas import CELLS, LayerStatistics, map_statistics, memberships
from npzf.studies.histograms import BINS, Histograms

LAYERS = ["conv1", "norm1", "fc2"]


def look(batch=64, count=4, images=30, layers=LAYERS):
    net = tiny()
    return map_statistics(net, EvaluationBatches(squares(images), 7, batch, net.preprocessing), layers, count=count)


def activations(layer, images=30):
    net = tiny()
    x, labels, _ = next(iter(EvaluationBatches(squares(images), 7, images, net.preprocessing)))
    return net.forward(x, upto=layer), labels, softmax(net.forward(x))


def everything(statistics):
    """Every number of some statistics, as one flat list."""
    arrays = [statistics.class_images, *(np.array(part) for part in zip(*sorted(statistics.predictions.items()), strict=True))]
    for name in sorted(statistics.layers):
        maps = statistics.layers[name]
        arrays += [*vars(maps.top).values(), maps.histograms.inactive, maps.histograms.counts, maps.histograms.widths]
        arrays += [maps.sums, maps.places, *statistics.top_classes(name)]
    return [statistics.images, *(array.tolist() for array in arrays)]


@pytest.mark.parametrize("layer", LAYERS)
def test_numbers_are_those_of_plain_counting(layer):
    maps, (y, labels, _) = look().layers[layer], activations(layer)
    cells = -(-y.shape[1] // maps.cell) if y.ndim == 4 else 1
    for m in range(y.shape[-1]):
        values, places = [], np.zeros((cells, cells), int)
        for image in y[..., m]:
            values.append(image.max())
            if image.max() > 0:
                row, column = np.argwhere(image.reshape(y.shape[1:-1] or (1,)) == image.max())[0] if y.ndim == 4 else (0, 0)
                places[row // maps.cell, column // maps.cell] += 1
        values, width = np.array(values), maps.histograms.widths[m]
        np.testing.assert_array_equal(maps.places[m], places)
        assert maps.histograms.inactive[m] == sum(values <= 0)
        for b in range(BINS):
            assert maps.histograms.counts[m, b] == sum((values > 0) & (values >= b * width) & (values < (b + 1) * width))
        for c in range(3):
            np.testing.assert_allclose(maps.sums[c, m], np.maximum(values[labels == c], 0).sum(), rtol=1e-12)


def test_the_strongest_are_those_of_figure_2():
    net = tiny()
    tops = top_activations(net, EvaluationBatches(squares(30), 7, 64, net.preprocessing), LAYERS, count=4)
    for name, maps in look().layers.items():
        for mine, theirs in zip(vars(maps.top).values(), vars(tops[name]).values(), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_batches_of_any_size_give_the_same_numbers():
    """But for what products of another batch size round differently: the images are compared through their activations."""
    y, classes = normal(23, 5, 4, 3), np.arange(23) % 4
    expected = None
    for batch in (23, 1, 2, 7):
        maps = LayerStatistics((5, 4, 3), 6, 4, y.dtype)
        for start in range(0, 23, batch):
            part = slice(start, start + batch)
            maps.add(y[part], np.arange(23)[part], memberships(classes[part]))
        numbers = [*vars(maps.top).values(), maps.histograms.counts, maps.histograms.widths, maps.sums, maps.places]
        expected = expected or [number.tolist() for number in numbers]
        assert [number.tolist() for number in numbers] == expected


def test_the_same_images_give_the_same_statistics():
    assert everything(look(batch=7)) == everything(look(batch=7))


def test_top_classes_are_ranked_by_their_means():
    statistics, (y, labels, _) = look(), activations("norm1")
    strongest = np.maximum(y.max((1, 2)), 0)
    means = np.array([strongest[labels == c].mean(0) for c in range(3)])
    classes, values = statistics.top_classes("norm1", 2)
    assert classes.tolist() == np.argsort(-means, 0, kind="stable")[:2].T.tolist()
    np.testing.assert_allclose(values, np.sort(means, 0)[::-1][:2].T, rtol=1e-6)


def test_images_without_labels_are_put_where_the_net_puts_them():
    net, pictures = tiny(), squares(30)
    pictures.source.classes = ("",) * 3
    statistics, (_, _, probabilities) = map_statistics(net, pictures, LAYERS, count=30), activations("conv1")
    assert statistics.class_images.tolist() == np.bincount(probabilities.argmax(1), minlength=3).tolist()
    assert sorted(statistics.predictions) == list(range(30))
    for i, (best, share) in statistics.predictions.items():
        assert best == probabilities[i].argmax() and share == pytest.approx(probabilities[i].max(), rel=1e-6)


def test_a_net_that_does_not_classify_puts_all_images_together():
    whole = tiny()
    net = Network(whole.input_shape, [("conv1", whole.layers["conv1"]), ("relu1", whole.layers["relu1"])], dtype="float64")
    statistics = map_statistics(net, list(EvaluationBatches(squares(30), 7, 8, whole.preprocessing)), ["conv1"], count=4)
    assert statistics.class_images.tolist() == [30] and not statistics.predictions
    y = net.forward(next(iter(EvaluationBatches(squares(30), 7, 30, whole.preprocessing)))[0], upto="conv1")
    np.testing.assert_allclose(statistics.layers["conv1"].sums[0], np.maximum(y.max((1, 2)), 0).sum(0), rtol=1e-12)


def test_predictions_are_retained_for_the_strongest_alone():
    statistics = look(batch=3, count=1, layers=["conv1"])
    assert sorted(statistics.predictions) == sorted(set(statistics.layers["conv1"].top.images[:, 0].tolist()))


def test_planted_marks_are_counted_where_they_lie():
    net, places = seeker(), [(0, 0), (4, 5), (4, 5), (9, 9), (0, 0)]
    pictures = marked([3, 1, 9, 2, 0], places)
    maps = map_statistics(net, EvaluationBatches(pictures, SIDE, 2), ["conv1"], count=2).layers["conv1"]
    expected = np.zeros((10, 10), int)
    expected[[0, 4, 9], [0, 5, 9]] = 1, 2, 1
    np.testing.assert_array_equal(maps.places[0], expected)
    assert maps.histograms.inactive.tolist() == [1, 5, maps.histograms.inactive[2]]
    assert maps.sums[:, 0].tolist() == [0, ENERGY * 15] and not maps.histograms.widths[1]


def test_histograms_do_not_depend_on_the_order():
    values = np.exp(normal(200, 3) * 4) * np.sign(normal(200, 3, seed=1))
    values[:, 2] = -1
    one, other = Histograms(3), Histograms(3)
    one.add(values)
    for value in np.sort(values, 0):
        other.add(value[None])
    np.testing.assert_array_equal(one.counts, other.counts)
    np.testing.assert_array_equal(one.widths, other.widths)
    assert (one.counts.sum(1) + one.inactive).tolist() == [200] * 3 and one.widths[2] == 0
    used = [np.flatnonzero(counts).max() + 1 for counts in one.counts[:2]]
    assert min(used) > BINS // 2 and max(used) <= BINS


def test_large_layers_are_summed_up_in_few_cells():
    maps = LayerStatistics((55, 27, 2), 1, 1, np.dtype("float32"))
    assert maps.cell == 4 and maps.places.shape == (2, CELLS, 7)
    maps.add(normal(6, 55, 27, 2), np.arange(6), memberships(np.zeros(6, int)))
    assert maps.places.sum() == 12


def test_what_cannot_be_looked_at_is_refused():
    with pytest.raises(ValueError, match="number of images is 0"):
        map_statistics(tiny(), [], LAYERS)
    with pytest.raises(ValueError, match="layer is 'conv9', expected one of conv1"):
        look(layers=["conv9"])
    net = tiny()
    net.parameters["conv1/bias"][0] = np.nan
    with pytest.raises(ValueError, match="activations are NaN or infinite"):
        map_statistics(net, EvaluationBatches(squares(4), 7, 4, net.preprocessing), ["conv1"])


def test_an_image_with_several_labels_counts_for_each():
    """Image 0 is ant and bee, image 1 has no label, image 2 is cat."""
    net, pictures = tiny(), squares(3)
    pictures.source.targets = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1]], bool)
    statistics = map_statistics(net, pictures, ["conv1"])
    assert statistics.class_images.tolist() == [1, 1, 1] and statistics.images == 3
    strongest = np.maximum(activations("conv1", 3)[0].max((1, 2)), 0)
    np.testing.assert_allclose(statistics.layers["conv1"].sums, strongest[[0, 0, 2]], rtol=1e-12)


def test_batches_alone_say_nothing_of_classes():
    """Without an image set, the images are grouped by the net's prediction, whatever their targets."""
    net = tiny()
    statistics = map_statistics(net, list(EvaluationBatches(squares(30), 7, 8, net.preprocessing)), ["conv1"])
    predictions = activations("conv1")[2].argmax(1)
    assert statistics.class_images.tolist() == np.bincount(predictions, minlength=3).tolist()


def test_a_map_that_is_not_square():
    net = Network((6, 8, 3), [("conv1", layers.Conv(2, 3))], dtype="float64")
    pictures = squares(5)
    maps = map_statistics(net, pictures, ["conv1"], count=2).layers["conv1"]
    assert maps.places.shape == (2, 4, 6) and (maps.places.sum((1, 2)) + maps.histograms.inactive).tolist() == [5, 5]
    y = net.forward(next(iter(EvaluationBatches(pictures, (6, 8), 5)))[0])
    for m in range(2):
        row, column = np.unravel_index(y[maps.top.images[m, 0], ..., m].argmax(), (4, 6))
        assert (maps.top.rows[m, 0], maps.top.columns[m, 0]) == (row, column) and maps.places[m, row, column] > 0


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_below_one_is_named(count):
    with pytest.raises(ValueError, match=f"count is {count}, expected at least 1"):
        look(count=count)
