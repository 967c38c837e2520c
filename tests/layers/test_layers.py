"""Each layer: its shape, its gradients, its step of the deconvnet (section 2.1), what it keeps and what it refuses."""

import copy

import gradcheck
import numpy as np
import pytest
from assertions import normal, separated

from npzf import layers
from npzf.backend import arrays
from npzf.geometry import Field
from npzf.layers import ProjectionRules, Save

MAPS = (7, 6, 4)
LAYERS = {  # layer, one image's input shape
    "conv": (layers.Conv(6, 3, stride=2, pad=1), MAPS),
    "conv in groups": (layers.Conv(6, 3, groups=2, ceil=True, stride=3), MAPS),
    "relu": (layers.ReLU(), MAPS),
    "pool": (layers.MaxPool(3, 2, pad=1), MAPS),
    "pool with ceil": (layers.MaxPool(3, 2, ceil=True), MAPS),
    "pool, rectangular": (layers.MaxPool((2, 3), (3, 1), pad=(1, 0, 2, 1), ceil=True), MAPS),
    "conv, rectangular": (layers.Conv(4, (2, 3), stride=(1, 2), pad=(0, 1, 2, 1)), MAPS),
    "average": (layers.GlobalAveragePool(), MAPS),
    "average pool": (layers.AveragePool(3, 2, pad=1, ceil=True), MAPS),
    "average pool, rectangular": (layers.AveragePool((2, 3), (1, 2), pad=(0, 1, 2, 0), count_padding=False), MAPS),
    "unit length": (layers.L2Normalize(), (7,)),
    "softmax": (layers.Softmax(), (7,)),
    "across maps": (layers.LocalResponseNorm(alpha=1.0), MAPS),
    "across maps, sum": (layers.LocalResponseNorm(n=4, alpha=0.5, beta=0.6, alpha_divided_by_n=False), MAPS),
    "local contrast": (layers.LocalContrastNorm(5, 1.3), MAPS),
    "flatten": (layers.Flatten(), MAPS),
    "fully connected": (layers.FullyConnected(5), (11,)),
    "dropout": (layers.Dropout(0.3), MAPS),
    "flatten, channels first": (layers.Flatten(channels_first=True), MAPS),
    "flatten, nothing to move": (layers.Flatten(channels_first=True), (7,)),
    "affine": (layers.Affine(), MAPS),
    "affine of a vector": (layers.Affine(), (7,)),
    "zero pad": (layers.ZeroPad((1, 2, 0, 3)), MAPS),
}
every = pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS)


def made(layer, shape, dtype="float64"):
    """A fresh copy of the layer with parameters for this input shape, its bias not 0."""
    layer = copy.deepcopy(layer)
    layer.initialize(shape, "he", arrays.generator(1), np.dtype(dtype))
    for seed, key in enumerate(("bias", "weight")):
        if key in layer.parameters and (key == "bias" or isinstance(layer, layers.Affine)):
            layer.parameters[key][...] = normal(*layer.parameters[key].shape, seed=seed)
    return layer


@every
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("save", list(Save))
def test_shape_and_type_agree_with_forward_and_back(layer, shape, dtype, save):
    layer, x = made(layer, shape, dtype), normal(3, *shape, dtype=dtype)
    y, saved = layer.forward(x, save)
    assert (y.shape, y.dtype) == ((3, *layer.shape(shape)), x.dtype)
    if save >= Save.SWITCHES:
        down = layer.project(y, saved, ProjectionRules())
        assert (down.shape, down.dtype) == (x.shape, x.dtype)
    if save >= Save.GRADIENTS:
        gx, _ = layer.backward(y, saved)
        assert (gx.shape, gx.dtype) == (x.shape, x.dtype)


@every
def test_backward_is_the_gradient(layer, shape):
    layer, x = made(layer, shape), separated(2, *shape)

    def forward(x):
        return layer.forward(x)[0]

    def backward(gy):
        return layer.backward(gy, layer.forward(x, Save.GRADIENTS)[1])[0]

    gradcheck.gradient(forward, backward, x, step=1e-5 / x.size, tolerance=1e-5)


@every
def test_backward_gives_a_gradient_for_each_parameter(layer, shape):
    layer, x = made(layer, shape), normal(2, *shape)
    y, saved = layer.forward(x, Save.GRADIENTS)
    gradients = layer.backward(y, saved)[1]
    assert gradients.keys() == layer.parameters.keys() == layer.parameter_gradients(y, saved).keys()
    for key, parameter in layer.parameters.items():

        def of_parameter(value, parameter=parameter):
            before = parameter.copy()
            parameter[...] = value
            y = layer.forward(x)[0]
            parameter[...] = before
            return y

        def gradient(gy, key=key):
            return layer.backward(gy, saved)[1][key]

        gradcheck.gradient(of_parameter, gradient, parameter.copy())


@every
def test_a_layer_remembers_nothing_and_leaves_its_input_alone(layer, shape):
    """Two passes in turn: what the first saved serves again and again, whatever ran since; the layer itself is as it was."""
    layer, x, other = made(layer, shape), normal(2, *shape), normal(2, *shape, seed=5)
    before, state = x.copy(), vars(layer).copy()
    y, saved = layer.forward(x, Save.GRADIENTS)
    gy = normal(*y.shape, seed=1)
    first = layer.backward(gy, saved), layer.project(gy, saved, ProjectionRules())
    layer.backward(gy, layer.forward(other, Save.GRADIENTS)[1])
    again = layer.backward(gy, saved), layer.project(gy, saved, ProjectionRules())
    np.testing.assert_array_equal(first[0][0], again[0][0])
    np.testing.assert_array_equal(first[1], again[1])
    for key, gradient in first[0][1].items():
        np.testing.assert_array_equal(gradient, again[0][1][key])
    np.testing.assert_array_equal(x, before)
    assert vars(layer) == state


@every
def test_inference_saves_no_activations(layer, shape):
    """What is saved without need would keep memory: nothing, or a few numbers."""
    layer, x = made(layer, shape), normal(2, *shape)
    saved = layer.forward(x)[1]
    parts = saved if isinstance(saved, tuple | list) else [saved]
    assert all(part is None or isinstance(part, int | tuple) for part in parts)


def test_gradients_are_written_over_those_of_an_earlier_pass():
    layer, x = made(layers.FullyConnected(5), (11,)), normal(2, 11)
    y, saved = layer.forward(x, Save.GRADIENTS)
    earlier = {"weight": np.full((5, 11), np.nan), "bias": np.full(5, np.nan)}
    gradients = layer.backward(y, saved, earlier)[1]
    assert gradients["weight"] is earlier["weight"]
    np.testing.assert_array_equal(gradients["weight"], layer.backward(y, saved)[1]["weight"])


@every
def test_the_configuration_makes_the_layer_again(layer, shape):
    again = type(layer)(**layer.configuration())
    assert again.configuration() == layer.configuration()
    assert again.shape(shape) == layer.shape(shape)


LINEAR = [
    *("conv", "conv in groups", "conv, rectangular", "average", "average pool", "average pool, rectangular"),
    *("flatten", "flatten, channels first", "fully connected", "affine", "affine of a vector", "zero pad"),
]


@pytest.mark.parametrize(("layer", "shape"), [LAYERS[name] for name in LINEAR], ids=LINEAR)
def test_linear_layers_project_by_their_adjoint_without_bias(layer, shape):
    layer, x = made(layer, shape), normal(2, *shape)
    bias, saved = layer.forward(np.zeros_like(x), Save.SWITCHES)
    y = normal(*bias.shape)
    gradcheck.adjoint(lambda x: layer.forward(x)[0] - bias, lambda y: layer.project(y, saved, ProjectionRules()), x, y)
    np.testing.assert_array_equal(layer.project(np.zeros_like(y), saved, ProjectionRules()), 0)


def test_relu_projects_by_rectifying_the_signal_whatever_was_positive_on_the_way_up():
    layer, y = layers.ReLU(), normal(2, *MAPS)
    _, saved = layer.forward(-y, Save.SWITCHES)
    np.testing.assert_array_equal(layer.project(y, saved, ProjectionRules()), np.maximum(y, 0))


@pytest.mark.parametrize(("overwrite", "expected"), [(False, 7), (True, 4)])
def test_pool_projects_through_its_switches(overwrite, expected):
    layer, x = layers.MaxPool(3, 2), np.zeros((1, 3, 5, 1))
    x[0, 1, 2] = 1  # the maximum of both windows
    _, saved = layer.forward(x, Save.SWITCHES)
    down = layer.project(np.array([3.0, 4.0]).reshape(1, 1, 2, 1), saved, ProjectionRules(overwrite=overwrite))
    np.testing.assert_array_equal(down, x * expected)


@pytest.mark.parametrize("name", ["across maps", "across maps, sum", "local contrast"])
def test_norms_project_unchanged_or_by_their_true_gradient(name):
    layer, x, y = LAYERS[name][0], normal(2, *MAPS), normal(2, *MAPS, seed=1)
    assert layer.project(y, layer.forward(x, Save.SWITCHES)[1], ProjectionRules()) is y
    _, saved = layer.forward(x, Save.GRADIENTS)
    projected = layer.project(y, saved, ProjectionRules(norm_gradient=True))
    np.testing.assert_array_equal(projected, layer.backward(y, saved)[0])
    assert (projected != y).any()


def test_dropout_projects_unchanged():
    y = normal(2, 9)
    assert layers.Dropout(0.5).project(y, None, ProjectionRules()) is y


def test_alpha_of_the_mean_is_alpha_of_the_sum_divided_by_n():
    x = normal(2, *MAPS)
    mean, total = layers.LocalResponseNorm(n=5, alpha=1.0), layers.LocalResponseNorm(n=5, alpha=0.2, alpha_divided_by_n=False)
    np.testing.assert_array_equal(mean.forward(x)[0], total.forward(x)[0])


def test_dropout_drops_only_in_training():
    layer, x = made(layers.Dropout(0.5), (50,)), normal(4, 50)
    for save in Save:
        assert layer.forward(x, save)[0] is x
    y, saved = layer.forward(x, draw=layers.Draw((0, 3, 1)))
    kept = y != 0
    assert 0.3 < kept.mean() < 0.7
    np.testing.assert_array_equal(y, np.where(kept, 2 * x, 0))
    np.testing.assert_array_equal(layer.backward(x, saved)[0], y)  # the same mask on the way back


def test_dropout_depends_on_the_draw_alone():
    x, layer = np.ones((3, 40)), made(layers.Dropout(), (40,))
    first, *others = (layer.forward(x, draw=layers.Draw(key))[0] for key in ((0, 3, 1), (0, 3, 2), (0, 4, 1), (1, 3, 1)))
    np.testing.assert_array_equal(made(layers.Dropout(), (40,)).forward(x, draw=layers.Draw((0, 3, 1)))[0], first)
    assert all((other != first).any() for other in others)


@pytest.mark.parametrize("layer, shape", [(layers.Conv(4, 3), (7, 6, 3)), (layers.FullyConnected(5), (8,))], ids=["conv", "fc"])
def test_a_weighted_layer_can_do_the_relu_that_follows(layer, shape):
    layer, x = made(layer, shape), normal(2, *shape)
    np.testing.assert_array_equal(layer.forward(x, relu=True)[0], np.maximum(layer.forward(x)[0], 0))


def test_concatenate_joins_maps_and_hands_them_back():
    layer, xs = layers.Concatenate(), tuple(normal(2, 5, 4, maps) for maps in (1, 3, 2))
    y, saved = layer.forward(xs, Save.GRADIENTS)
    assert y.shape[1:] == layer.shape(*(x.shape[1:] for x in xs)) == (5, 4, 6)
    for down in (layer.backward(y, saved)[0], layer.project(y, saved, ProjectionRules())):
        for part, x in zip(down, xs, strict=True):
            np.testing.assert_array_equal(part, x)
            assert part.flags.c_contiguous


@pytest.mark.parametrize("shape", [(5, 4, 3), (7,)])
def test_add_sums_and_hands_the_signal_to_every_source(shape):
    layer, xs = layers.Add(), tuple(normal(2, *shape, seed=seed) for seed in range(3))
    y, saved = layer.forward(xs, Save.GRADIENTS)
    assert y.shape[1:] == layer.shape(*(x.shape[1:] for x in xs)) == shape
    np.testing.assert_allclose(y, xs[0] + xs[1] + xs[2], rtol=1e-14)
    for down in (layer.backward(y, saved)[0], layer.project(y, saved, ProjectionRules())):
        assert len(down) == 3 and all(part is y for part in down)


def test_softmax_passes_a_projection_on():
    layer, x = layers.Softmax(), normal(2, 5)
    y, saved = layer.forward(x, Save.GRADIENTS)
    np.testing.assert_allclose(y.sum(1), 1)
    assert layer.project(x, saved, ProjectionRules()) is x


def test_unit_length_projects_unchanged_or_by_its_true_gradient():
    layer, x, y = layers.L2Normalize(), normal(2, 5), normal(2, 5, seed=1)
    assert layer.project(y, layer.forward(x, Save.SWITCHES)[1], ProjectionRules()) is y
    _, saved = layer.forward(x, Save.GRADIENTS)
    np.testing.assert_array_equal(layer.project(y, saved, ProjectionRules(norm_gradient=True)), layer.backward(y, saved)[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_features_of_any_size_get_unit_length(dtype, scale):
    x = (normal(3, 50) * scale).astype(dtype)
    y, saved = layers.L2Normalize(1e-36).forward(x, Save.GRADIENTS)
    np.testing.assert_allclose(np.linalg.norm(y.astype(np.float64), axis=1), 1, rtol=1e-6)
    gx = layers.L2Normalize(1e-36).backward(y, saved)[0] * scale
    np.testing.assert_allclose(gx, 0, atol=1e-5)  # along y nothing changes


def test_features_of_no_length_stay_0_and_their_gradient_is_that_of_the_eps():
    layer, x, gy = layers.L2Normalize(0.5), np.zeros((2, 4)), normal(2, 4)
    x[1, 0] = 0.25
    y, saved = layer.forward(x, Save.GRADIENTS)
    np.testing.assert_array_equal(y, x / 0.5)
    np.testing.assert_array_equal(layer.backward(gy, saved)[0], gy / 0.5)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv(1, 3, stride=2, pad=1), Field(9, 4, -1)),
        (layers.MaxPool(2, 2), Field(7, 4, 1)),
        (layers.Conv(1, (3, 1), stride=(2, 1), pad=(1, 2, 0, 0)), Field((9, 5), (4, 2), (-1, 1))),
        (layers.AveragePool((1, 2), (1, 3)), Field((5, 7), (2, 6), 1)),
        (layers.LocalContrastNorm(3), Field(13, 2, -3)),  # the mean of means: five pixels
        (layers.ReLU(), Field(5, 2, 1)),
        (layers.LocalResponseNorm(), Field(5, 2, 1)),
        (layers.Flatten(), Field(5, 2, 1, whole=True)),
        (layers.GlobalAveragePool(), Field(5, 2, 1, whole=True)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_receptive_fields(layer, expected):
    assert layer.receptive_field(Field(5, 2, 1)) == expected


def test_concatenate_sees_what_its_branches_see():
    assert layers.Concatenate().receptive_field(Field(1, 1, 0), Field(3, 1, -1)) == Field(3, 1, -1)


def test_initial_weights_have_the_deviation_asked_for_and_biases_are_0():
    for deviation, expected in ((1e-2, 1e-2), ("he", np.sqrt(2 / (9 * 50)))):
        layer = layers.Conv(200, 3)
        layer.initialize((5, 5, 50), deviation, arrays.generator(0), np.dtype("float32"))
        assert layer.parameters["weight"].std() == pytest.approx(expected, rel=0.02)
        assert abs(layer.parameters["weight"].mean()) < expected / 50
        assert not layer.parameters["bias"].any()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: layers.Conv(0, 3), "Conv: maps is 0"),
        (lambda: layers.Conv(4, 2.5), "Conv: window is 2.5"),
        (lambda: layers.Conv(4, 3, stride=True), "Conv: stride is True"),
        (lambda: layers.Conv(4, 3, groups=3), "Conv: maps is 4, expected a multiple of groups, 3"),
        (lambda: layers.Conv(4, 3, groups=2).shape((5, 5, 3)), r"Conv: input is \(5, 5, 3\)"),
        (lambda: layers.Conv(4, 3).shape((5,)), r"Conv: input is \(5,\)"),
        (lambda: layers.Conv(4, 3, pad=3).shape((5, 5, 1)), "pad is 3"),
        (lambda: layers.Conv(4, 6).shape((5, 7, 1)), "input side is 5"),
        (lambda: layers.MaxPool(0, 2), "MaxPool: window is 0"),
        (lambda: layers.MaxPool(3, -1), "MaxPool: stride is -1"),
        (lambda: layers.AveragePool((3, 0), 1), r"AveragePool: window is \(3, 0\)"),
        (lambda: layers.Conv(4, (3, 2, 1)), r"Conv: window is \(3, 2, 1\)"),
        (lambda: layers.Add().shape((5, 5, 1), (5, 5, 2)), r"Add: inputs are \(5, 5, 1\), \(5, 5, 2\), expected the same"),
        (lambda: layers.L2Normalize().shape((5, 5, 1)), r"L2Normalize: input is \(5, 5, 1\), expected \(F,\)"),
        (lambda: layers.L2Normalize(0.0), "L2Normalize: eps is 0.0"),
        (lambda: layers.L2Normalize(float("nan")), "L2Normalize: eps is nan"),
        (lambda: layers.Softmax().shape((5, 5, 1)), r"Softmax: input is \(5, 5, 1\)"),
        (lambda: layers.MaxPool(3, 2).shape((9,)), r"MaxPool: input is \(9,\)"),
        (lambda: layers.GlobalAveragePool().shape((9,)), r"GlobalAveragePool: input is \(9,\)"),
        (lambda: layers.FullyConnected(0), "FullyConnected: units is 0"),
        (lambda: layers.FullyConnected(3).shape((2, 2, 2)), "put a Flatten before it"),
        (lambda: layers.Dropout(1.0), "Dropout: rate is 1.0"),
        (lambda: layers.Dropout(-0.1), "Dropout: rate is -0.1"),
        (lambda: layers.Dropout(float("nan")), "Dropout: rate is nan"),
        (lambda: layers.LocalResponseNorm(n=0), "LocalResponseNorm: n is 0"),
        (lambda: layers.LocalResponseNorm(k=0), "LocalResponseNorm: k is 0"),
        (lambda: layers.LocalResponseNorm(alpha=-1), "alpha -1"),
        (lambda: layers.LocalResponseNorm(alpha_divided_by_n="max"), "alpha_divided_by_n is 'max', expected True or False"),
        (lambda: layers.LocalContrastNorm(4), "LocalContrastNorm: window is 4"),
        (lambda: layers.LocalContrastNorm(5, sigma=0), "sigma 0"),
        (lambda: layers.LocalContrastNorm(5, floor=0), "floor 0"),
        (lambda: layers.Concatenate().shape((5, 5, 1), (5, 4, 1)), r"\(5, 5, 1\), \(5, 4, 1\), expected"),
    ],
)
def test_bad_parameters_are_named_in_one_line(make, named):
    with pytest.raises(ValueError, match=named) as caught:
        make()
    assert "\n" not in str(caught.value)
