"""Optimal inputs and flat directions of units whose Hessian is known in closed form: an exact parabola, and a plane."""

import numpy as np
import pytest
from assertions import close, normal
from quadratic_units import AXES, COEFFICIENTS, NORM, parabola, plane
from tiny_training import tiny

from npzf import layers
from npzf.deconvnet import gradient
from npzf.network import Network
from npzf.studies.optimum import flat_directions, great_circle, optimal_input
from npzf.studies.unit_function import UnitFunction


@pytest.fixture(scope="module")
def best():
    """The optimum of the parabola."""
    return optimal_input(parabola(), "sum", (0, 0, 0), NORM)


def value(net, x):
    return net.forward(x).reshape(len(x), -1)[:, 0]


def test_the_parabola_is_one():
    x = normal(4, 2, 2, 3)
    close(value(parabola(), x), ((x.reshape(4, 12) @ AXES.T) ** 2 @ COEFFICIENTS), 1e-12)


def test_the_optimum_is_the_first_axis(best):
    x = best.x.reshape(-1)
    close(x * np.sign(x @ AXES[0]), NORM * AXES[0], 1e-6)
    assert best.value == pytest.approx(5 * NORM**2, rel=1e-12)
    assert best.angle < 1e-4


def test_no_step_leads_too_far_where_every_curvature_is_below_zero():
    """The gradient then points back through the middle of the sphere."""
    optimum = optimal_input(parabola(COEFFICIENTS - 10), "sum", (0, 0, 0), NORM)
    x = optimum.x.reshape(-1)
    close(x * np.sign(x @ AXES[0]), NORM * AXES[0], 1e-3)
    assert optimum.value == pytest.approx(-5 * NORM**2, rel=1e-6)
    assert optimum.angle == pytest.approx(180, abs=0.1)


@pytest.mark.parametrize("reach", [5.0, 30.0])
def test_flat_directions_are_the_next_axes_and_their_curvatures(best, reach):
    """At an angle t along a great circle the value is |x|^2 (5 cos^2 t + c_k sin^2 t), its second derivative 2 (c_k - 5)."""
    flat, t = flat_directions(parabola(), best, count=3, reach=reach, steps=200), np.deg2rad(reach)
    np.testing.assert_allclose(flat.curvatures, 2 * (COEFFICIENTS[1:4] - COEFFICIENTS[0]) * (np.sin(t) / t) ** 2, rtol=1e-6)
    along = flat.directions.reshape(3, 12) @ AXES.T
    np.testing.assert_allclose(np.abs(along), np.eye(12)[1:4], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(flat.directions.reshape(3, -1), axis=1), 1)


def test_a_great_circle_goes_along_the_great_circle(best):
    images = great_circle(best, AXES[3].reshape(2, 2, 3), degrees=80, frames=9)
    angles = np.deg2rad([-80, -60, -40, -20, 0, 20, 40, 60, 80])
    np.testing.assert_allclose(np.linalg.norm(images.reshape(9, -1), axis=1), NORM)
    np.testing.assert_allclose(images[4], best.x)
    expected = NORM**2 * (COEFFICIENTS[0] * np.cos(angles) ** 2 + COEFFICIENTS[3] * np.sin(angles) ** 2)
    close(value(parabola(), images), expected, 1e-6)


def test_the_optimum_of_a_plane_is_its_filter_and_it_curves_with_the_sphere_alone():
    net = plane()
    best = optimal_input(net, "conv1", (1, 1, 2), NORM)
    weight = net.parameters["conv1/weight"][1]
    length = np.linalg.norm(weight)
    expected = np.zeros((4, 5, 1))
    expected[1:4, 2:5] = NORM * weight / length
    close(best.x, expected, 1e-6)
    assert best.value == pytest.approx(NORM * length)
    t = np.deg2rad(30)  # the value falls as the cosine, from NORM * length
    expected = 2 * (np.cos(t) - 1) / t**2 * length / NORM
    np.testing.assert_allclose(flat_directions(net, best, count=2).curvatures, expected, rtol=1e-6)


def test_a_map_stands_for_the_unit_in_its_middle():
    best = optimal_input(plane(), "conv1", 1, NORM, steps=5)
    assert best.unit == (1, 1, 1)
    np.testing.assert_array_equal(best.x, optimal_input(plane(), "conv1", (1, 1, 1), NORM, steps=5).x)
    assert not best.x[:, 4].any() and not best.x[0].any()  # the noise it begins with lies in the unit's receptive field


def test_a_unit_of_a_net_with_relus_and_a_fully_connected_one():
    net = tiny("float32")
    values = [optimal_input(net, "fc3", 1, NORM, steps=steps).value for steps in (0, 3, 40)]
    assert values[0] < values[1] < values[2]
    best = optimal_input(net, "fc3", 1, NORM)
    flat = flat_directions(net, best, count=2)
    assert flat.directions.shape == (2, 7, 7, 3)
    vectors = np.concatenate([best.x[None] / NORM, flat.directions]).reshape(3, -1)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(3), atol=1e-12)  # at right angles to x, too
    assert flat.curvatures[0] >= flat.curvatures[1]


def test_an_optimum_on_a_ridge_is_climbed_along_it():
    """The unit is x[0] - 9 |x[1]|, made of relus: uphill leads across the ridge x[1] = 0, and the optimum is NORM at its end."""
    net = Network(
        (1, 1, 12), [("conv1", layers.Conv(3, 1)), ("relu1", layers.ReLU()), ("conv2", layers.Conv(1, 1))], dtype="float64"
    )
    net.parameters["conv1/weight"][:, 0, 0, :] = np.eye(12)[[0, 1, 1]] * [[1], [1], [-1]]
    net.parameters["conv1/bias"][...] = [NORM, 0, 0]
    net.parameters["conv2/weight"][0, 0, 0] = [1, -9, -9]
    net.parameters["conv2/bias"][...] = -NORM
    assert optimal_input(net, "conv2", 0, NORM).value > 0.97 * NORM


def test_flat_directions_keep_more_of_the_value_than_random_directions():
    """In a net with relus, which has no Hessian; the curvature is the value's second difference at the ends."""
    net, t = tiny(), np.deg2rad(30)
    best = optimal_input(net, "fc3", 1, NORM)

    def ends(direction):
        arc = np.cos(t) * best.x + np.sin(t) * NORM * np.stack([direction, -direction])
        return gradient(net, arc, "fc3", 1)[0].sum()

    flat, random = flat_directions(net, best, count=2), []
    for direction in normal(50, 7, 7, 3, seed=5):
        direction = direction - (direction * best.x).sum() / NORM**2 * best.x
        random.append(ends(direction / np.linalg.norm(direction)))
    sums = [ends(direction) for direction in flat.directions]
    assert min(sums) > max(random)
    np.testing.assert_allclose(flat.curvatures, (np.array(sums) - 2 * best.value) / (NORM * t) ** 2, rtol=1e-9)


@pytest.mark.parametrize("place", [(1, 3, 3), (0, 0, 0), (1, 6, 5), (0, 1, 5)])
def test_a_unit_function_is_the_unit_in_the_whole_image(place):
    """Its value and its gradient, inside and at the border, though the net runs on a part of the image."""
    table = [("conv1", layers.Conv(3, 3, stride=2, pad=1)), ("relu1", layers.ReLU()), ("conv2", layers.Conv(2, 3, pad=1))]
    net = Network((14, 13, 2), table, dtype="float64")
    net.parameters["conv1/bias"][...] = 0.2
    function = UnitFunction(net, "conv2", place, 0.7)
    z = normal(*function.shape)
    value, gradient_z = function.value_and_gradient(z)
    values, gradients = gradient(net, function.image(z)[None], "conv2", place)
    assert value == pytest.approx(values[0], rel=1e-12)
    assert function.values(function.image(z)[None]) == pytest.approx(values, rel=1e-12)
    step = 1e-6 * normal(*function.shape, seed=3)
    assert function.value_and_gradient(z + step)[0] - function.value_and_gradient(z - step)[0] == pytest.approx(
        2 * (step * gradient_z).sum(), rel=1e-6
    )
    assert (step * gradient_z).sum() == pytest.approx((function.image(step) * gradients[0]).sum(), rel=1e-9)
    close(function.whiten(function.image(z)), z, 1e-12)
    assert place != (1, 3, 3) or function.window_size == (8, 9)  # whole strides from the borders, the patch being 3:10


def test_a_unit_behind_local_contrast_is_seen_in_the_whole_image():
    """Its divisor is a mean over the image."""
    table = [("norm", layers.LocalContrastNorm(3, 1.0)), ("conv1", layers.Conv(2, 3))]
    net = Network((14, 13, 2), table, dtype="float64")
    function = UnitFunction(net, "conv1", (1, 6, 6), 0.0)
    assert function.window_size == (14, 13) and function.shape == (7, 7, 2)
    z = normal(*function.shape)
    assert function.value_and_gradient(z)[0] == pytest.approx(net.forward(function.image(z)[None])[0, 6, 6, 1], rel=1e-12)


@pytest.mark.parametrize("spectrum_exponent", [0.5, 1.0])
def test_with_a_spectrum_exponent_the_optimum_of_a_plane_is_its_filter_blurred(spectrum_exponent):
    """Of z under the filter w the image is S z, so the best z is S w, and the image S S w."""
    net = Network((8, 8, 1), [("conv1", layers.Conv(1, 6))], dtype="float64")
    best = optimal_input(net, "conv1", (0, 1, 2), NORM, steps=60, spectrum_exponent=spectrum_exponent)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(6), np.fft.fftfreq(6), indexing="ij"))
    frequency[0, 0] = 1 / 6
    shape = np.fft.fft2(net.parameters["conv1/weight"][0, :, :, 0]) * frequency ** (-2 * spectrum_exponent)
    expected = np.fft.ifft2(shape).real
    patch = best.x[best.patch][:, :, 0]
    assert best.patch == (slice(1, 7), slice(2, 8))
    close(patch / np.linalg.norm(patch), expected / np.linalg.norm(expected), 1e-6)
    amplitudes = frequency**-spectrum_exponent
    amplitudes /= np.sqrt((amplitudes**2).mean())
    assert np.linalg.norm(np.fft.fft2(patch) / amplitudes) / 6 == pytest.approx(NORM)  # Parseval
    arc = great_circle(best, flat_directions(net, best, count=1).directions[0], frames=3)[:, *best.patch, 0]
    np.testing.assert_allclose(np.linalg.norm(np.fft.fft2(arc) / amplitudes, axis=(1, 2)) / 6, NORM)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: optimal_input(plane(), "conv1", (0, 0, 0), 0), "norm is 0, expected a positive number"),
        (lambda: optimal_input(plane(), "conv1", (0, 0, 0), np.nan), "norm is nan"),
        (
            lambda: optimal_input(plane(), "conv1", (0, 0, 0), 1, spectrum_exponent=-1),
            "spectrum_exponent is -1, expected a number from 0 to 10",
        ),
        (lambda: optimal_input(plane(), "conv9", (0, 0, 0), 1), "layer is 'conv9'"),
        (lambda: optimal_input(plane(), "conv1", (2, 0, 0), 1), "unit's map is 2, expected 0 to 1"),
        (lambda: optimal_input(plane(), "conv1", 2, 1), "unit's map is 2"),
        (lambda: optimal_input(plane(), "conv1", (0, 2, 0), 1), "unit's row is 2, expected 0 to 1"),
        (
            lambda: flat_directions(plane(), optimal_input(plane(), "conv1", 0, 1, steps=1), count=8),
            "count is 8, expected 1 to 7",
        ),
        (
            lambda: flat_directions(plane(), optimal_input(plane(), "conv1", 0, 1, steps=1), reach=0),
            "reach is 0, expected between 0 and 90 degrees",
        ),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(call, named):
    with pytest.raises(ValueError, match=named) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_unit_that_noise_does_not_excite_is_named():
    net = Network((4, 4, 1), [("conv1", layers.Conv(1, 3)), ("relu1", layers.ReLU())], dtype="float64")
    net.parameters["conv1/bias"][...] = -1e3
    with pytest.raises(ValueError, match=r"unit is \(0, 1, 1\) of 'relu1' without gradient at the noise of seed 0, expected"):
        optimal_input(net, "relu1", 0, 1.0)
