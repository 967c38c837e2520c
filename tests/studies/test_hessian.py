"""Flat directions by Le et al.: the eigenvectors of a Hessian that is known in closed form."""

import sys

import numpy as np
import pytest
from assertions import normal
from quadratic_units import AXES, COEFFICIENTS, NORM, parabola, plane
from tiny_training import tiny

from npzf.deconvnet import gradient
from npzf.studies.hessian import Tangent, hessian_directions
from npzf.studies.optimum import optimal_input


@pytest.fixture(scope="module")
def best():
    """The optimum of the parabola."""
    return optimal_input(parabola(), "sum", (0, 0, 0), NORM)


@pytest.mark.parametrize("reach", [1.0, 30.0])
def test_they_are_the_next_axes_and_their_curvatures(best, reach):
    """At an angle t along a great circle the value is |x|^2 (5 cos^2 t + c_k sin^2 t), its second derivative 2 (c_k - 5)."""
    flat, t = hessian_directions(parabola(), best, count=3, reach=reach), np.deg2rad(reach)
    np.testing.assert_allclose(flat.curvatures, 2 * (COEFFICIENTS[1:4] - COEFFICIENTS[0]) * (np.sin(t) / t) ** 2, rtol=1e-5)
    along = flat.directions.reshape(3, 12) @ AXES.T
    np.testing.assert_allclose(np.abs(along), np.eye(12)[1:4], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(flat.directions.reshape(3, -1), axis=1), 1)


def test_a_plane_curves_with_the_sphere_alone():
    net = plane()
    best, t = optimal_input(net, "conv1", (1, 1, 2), NORM), np.deg2rad(30)
    expected = 2 * (np.cos(t) - 1) / t**2 * np.linalg.norm(net.parameters["conv1/weight"][1]) / NORM
    flat = hessian_directions(net, best, count=2)
    np.testing.assert_allclose(flat.curvatures, expected, rtol=1e-6)
    assert not flat.directions[:, 0].any() and not flat.directions[:, :, :2].any()  # what the unit does not see stays zero


def test_in_a_net_with_relus_the_curvature_is_measured_along_the_directions():
    net, t = tiny(), np.deg2rad(20)
    best = optimal_input(net, "fc3", 1, NORM)
    flat = hessian_directions(net, best, count=2, reach=20)
    vectors = np.concatenate([best.x[None] / NORM, flat.directions]).reshape(3, -1)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(3), atol=1e-9)
    for direction, curvature in zip(flat.directions, flat.curvatures, strict=True):
        arc = np.cos(t) * best.x + np.sin(t) * NORM * np.stack([direction, -direction])
        both = gradient(net, arc, "fc3", 1)[0].sum()
        assert curvature == pytest.approx((both - 2 * best.value) / (NORM * t) ** 2, rel=1e-9)
    assert flat.curvatures[0] >= flat.curvatures[1]


def test_tangent_coordinates_leave_lengths_and_leave_out_z():
    for z in (normal(2, 3, 1), -normal(2, 3, 1), np.eye(6)[0].reshape(2, 3, 1), -np.eye(6)[0].reshape(2, 3, 1)):
        sphere = Tangent(z)
        basis = np.stack([sphere.embed(axis).reshape(-1) for axis in np.eye(5)])
        np.testing.assert_allclose(basis @ basis.T, np.eye(5), atol=1e-14)
        np.testing.assert_allclose(basis @ z.reshape(-1), 0, atol=1e-14)
        np.testing.assert_allclose(sphere.project(sphere.embed(np.arange(5.0)) + 3 * z), np.arange(5), atol=1e-14)


def test_without_scipy_one_line_says_how_to_get_it(best, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse.linalg", None)
    with pytest.raises(ImportError, match=r"eigenvectors need SciPy: pip install 'npzf\[studies\]'"):
        hessian_directions(parabola(), best)


def test_count_and_reach_are_named(best):
    for options, named in (
        ({"count": 11}, "count is 11, expected 1 to 10"),
        ({"count": 0}, "count is 0, expected 1 to 10"),
        ({"reach": 90}, "reach is 90, expected between 0 and 90 degrees"),
    ):
        with pytest.raises(ValueError, match=named):
            hessian_directions(parabola(), best, **options)
