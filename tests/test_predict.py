"""Predictions and features equal a forward pass by hand, for arrays and image sets alike, and rows match images."""

import numpy as np
import pytest
from assertions import close, normal
from tiny_training import Pictures, squares, tiny

from npzf import layers
from npzf.backend import to_device, use_device
from npzf.data import EvaluationBatches, ImageFiles, SquareImages, TenCropBatches, evaluation_batches, ten_crops
from npzf.losses import softmax
from npzf.network import Network
from npzf.predict import features, predict, probabilities

LAYERS = ["fc2", "conv1", "pool1"]


def by_hand(net, x):
    return softmax(net.forward(x))


@pytest.mark.parametrize("batch", [1, 4, 32])
def test_predict_is_forward_and_softmax(batch):
    net, x = tiny(), normal(9, 7, 7, 3)
    p = predict(net, x, batch)
    assert type(p) is np.ndarray and p.shape == (9, 3)
    close(p, by_hand(net, x), 1e-12)


@pytest.mark.parametrize("batch", [1, 4, 32])
def test_features_are_the_activations(batch):
    net, x = tiny(), normal(9, 7, 7, 3)
    found = features(net, x, LAYERS, batch)
    assert list(found) == LAYERS
    for name in LAYERS:
        assert type(found[name]) is np.ndarray
        close(found[name], net.forward(x, upto=name), 1e-12)


@pytest.mark.parametrize("images", [Pictures(9), squares(9), EvaluationBatches(squares(9), 7, 4, tiny().preprocessing)])
def test_image_sets_give_what_their_arrays_give(images):
    net = tiny()
    ((x, _, _),) = evaluation_batches(net, squares(9))
    close(predict(net, images, 4), by_hand(net, x), 1e-12)
    for name, rows in features(net, images, LAYERS, 4).items():
        close(rows, net.forward(x, upto=name), 1e-12)


def test_a_net_that_ends_in_a_softmax_has_no_second_one():
    plain = tiny()
    table = [(name, layer) for name, layer in plain.layers.items()]
    net = Network((7, 7, 3), [*table, ("prob", layers.Softmax())], dtype="float64")
    for name, value in plain.parameters.items():
        net.parameters[name][...] = value
    x = normal(5, 7, 7, 3)
    close(predict(net, x), by_hand(plain, x), 1e-12)
    close(net.forward(x), by_hand(plain, x), 1e-12)
    close(features(net, x, ["prob"])["prob"], by_hand(plain, x), 1e-12)


def test_rows_match_images_where_some_cannot_be_decoded():
    net, bad = tiny(), [0, 150]
    whole, broken = SquareImages(Pictures(200), 8), SquareImages(Pictures(200, bad=bad), 8)
    p, expected = predict(net, broken), predict(net, whole)
    assert np.flatnonzero(np.isnan(p).any(1)).tolist() == np.flatnonzero(np.isnan(p).all(1)).tolist() == bad
    assert sorted(broken.failures) == bad
    good = np.delete(np.arange(200), bad)
    close(p[good], expected[good], 1e-12)
    (rows,) = features(net, broken, ["conv1"]).values()
    assert np.isnan(rows[bad]).all() and not np.isnan(rows[good]).any()


def test_a_last_image_that_cannot_be_decoded_has_a_row_too():
    p = predict(tiny(), Pictures(200, bad=[199]), 10)
    assert p.shape == (200, 3) and np.isnan(p[199]).all() and not np.isnan(p[198]).any()


def test_ten_crops_are_averaged_after_the_softmax():
    net, images = tiny(), squares(4)
    batches = TenCropBatches(images, 7, 3, net.preprocessing)
    expected = [by_hand(net, net.preprocessing.apply(crops)).mean(0) for crops in ten_crops(images.source.pixels, 7)]
    close(predict(net, batches), np.array(expected), 1e-12)
    (p, targets, indices), _ = probabilities(net, batches)
    assert p.shape == (3, 3) and targets.tolist() == indices.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="batch has 30 crops of 3 images, expected one of each"):
        features(net, batches, ["conv1"])


def test_probabilities_of_batches_come_with_targets_and_indices():
    net = tiny()
    (p, targets, indices), (last, _, _) = probabilities(net, EvaluationBatches(squares(9), 7, 5, net.preprocessing))
    assert p.shape == (5, 3) and last.shape == (4, 3)
    assert targets.tolist() == [0, 1, 2, 0, 1] and indices.tolist() == [0, 1, 2, 3, 4]


def test_arrays_may_be_of_another_size_than_the_nets_input_below_the_classifier():
    net, x = tiny(), normal(3, 11, 12, 3)
    close(features(net, x, ["conv1"])["conv1"], net.forward(x, upto="conv1"), 1e-12)


@pytest.mark.parametrize("images", [normal(9, 7, 7, 3), squares(9)], ids=["array", "images"])
def test_on_a_gpu(gpu, images):
    stays, goes = tiny("float32"), tiny("float32").to("cuda")
    p, found = predict(goes, images, 4), features(goes, images, LAYERS, 4)
    with use_device(None):
        close(p, predict(stays, images, 4), 1e-5)
        for name, rows in features(stays, images, LAYERS, 4).items():
            assert type(found[name]) is np.ndarray
            close(found[name], rows, 1e-5)


def test_arrays_of_a_gpu(gpu):
    net, x = tiny("float32").to("cuda"), normal(9, 7, 7, 3, dtype="float32")
    np.testing.assert_array_equal(predict(net, to_device(x), 4), predict(net, x, 4))


def test_progress_is_shown_if_asked_for(capsys):
    predict(tiny(), normal(9, 7, 7, 3))
    assert capsys.readouterr().err == ""
    predict(tiny(), normal(9, 7, 7, 3), progress=True)
    assert "/9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda net: predict(net, normal(7, 7, 3)), r"x has shape \(7, 7, 3\), expected \(N, H, W, C\)"),
        (lambda net: predict(net, normal(2, 7, 7, 3)[:0]), r"x has shape \(0, 7, 7, 3\), expected"),
        (lambda net: predict(net, normal(2, 8, 7, 3)), r"x has images of \(8, 7, 3\), expected \(7, 7, 3\)"),
        (lambda net: predict(net, normal(2, 7, 7, 3), 0), "batch is 0, expected at least 1 image"),
        (lambda net: predict(net, []), "images are 'list', expected x"),
        (lambda net: predict(net, 3), "images are 'int', expected"),
        (lambda net: predict(net, ImageFiles([], np.zeros(0, np.int64), ["a"])), "number of images is 0, expected at least one"),
        (lambda net: features(net, normal(2, 7, 7, 3), ["conv9"]), "layer is 'conv9', expected one of conv1"),
        (lambda net: features(net, normal(2, 7, 7, 3), "conv1"), "layers is 'conv1', expected a list of names"),
    ],
)
def test_what_is_refused(call, named):
    with pytest.raises(ValueError, match=named) as caught:
        call(tiny())
    assert "\n" not in str(caught.value)


def test_a_net_without_classes_predicts_nothing():
    net = Network((7, 7, 3), [("conv1", layers.Conv(4, 3))])
    with pytest.raises(ValueError, match=r"output of the net, 'conv1', has shape \(5, 5, 4\), expected \(classes,\)"):
        predict(net, normal(2, 7, 7, 3))
