"""Every study of a net that was moved with to("cuda"): NumPy arrays, the same as of the net that stayed."""

import copy
from itertools import chain

import numpy as np
import pytest
from assertions import close, normal
from tiny_training import rectangles, squares, tiny

import npzf
from npzf import backend, studies
from npzf.deconvnet import gradient, project_units

X = normal(3, 7, 7, 3)
PHOTOGRAPHS = tiny().preprocessing.apply(np.random.default_rng(0).integers(0, 256, (2, 7, 7, 3), np.uint8))
UNITS = np.array([0, 2, 1]), (np.array([1, 0, 3]), np.array([0, 4, 2]), np.array([3, 1, 0]))  # images, (maps, rows, columns)
REGIONS = np.array([0, 2, 1]), (np.array([1, 0, 2]), np.array([0, 1, 2]), np.array([2, 1, 0]))


def evolution(net):
    found = studies.Evolution(net, squares(9), ["conv1"], maps=2)
    found.add(net, 1)
    return found.projections["conv1"]


def statistics(net):
    found = studies.map_statistics(net, squares(9), ["conv1", "pool1"], count=2)
    return [value for layer in found.layers.values() for value in vars(layer.top).values()] + [found.class_images]


def top(net):
    found = studies.top_activations(net, squares(9), ["conv1", "fc2"], count=3)
    pictures, patches = studies.projections_and_patches(net, squares(9), "conv1", found["conv1"], [0, 2])
    return [found["conv1"].values, found["fc2"].images, *chain(*pictures, *patches)]


def top_maps(net):
    (found,) = studies.top_maps_of_image(net, X, ["pool1"], count=2)
    return [found.maps, found.values, *chain(*found.projections, *found.patches)]


def optimum(net):
    found = studies.optimal_input(net, "conv1", (1, 2, 3), 2.0, steps=5)
    flat = studies.flat_directions(net, found, count=2, steps=3)
    return [found.x, flat.directions, flat.curvatures]


STUDIES = {
    "transformation_curves": lambda net: (lambda f: (f.probability, *f.distances.values()))(
        studies.transformation_curves(net, PHOTOGRAPHS, [0, 2], ("norm1", "relu2"), "rotation", amounts=[0, 20, 90])
    ),
    "sign_changes": lambda net: [
        row.with_zeros
        for row in studies.sign_changes(net, X, {"middle": np.full((3, 2), 3)}, ["relu2"], size=3, random_sets=2)[
            "relu2"
        ].values()
    ],
    "diagnose_layer": lambda net: (lambda f: (f.weight, f.dead, f.shares, f.aliased, f.rms))(
        studies.diagnose_layer(net, [(X, None, np.arange(3))], "conv1")
    ),
    "occlusion_map": lambda net: (lambda f: (f.probability, f.prediction, f.activity))(
        studies.occlusion_map(net, X[:1], 1, size=3, step=2, layer="conv1")
    ),
    "saliency_map": lambda net: [studies.saliency_map(net, X, [0, 2, 1])],
    "grad_cam": lambda net: [studies.grad_cam(net, X, "conv1", 1)],
    "class_model": lambda net: [studies.class_model(net, 1, decay=0.1, rate=0.5, steps=3, start=X[0])],
    "optimal_input": optimum,
    "map_statistics": statistics,
    "evolution": evolution,
    "top_activations": top,
    "top_maps_of_image": top_maps,
    "project_units": lambda net: project_units(net, X, "conv1", *UNITS) + project_units(net, X, "pool1", *REGIONS),
    "gradient": lambda net: gradient(net, X, "fc2", 3),
    "features": lambda net: [npzf.predict(net, X, 2), *npzf.features(net, X, ["conv1", "fc2"], 2).values()],
}


def compare(study, net):
    goes = copy.deepcopy(net).to("cuda")
    found = list(study(goes))
    with backend.use_device(None):
        expected = list(study(net))
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert type(one) is np.ndarray
        close(1.0 * one, 1.0 * other, 1e-9)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_a_study_is_the_same_there(gpu, study):
    compare(study, tiny())


@pytest.mark.parametrize("layer", ["pool1", "both", "average", "conv2"])
def test_single_units_through_rectangles_and_branches(gpu, layer):
    rows, columns, maps = rectangles().shapes[layer]
    unit = np.array([0, maps - 1, 1]), np.array([0, rows - 1, rows // 2]), np.array([columns - 1, 0, columns // 2])
    compare(lambda net: project_units(net, X, layer, np.array([2, 0, 1]), unit), rectangles())


def test_predictions_and_occlusion_of_a_net_that_ends_in_a_softmax(gpu):
    compare(lambda net: [npzf.predict(net, X, 2), studies.occlusion_map(net, X[:1], 1, size=3, step=2).probability], rectangles())
