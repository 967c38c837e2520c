"""Operations with channels first become rows of layers: names, zeros, folded scales, the order of features, sizes that fit."""

import numpy as np
import pytest
from assertions import close, normal

import npzf
from npzf import layers
from npzf.geometry import pair
from npzf.interop.builder import NetBuilder
from npzf.interop.channels_first import feature_orders, parameters_channels_first
from npzf.interop.input_size import build_network
from npzf.interop.node_rows import SizeError

EXACT = 1e-12


@pytest.fixture
def builder():
    return NetBuilder((3, 8, 7))


def filters(maps=4, channels=3, window=3):
    return normal(maps, channels, window, window)


def kinds(net):
    return [(name, type(layer).__name__) for name, layer in net.layers.items()]


# Names


def test_names_are_the_nodes_and_unique(builder):
    value = builder.input
    for name in ("conv", "conv", "input", "a//b/", "", "x/weight", "relu"):
        value = builder.relu(name, value)
    assert [name for name, _ in kinds(builder.network(value))] == [
        "conv",
        "conv_2",
        "input_2",
        "a/b",
        "layer",
        "x/weight_",
        "relu",
    ]


@pytest.mark.parametrize("name", ["x" * 3000, "a\nb", "\x1b[2J", "\udcff", "\u202ea", "/" * 500, "../..", "weight/" * 500, "\0"])
def test_names_that_no_layer_can_have_become_others(builder, tmp_path, name):
    value = builder.input
    for _ in range(3):
        value = builder.conv(name, value, filters(3))
    net = builder.network(value)
    assert len(net.layers) == 3 and all(layer.isprintable() and len(layer) <= 200 for layer in net.layers)
    net.save(tmp_path / "net.h5")
    assert list(npzf.load(tmp_path / "net.h5").layers) == list(net.layers)


def test_what_does_not_lead_to_the_output_is_left_out(builder):
    value = builder.relu("a", builder.input)
    builder.relu("b", value)
    assert kinds(builder.network(builder.relu("c", value))) == [("a", "ReLU"), ("c", "ReLU")]


def test_a_net_of_nothing(builder):
    with pytest.raises(ValueError, match="output of the net is its input"):
        builder.network(builder.input)


# Zeros around maps


def test_zeros_that_wait_become_padding_of_a_convolution(builder):
    value = builder.zero_pad("pad", builder.input, (1, 0, 2, 1))
    value = builder.conv("conv", builder.zero_pad("more", value, (0, 1, 0, 0)), filters(), pad=(0, 1, 0, 0))
    net = builder.network(value)
    assert kinds(net) == [("conv", "Conv")] and net.layers["conv"].pad == (1, 2, 2, 1)


def test_zeros_that_no_window_can_count_are_a_layer(builder):
    padded = builder.zero_pad("pad", builder.input, (3, 0, 0, 0))
    net = builder.network(builder.conv("conv", padded, filters(), pad=1))
    assert kinds(net) == [("pad", "ZeroPad"), ("conv", "Conv")] and net.layers["conv"].pad == 1
    assert net.shapes["conv"] == (11, 7, 4)


def test_padding_as_wide_as_the_window_is_a_layer(builder):
    net = builder.network(builder.conv("conv", builder.input, filters(window=1), pad=2))
    assert kinds(net) == [("conv/pad", "ZeroPad"), ("conv", "Conv")] and net.shapes["conv"] == (12, 11, 4)


def test_zeros_before_a_max_pooling_may_be_the_maximum(builder):
    net = builder.network(builder.max_pool("pool", builder.zero_pad("pad", builder.input, (1, 1, 1, 1)), 2, 2))
    assert kinds(net) == [("pad", "ZeroPad"), ("pool", "MaxPool")]
    assert net.forward(np.full((1, 8, 7, 3), -1, "float32")).max() == 0


def test_zeros_before_an_average_count_and_its_own_padding_may_not(builder):
    padded = builder.zero_pad("pad", builder.input, (1, 1, 0, 0))
    net = builder.network(builder.average_pool("pool", padded, 3, 1, 0, count_padding=False))
    assert kinds(net) == [("pool", "AveragePool")] and net.layers["pool"].count_padding
    other = NetBuilder((3, 8, 7))
    padded = other.zero_pad("pad", other.input, (1, 1, 0, 0))
    net = other.network(other.average_pool("pool", padded, 3, 1, 1, count_padding=False))
    assert kinds(net) == [("pad", "ZeroPad"), ("pool", "AveragePool")] and not net.layers["pool"].count_padding


@pytest.mark.parametrize("operation", ["conv", "average_pool"])
def test_zeros_before_sizes_rounded_up_are_a_layer(builder, operation):
    padded = builder.zero_pad("pad", builder.input, (0, 1, 0, 0))
    value = (
        builder.conv("op", padded, filters(window=2), stride=4, ceil=True)
        if operation == "conv"
        else builder.average_pool("op", padded, 2, 4, ceil=True)
    )
    net = builder.network(value)
    assert value.shape[1:] == (3, 2) and [name for name, _ in kinds(net)] == ["pad", "op"]


def test_one_layer_of_zeros_serves_all_its_readers(builder):
    padded = builder.zero_pad("pad", builder.input, (1, 1, 1, 1))
    value = builder.add("add", [builder.relu("a", padded), builder.max_pool("b", padded, 1, 1)])
    assert [kind for _, kind in kinds(builder.network(value))].count("ZeroPad") == 1


# Scales


def batch_norm_net(fold, maps=5):
    """conv, scale, relu, pool, conv: the scale folded into the first convolution, or not."""
    builder = NetBuilder((3, 8, 7))
    value = builder.conv("conv1", builder.input, filters(maps), normal(maps))
    value = builder.affine("norm", value, normal(maps, seed=1), normal(maps, seed=2), fold=fold)
    value = builder.max_pool("pool", builder.relu("relu", value), 2, 2)
    return builder.network(builder.conv("conv2", value, filters(4, maps, 2), normal(4)))


def test_folded_and_unfolded_nets_give_one_picture():
    """Each layer's activations, and what the deconvnet makes of them: the scale counts on the way down, the shift does not."""
    folded, unfolded = batch_norm_net(True), batch_norm_net(False)
    assert [name for name, _ in kinds(folded)] == ["conv1", "relu", "pool", "conv2"]
    assert [name for name, _ in kinds(unfolded)] == ["conv1", "norm", "relu", "pool", "conv2"]
    x = normal(2, 8, 7, 3)
    for name in ("relu", "pool", "conv2"):
        close(folded.forward(x, name), unfolded.forward(x, name), EXACT)
        for unit in (None, 1):
            close(npzf.project(folded, x, name, unit), npzf.project(unfolded, x, name, unit), EXACT)
    close(folded.forward(x, "conv1"), unfolded.forward(x, "norm"), EXACT)
    close(npzf.project(folded, x, "conv1", 2), npzf.project(unfolded, x, "norm", 2), EXACT)
    gx = [net.record(x, ["conv2"], npzf.Save.GRADIENTS).backward(normal(2, 2, 1, 4))[0] for net in (folded, unfolded)]
    close(gx[0], gx[1], EXACT)


def test_a_scale_is_folded_only_where_nobody_else_looks(builder):
    conv = builder.conv("conv", builder.input, filters())
    scaled = builder.affine("norm", conv, normal(4), normal(4))
    net = builder.network(builder.add("add", [conv, scaled]))
    assert kinds(net) == [("conv", "Conv"), ("norm", "Affine"), ("add", "Add")]


def test_several_scales_become_one(builder):
    value = builder.input
    numbers = normal(3, 2, 3)
    for place, (scale, shift) in enumerate(numbers):
        value = builder.affine(f"scale{place}", value, scale, shift)
    net, x = builder.network(value), normal(1, 8, 7, 3)
    assert kinds(net) == [("scale0", "Affine")]
    y = x
    for scale, shift in numbers:
        y = y * scale + shift
    close(net.forward(x), y, EXACT)


def test_a_scale_is_folded_into_fully_connected_units(builder):
    value = builder.linear("fc", builder.flatten("flatten", builder.input), normal(4, 168), normal(4))
    net = builder.network(builder.affine("norm", value, normal(4, seed=1), normal(4, seed=2)))
    x = normal(2, 8, 7, 3)
    y = x.transpose(0, 3, 1, 2).reshape(2, -1) @ normal(4, 168).T + normal(4)
    assert kinds(net) == [("flatten", "Flatten"), ("fc", "FullyConnected")]
    close(net.forward(x), y * normal(4, seed=1) + normal(4, seed=2), EXACT)


# The order of features


def flattened(x):
    return x.transpose(0, 3, 1, 2).reshape(len(x), -1)


def test_features_between_flattened_maps_and_units(builder):
    """Scales of single features, and flattened maps beside features of another kind, keep their meaning."""
    flat = builder.flatten("flatten", builder.input)
    scaled = builder.affine("norm", flat, normal(168), normal(168, seed=1))
    means = builder.global_average_pool("means", builder.input)
    joined = builder.concatenate("cat", [builder.flatten("m", means), scaled, builder.relu("relu", flat)])
    value = builder.linear("fc", joined, normal(5, 339))
    net, x = builder.network(value), normal(2, 8, 7, 3)
    f = flattened(x)
    features = np.concatenate([x.mean((1, 2)), f * normal(168) + normal(168, seed=1), np.maximum(f, 0)], 1)
    close(net.forward(x), features @ normal(5, 339).T, EXACT)


@pytest.mark.parametrize("scaled", [False, True])
def test_flattened_maps_at_the_end_come_in_the_foreign_order(builder, scaled):
    value = builder.flatten("flatten", builder.input)
    value = builder.affine("norm", value, normal(168), normal(168, seed=1)) if scaled else value
    net, x = builder.network(builder.relu("relu", value)), normal(2, 8, 7, 3, dtype="float64" if scaled else "float32")
    y = flattened(x) * normal(168) + normal(168, seed=1) if scaled else flattened(x)
    close(net.forward(x), np.maximum(y, 0), EXACT)


def test_units_above_and_features_at_the_end(builder):
    flat = builder.flatten("flatten", builder.input)
    value = builder.concatenate("cat", [builder.linear("fc", flat, normal(5, 168)), flat])
    net, x = builder.network(value), normal(2, 8, 7, 3)
    close(net.forward(x), np.concatenate([flattened(x) @ normal(5, 168).T, flattened(x)], 1), EXACT)


def test_features_of_different_orders_do_not_add_up(builder):
    flat = builder.flatten("flatten", builder.input)
    units = builder.linear("fc", flat, normal(168, 168))
    with pytest.raises(SizeError, match="node 'add' adds flattened maps to features in another order"):
        builder.add("add", [flat, units])


def test_parameters_go_back_to_channels_first(builder):
    conv = builder.conv("conv", builder.input, filters(), normal(4))
    flat = builder.flatten("flatten", conv)
    scaled = builder.affine("norm", flat, normal(120), normal(120, seed=1))
    net = builder.network(builder.linear("fc", scaled, normal(5, 120), normal(5)))
    stored = parameters_channels_first(net)
    assert np.array_equal(stored["conv/weight"], filters())
    assert np.array_equal(stored["norm/weight"], normal(120)) and np.array_equal(stored["norm/bias"], normal(120, seed=1))
    assert np.array_equal(stored["fc/weight"], normal(5, 120))
    assert feature_orders(net)["conv"] is None and sorted(feature_orders(net)["norm"]) == list(range(120))


# One place


@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_over_means_is_fully_connected(groups):
    builder = NetBuilder((4, 8, 7))
    means = builder.global_average_pool("means", builder.input)
    weight = filters(6, 4 // groups)
    value = builder.conv("conv", means, weight, normal(6), pad=1, groups=groups)
    net, x = builder.network(value), normal(2, 8, 7, 4)
    parts = np.split(x.mean((1, 2)), groups, 1)
    y = [part @ w.T for part, w in zip(parts, np.split(weight[:, :, 1, 1], groups), strict=True)]
    assert value.shape == (6, 1, 1) and kinds(net)[1:] == [("conv", "FullyConnected")]
    close(net.forward(x), np.concatenate(y, 1) + normal(6), EXACT)


def test_a_convolution_over_means_that_makes_several_places(builder):
    means = builder.global_average_pool("means", builder.input)
    with pytest.raises(SizeError, match="node 'conv' makes no single place"):
        builder.conv("conv", means, filters(window=1), pad=1)


# Adaptive poolings


@pytest.mark.parametrize("pool", ["adaptive_average_pool", "adaptive_max_pool"])
@pytest.mark.parametrize(
    ("size", "layer"),
    [((8, 7), None), ((4, 7), ((2, 1), (2, 1))), ((None, 1), ((1, 7), 1)), ((7, None), ((2, 1), 1)), ((2, 7), ((4, 1), (4, 1)))],
)
def test_adaptive_windows(builder, pool, size, layer):
    value = getattr(builder, pool)("pool", builder.input, size)
    if layer is None:
        assert value is builder.input
    else:
        found = builder.network(value).layers["pool"]
        assert (pair(found.window), pair(found.stride)) == (pair(layer[0]), pair(layer[1]))


@pytest.mark.parametrize("size", [(3, 7), (8, 4), (16, 14), (9, 7)])
def test_adaptive_windows_of_several_sizes(builder, size):
    with pytest.raises(SizeError, match=f"node 'pool' averages 8x7 maps to {size[0]}x{size[1]} places"):
        builder.adaptive_average_pool("pool", builder.input, size)


# Sizes, types and what is wrong


def build(builder):
    flat = builder.flatten("flatten", builder.conv("conv", builder.input, filters(2, 1)))
    return builder.linear("fc", flat, normal(3, 2 * 5 * 5))


def test_the_only_size_that_fits_is_found():
    assert build_network(build, 1).input_shape == (7, 7, 1)
    assert build_network(lambda b: b.relu("relu", b.input), 2).input_shape == (224, 224, 2)
    with pytest.raises(ValueError, match=r"input_shape is \(7, 7, 3\), expected \(H, W, C\) with C = 1"):
        build_network(build, 1, (7, 7, 3))
    with pytest.raises(SizeError, match="node 'fc' takes 50 features"):
        build_network(build, 1, (8, 7, 1))


def test_the_type_is_the_parameters(builder):
    assert builder.network(builder.relu("relu", builder.input)).dtype == "float32"
    weight = filters().astype("float32")
    assert builder.network(builder.conv("conv", builder.input, weight)).dtype == "float32"
    assert builder.network(builder.conv("conv", builder.input, filters())).dtype == "float64"


def test_parameters_are_copies(builder):
    weight = filters()
    net = builder.network(builder.conv("conv", builder.input, weight))
    net.parameters["conv/weight"][...] = 0
    assert np.array_equal(weight, filters())


WRONG = [
    (lambda b: b.conv("x", b.input, filters(4, 2)), "node 'x' takes 2 maps of two dimensions, its input is (3, 8, 7)"),
    (lambda b: b.conv("x", b.input, filters(window=9)), "node 'x' input side is 8"),
    (lambda b: b.linear("x", b.input, normal(2, 168)), "node 'x' needs features (F,), its input is (3, 8, 7)"),
    (lambda b: b.max_pool("x", b.flatten("f", b.input), 2, 2), "node 'x' needs maps (C, H, W), its input is (168,)"),
    (lambda b: b.zero_pad("x", b.input, (0, 0, -1, 0)), "node 'x' pads (3, 8, 7) by (0, 0, -1, 0), expected maps"),
    (lambda b: b.softmax("x", b.input), "node 'x' needs features (F,)"),
    (lambda b: b.add("x", [b.input, b.max_pool("p", b.input, 2, 2)]), "node 'x' adds (3, 8, 7), (3, 4, 3), expected one shape"),
    (lambda b: b.concatenate("x", [b.input, b.max_pool("p", b.input, 2, 2)]), "node 'x' concatenates (3, 8, 7), (3, 4, 3)"),
    (lambda b: b.adaptive_max_pool("x", b.flatten("f", b.input), (1, 1)), "node 'x' needs maps (C, H, W)"),
]


@pytest.mark.parametrize(("operation", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_what_does_not_fit(builder, operation, message):
    with pytest.raises(SizeError) as error:
        operation(builder)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300])
def test_numbers_that_are_not_finite(builder, number):
    weight = filters().astype("float32" if number == 1e300 else "float64")
    with np.errstate(over="ignore"):
        weight[0, 0, 0, 0] = number
    with pytest.raises(ValueError, match="weight of node 'conv' holds numbers that are not finite"):
        builder.network(builder.conv("conv", builder.input, weight))


def test_layers_of_the_house_as_they_are(builder):
    value = builder.row("pad", layers.ZeroPad(0), builder.zero_pad("zeros", builder.input, (1, 0, 0, 0)))
    value = builder.row("flatten", layers.Flatten(), value)
    net = builder.network(builder.row("again", layers.Flatten(channels_first=True), value))
    assert [name for name, _ in kinds(net)] == ["zeros", "pad", "flatten", "again"] and net.shapes["again"] == (189,)
