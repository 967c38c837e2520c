"""Numbers that no function can use are refused by the argument's name, in one line."""

import numpy as np
import pytest
from assertions import normal

import npzf
from npzf.data import SquareImages, embedded_images, evaluation_batches
from npzf.numbers import check_finite, check_seed, check_whole
from npzf.studies import (
    Evolution,
    class_model,
    flat_directions,
    great_circle,
    occlusion_map,
    optimal_input,
    sign_changes,
    top_activations,
    top_maps_of_image,
)
from npzf.studies.invariance import transformation_curves
from npzf.transfer import cross_validation, random_split

NO_WHOLE_NUMBERS = [1.5, float("nan"), float("inf"), True, "1", None, 10**30, -(10**5000), 2**63, np.float32(1), [1], 1j]
NO_NUMBERS = [float("nan"), float("inf"), -float("inf"), True, "1", None, 10**5000, np.float32("nan"), [1.0], 1j]


@pytest.fixture(scope="module")
def given():
    """A net, images, and what the functions take besides the number that is tried."""
    net = npzf.small_zfnet(3, 64)
    images = SquareImages(embedded_images("validation"), 64)
    x = normal(2, 64, 64, 3).astype(np.float32)
    optimum = optimal_input(net, "conv1", 0, 1.0, steps=1)
    return {"net": net, "images": images, "x": x, "optimum": optimum, "targets": np.repeat(np.arange(3), 10)}


def changes(of, **numbers):
    options = {"size": 10, "random_sets": 1, **numbers}
    return sign_changes(of["net"], of["x"], {"nose": np.full((2, 2), 20.0)}, ["pool5"], **options)


WHOLE = {
    "side": lambda of, v: SquareImages(of["images"].source, v),
    "batch": lambda of, v: npzf.predict(of["net"], of["x"], v),
    "batch of images": lambda of, v: evaluation_batches(of["net"], of["images"], v),
    "batch of places": lambda of, v: occlusion_map(of["net"], of["x"], 0, batch=v),
    "batch of amounts": lambda of, v: transformation_curves(of["net"], of["x"], 0, [], "scale", batch=v),
    "size": lambda of, v: occlusion_map(of["net"], of["x"], 0, size=v, step=40),
    "step": lambda of, v: occlusion_map(of["net"], of["x"], 0, size=30, step=v),
    "size of a part": lambda of, v: changes(of, size=v),
    "random_sets": lambda of, v: changes(of, random_sets=v),
    "steps": lambda of, v: class_model(of["net"], 0, decay=0.1, rate=0.1, steps=v),
    "steps of an optimum": lambda of, v: optimal_input(of["net"], "conv1", 0, 1.0, steps=v),
    "steps of a direction": lambda of, v: flat_directions(of["net"], of["optimum"], steps=v),
    "count": lambda of, v: top_activations(of["net"], of["images"], ["conv1"], count=v),
    "count of maps": lambda of, v: top_maps_of_image(of["net"], of["x"], ["conv1"], count=v),
    "count of directions": lambda of, v: flat_directions(of["net"], of["optimum"], count=v),
    "frames": lambda of, v: great_circle(of["optimum"], of["optimum"].x, frames=v),
    "per_class": lambda of, v: random_split(of["targets"], "abc", v),
    "most_test": lambda of, v: random_split(of["targets"], "abc", 2, most_test=v),
    "folds": lambda of, v: cross_validation(of["targets"], v),
    "maps": lambda of, v: Evolution(of["net"], of["images"], ["conv1"], maps=v),
}
SEEDS = {
    "net": lambda of, v: npzf.small_zfnet(3, 64, seed=v),
    "split": lambda of, v: random_split(of["targets"], "abc", 2, seed=v),
    "folds": lambda of, v: cross_validation(of["targets"], 2, v),
    "evolution": lambda of, v: Evolution(of["net"], of["images"], ["conv1"], seed=v),
    "places": lambda of, v: changes(of, seed=v),
    "optimum": lambda of, v: optimal_input(of["net"], "conv1", 0, 1.0, seed=v),
    "directions": lambda of, v: flat_directions(of["net"], of["optimum"], seed=v),
}
FINITE = {
    "grey": lambda of, v: occlusion_map(of["net"], of["x"], 0, grey=v),
    "decay": lambda of, v: class_model(of["net"], 0, decay=v, rate=0.1),
    "rate": lambda of, v: class_model(of["net"], 0, decay=0.1, rate=v),
    "norm": lambda of, v: optimal_input(of["net"], "conv1", 0, v),
    "spectrum_exponent": lambda of, v: optimal_input(of["net"], "conv1", 0, 1.0, spectrum_exponent=v),
    "reach": lambda of, v: flat_directions(of["net"], of["optimum"], reach=v),
    "degrees": lambda of, v: great_circle(of["optimum"], of["optimum"].x, degrees=v),
}
NONE_IS_A_DEFAULT = ("size", "step", "size of a part", "most_test")


def refused(name, call, *arguments):
    with pytest.raises(ValueError, match=rf"^{name} is ") as caught:
        call(*arguments)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_no_whole_number_is_named(given, name):
    for value in NO_WHOLE_NUMBERS:
        if value is not None or name not in NONE_IS_A_DEFAULT:
            refused(name.partition(" ")[0], WHOLE[name], given, value)


@pytest.mark.parametrize("name", SEEDS)
def test_what_is_no_seed_is_named(given, name):
    for value in (*NO_WHOLE_NUMBERS, -1):
        refused("seed", SEEDS[name], given, value)


@pytest.mark.parametrize("name", FINITE)
def test_what_is_no_finite_number_is_named(given, name):
    for value in NO_NUMBERS:
        refused(name, FINITE[name], given, value)


def test_numbers_of_numpy_are_numbers():
    check_whole(a=np.int64(3), b=np.uint8(3), c=0, d=-5)
    check_finite(a=np.float32(3), b=np.int8(-3), c=0, d=1e300)
    check_seed(np.uint64(2**63 - 1))


def test_numbers_of_numpy_are_named_as_they_are_read():
    with pytest.raises(ValueError, match=r"^a is nan, expected a finite number"):
        check_finite(a=np.float64("nan"))
