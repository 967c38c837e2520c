"""The studies of figures 5 to 7 and Table 1 of a net that was moved with to("cuda"): the same as of the net that stayed."""

import copy

import numpy as np
import pytest
from assertions import close, normal
from tiny_training import tiny

from npzf import backend
from npzf.studies import diagnose_layer, occlusion_map, sign_changes, transformation_curves

X = normal(3, 7, 7, 3)
PHOTOGRAPHS = tiny().preprocessing.apply(np.random.default_rng(0).integers(0, 256, (2, 7, 7, 3), np.uint8))

STUDIES = {
    "invariance": lambda net: (lambda f: (f.probability, *f.distances.values()))(
        transformation_curves(net, PHOTOGRAPHS, [0, 2], ("norm1", "relu2"), "rotation", amounts=[0, 20, 90])
    ),
    "correspondence": lambda net: [
        row.with_zeros
        for row in sign_changes(net, X, {"middle": np.full((3, 2), 3)}, ["relu2"], size=3, random_sets=2)["relu2"].values()
    ],
    "architecture": lambda net: (lambda f: (f.weight, f.dead, f.shares, f.aliased, f.rms))(
        diagnose_layer(net, [(X, None, np.arange(3))], "conv1")
    ),
    "occlusion": lambda net: (lambda f: (f.probability, f.prediction, f.activity))(
        occlusion_map(net, X[:1], 1, size=3, step=2, layer="conv1")
    ),
}


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_a_study_is_the_same_there(gpu, study):
    stays = tiny()
    goes = copy.deepcopy(stays).to("cuda")
    found = study(goes)
    with backend.use_device(None):
        expected = study(stays)
    for one, other in zip(found, expected, strict=True):
        assert type(one) is np.ndarray
        close(1.0 * one, 1.0 * other, 1e-9)
