"""A net that ends in a softmax is studied as the one that ends in its scores: no second softmax, and gradients of the scores."""

import numpy as np
import pytest
from assertions import close, normal
from tiny_training import squares, tiny

from npzf import layers
from npzf.network import Network
from npzf.studies import (
    class_model,
    diagnose_layer,
    grad_cam,
    map_statistics,
    occlusion_map,
    saliency_map,
    transformation_curves,
)

X = normal(2, 7, 7, 3)


def with_softmax():
    """tiny(), with a softmax above its scores."""
    scores = tiny()
    rows = [(name, layer) for name, layer in scores.layers.items()] + [("softmax", layers.Softmax())]
    net = Network(scores.input_shape, rows, dtype="float64")
    for name, value in scores.parameters.items():
        net.parameters[name][...] = value
    net.preprocessing = scores.preprocessing
    return net


def occlusion(net):
    maps = occlusion_map(net, X, [0, 2], size=3, step=2, layer="conv1")
    return maps.probability, maps.prediction, maps.original_probability, maps.activity


def curves(net):
    changes = transformation_curves(net, X, [0, 2], ["norm1"], "rotation", amounts=[0, 20])
    return changes.probability, changes.distances["norm1"]


def statistics(net):
    result = map_statistics(net, squares(6), ["conv1"])
    return result.class_images, np.array([result.predictions[i] for i in range(6)])


STUDIES = {
    "occlusion": occlusion,
    "transformations": curves,
    "statistics": statistics,
    "saliency": lambda net: [saliency_map(net, X, [1, 2])],
    "Grad-CAM": lambda net: [grad_cam(net, X, "norm1", 1)],
    "class model": lambda net: [class_model(net, 1, decay=0.1, rate=0.1, steps=5, start=X[0])],
    "diagnosis": lambda net: [diagnose_layer(net, squares(6), "conv1").aliased],
}


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_the_softmax_changes_nothing(study):
    for one, other in zip(study(with_softmax()), study(tiny()), strict=True):
        close(1.0 * one, 1.0 * other, 1e-12)


def test_the_probabilities_are_the_nets_own():
    net = with_softmax()
    maps = occlusion_map(net, X, 1, size=7, grey=2.0)
    close(maps.probability[:, 0, 0], net.forward(np.full_like(X, 2.0))[:, 1], 1e-12)
    close(maps.original_probability, net.forward(X)[:, 1], 1e-12)
