"""Optimal inputs and invariances of units whose Hessian is known in closed form: an exact parabola, and a plane."""

import sys

import numpy as np
import pytest
from compare import close, normal
from toy import tiny

from npzf import layers
from npzf.network import Network
from npzf.studies.optimum import Tangent, film, invariances, optimum
from npzf.studies.saliency import gradient

pytest.importorskip("scipy", reason="invariances need SciPy: pip install 'npzf[test]'")

BENDS = np.array([5, 4, 2.5, 1, 0.5, 0.1, -0.2, -0.5, -1, -2, -3, -4])
AXES = np.linalg.qr(normal(12, 12))[0].T  # row k: the direction of the image in which the unit bends by BENDS[k]
B = 1.5
NORM = 3.0


def parabola(bends=BENDS):
    """One unit: the sum over k of bends[k] * (AXES[k] x)^2, exactly.

    A cubic is contrast normalisation over one map with a power of -1, z (k + z^2), and of two cubics the difference
    (z + b)^3 - (z - b)^3 = 6 b z^2 + 2 b^3 is a parabola. What is constant is taken off by the last bias.
    """
    cube = layers.AcrossMaps(n=1, k=1.0, alpha=1.0, beta=-1.0, alpha_times="sum")
    net = Network((2, 2, 3), [("axes", layers.Conv(24, 2)), ("cube", cube), ("sum", layers.Conv(1, 1))], dtype="float64")
    net.parameters["axes/weight"][...] = np.concatenate([AXES, AXES]).reshape(24, 2, 2, 3)
    net.parameters["axes/bias"][...] = np.repeat([B, -B], 12)
    net.parameters["sum/weight"][...] = (np.concatenate([bends, -bends]) / (6 * B)).reshape(1, 1, 1, 24)
    net.parameters["sum/bias"][...] = -(bends * (2 * B**3 + 2 * B) / (6 * B)).sum()
    return net


def plane():
    """One unit of six pixels' filter, which sees a corner of the image."""
    return Network((4, 5, 1), [("conv1", layers.Conv(2, 3))], dtype="float64")


@pytest.fixture(scope="module")
def best():
    """The optimum of the parabola."""
    return optimum(parabola(), "sum", (0, 0, 0), NORM)


def value(net, x):
    return net.forward(x).reshape(len(x), -1)[:, 0]


def test_the_parabola_is_one():
    x = normal(4, 2, 2, 3)
    close(value(parabola(), x), ((x.reshape(4, 12) @ AXES.T) ** 2 @ BENDS), 1e-12)


def test_the_optimum_is_the_first_axis(best):
    x = best.x.reshape(-1)
    close(x * np.sign(x @ AXES[0]), NORM * AXES[0], 1e-6)
    assert best.value == pytest.approx(5 * NORM**2, rel=1e-12)
    assert best.angle < 1e-4


def test_steps_that_lead_too_far_are_undone_and_shortened():
    """With every bend below zero a long step along the gradient ends on the far side, where the value is lower."""
    found = optimum(parabola(BENDS - 10), "sum", (0, 0, 0), NORM)
    x = found.x.reshape(-1)
    close(x * np.sign(x @ AXES[0]), NORM * AXES[0], 1e-3)
    assert found.value == pytest.approx(-5 * NORM**2, rel=1e-6)


def test_invariances_are_the_next_axes_and_their_bends(best):
    """Along a great circle the value is |x|^2 (5 cos^2 + BENDS[k] sin^2): its second derivative is 2 (BENDS[k] - 5)."""
    found = invariances(parabola(), best, count=3)
    np.testing.assert_allclose(found.curvatures, 2 * (BENDS[1:4] - BENDS[0]), rtol=1e-6)
    along = found.directions.reshape(3, 12) @ AXES.T
    np.testing.assert_allclose(np.abs(along), np.eye(12)[1:4], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(found.directions.reshape(3, -1), axis=1), 1)


def test_a_film_goes_along_the_great_circle(best):
    images = film(best, AXES[3].reshape(2, 2, 3), degrees=80, frames=9)
    angles = np.deg2rad([-80, -60, -40, -20, 0, 20, 40, 60, 80])
    np.testing.assert_allclose(np.linalg.norm(images.reshape(9, -1), axis=1), NORM)
    np.testing.assert_allclose(images[4], best.x)
    expected = NORM**2 * (BENDS[0] * np.cos(angles) ** 2 + BENDS[3] * np.sin(angles) ** 2)
    close(value(parabola(), images), expected, 1e-6)


def test_the_optimum_of_a_plane_is_its_filter_and_it_bends_with_the_sphere_alone():
    net = plane()
    best = optimum(net, "conv1", (1, 1, 2), NORM, steps=60)
    weight = net.parameters["conv1/weight"][1]
    length = np.linalg.norm(weight)
    expected = np.zeros((4, 5, 1))
    expected[1:4, 2:5] = NORM * weight / length
    close(best.x, expected, 1e-6)
    assert best.value == pytest.approx(NORM * length)
    np.testing.assert_allclose(invariances(net, best, count=2).curvatures, -length / NORM, rtol=1e-6)


def test_a_map_stands_for_the_unit_in_its_middle():
    best = optimum(plane(), "conv1", 1, NORM, steps=5)
    assert best.unit == (1, 1, 1)
    np.testing.assert_array_equal(best.x, optimum(plane(), "conv1", (1, 1, 1), NORM, steps=5).x)
    assert not best.x[:, 4].any() and not best.x[0].any()  # the noise it begins with lies in the unit's receptive field


def test_a_unit_of_a_net_with_relus_and_a_fully_connected_one():
    net = tiny("float32")
    values = [optimum(net, "fc3", 1, NORM, steps).value for steps in (0, 3, 40)]
    assert values[0] < values[1] < values[2]
    best = optimum(net, "fc3", 1, NORM)
    found = invariances(net, best, count=2)
    assert found.directions.shape == (2, 7, 7, 3)
    assert np.abs((found.directions * best.x).sum((1, 2, 3))).max() < 1e-5  # tangent, though it is the flattest way of all
    assert found.curvatures[0] >= found.curvatures[1]


def test_tangent_coordinates_leave_lengths_and_leave_out_x():
    for x in (normal(2, 3, 1), -normal(2, 3, 1), np.eye(6)[0].reshape(2, 3, 1), -np.eye(6)[0].reshape(2, 3, 1)):
        sphere = Tangent(x)
        basis = np.stack([sphere.embed(axis).reshape(-1) for axis in np.eye(5)])
        np.testing.assert_allclose(basis @ basis.T, np.eye(5), atol=1e-14)
        np.testing.assert_allclose(basis @ x.reshape(-1), 0, atol=1e-14)
        np.testing.assert_allclose(sphere.project(sphere.embed(np.arange(5.0)) + 3 * x), np.arange(5), atol=1e-14)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: optimum(plane(), "conv1", (0, 0, 0), 0), "norm is 0, expected a positive number"),
        (lambda: optimum(plane(), "conv1", (0, 0, 0), np.nan), "norm is nan"),
        (lambda: optimum(plane(), "conv9", (0, 0, 0), 1), "layer is 'conv9'"),
        (lambda: optimum(plane(), "conv1", (2, 0, 0), 1), "unit's map is 2, expected 0 to 1"),
        (lambda: optimum(plane(), "conv1", 2, 1), "unit's map is 2"),
        (lambda: invariances(plane(), optimum(plane(), "conv1", 0, 1, 1), count=19), "count is 19, reach 0.5, expected count"),
        (lambda: invariances(plane(), optimum(plane(), "conv1", 0, 1, 1), reach=0), "reach 0, expected"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(call, named):
    with pytest.raises(ValueError, match=named) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_unit_that_noise_does_not_excite_is_named():
    net = Network((4, 4, 1), [("conv1", layers.Conv(1, 3)), ("relu1", layers.Relu())], dtype="float64")
    net.parameters["conv1/bias"][...] = -1e3
    with pytest.raises(ValueError, match=r"unit \(0, 1, 1\) of 'relu1' has no gradient at the noise of seed 0"):
        optimum(net, "relu1", 0, 1.0)


def test_curvatures_are_those_of_the_directions_found():
    """Of a net with relus, whose gradients jump, the eigenvalues say little: what is told is measured along the directions."""
    net = tiny()
    best = optimum(net, "fc3", 1, NORM)
    found, h = invariances(net, best, count=2), 0.5 * NORM
    back = (gradient(net, best.x[None], "fc3", 1)[1] * best.x).sum() / NORM**2
    for direction, curvature in zip(found.directions, found.curvatures, strict=True):
        ahead, behind = (gradient(net, best.x[None] + way * h * direction, "fc3", 1)[1] for way in (1, -1))
        assert curvature == pytest.approx(((ahead - behind) * direction).sum() / (2 * h) - back, rel=1e-9)


def test_without_scipy_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse.linalg", None)
    with pytest.raises(ImportError, match=r"invariances need SciPy: pip install 'npzf\[studies\]'"):
        invariances(plane(), optimum(plane(), "conv1", 0, 1.0, steps=1))
