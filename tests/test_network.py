"""The network as a graph: names, partial passes, what is kept, branches, other image sizes, and what it refuses."""

import gradcheck
import numpy as np
import pytest
from assertions import normal

import npzf
from npzf import layers
from npzf.layers import Save
from npzf.network import Network

SIZE = (9, 8, 2)


def chain(dtype="float64", seed=0):
    """Every kind of layer of the paper, once or twice."""
    table = [
        ("conv1", layers.Conv(4, 3, ceil=True)),
        ("relu1", layers.ReLU()),
        ("pool1", layers.MaxPool(3, 2, ceil=True)),
        ("norm1", layers.LocalResponseNorm(alpha=1.0)),
        ("conv2", layers.Conv(3, 2, groups=1)),
        ("relu2", layers.ReLU()),
        ("flatten", layers.Flatten()),
        ("fc3", layers.FullyConnected(6)),
        ("relu3", layers.ReLU()),
        ("drop3", layers.Dropout(0.5)),
        ("fc4", layers.FullyConnected(5)),
    ]
    return with_biases(Network(SIZE, table, dtype=dtype, seed=seed))


def branches():
    """A fire module; "squeeze" feeds two convolutions and, last, a relu that would spoil it for them if it wrote in place."""
    table = [
        ("squeeze", layers.Conv(3, 1)),
        ("wide", layers.Conv(2, 3, pad=1), ("squeeze",)),
        ("narrow", layers.Conv(2, 1), ("squeeze",)),
        ("relu", layers.ReLU(), ("squeeze",)),
        ("twice", layers.Concatenate(), ("wide", "narrow", "relu", "wide")),
        ("norm", layers.LocalResponseNorm(alpha=1.0)),
        ("average", layers.GlobalAveragePool()),
    ]
    return with_biases(Network(SIZE, table, dtype="float64"))


def with_biases(net):
    for name, value in net.parameters.items():
        if name.endswith("bias"):
            value[...] = normal(*value.shape)
    return net


def images(count=2, dtype="float64", seed=0):
    return normal(count, *SIZE, seed=seed, dtype=dtype)


def refused(named, call, *arguments, **options):
    with pytest.raises(ValueError, match=named) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [chain, branches])
def test_upto_gives_the_activation_of_that_layer(make):
    net, x = make(), images()
    for name in net.layers:
        y = net.forward(x, upto=name)
        assert y.shape == (2, *net.shapes[name])
    np.testing.assert_array_equal(net.forward(x), y)


@pytest.mark.parametrize("save", [Save.NOTHING, Save.GRADIENTS])
@pytest.mark.parametrize("make", [chain, branches])
def test_several_activations_in_one_pass_are_those_of_single_passes(make, save):
    net, x = make(), images()
    together = net.record(x, list(net.layers), save)
    for name in net.layers:
        np.testing.assert_array_equal(together[name], net.forward(x, upto=name), err_msg=name)


def test_an_activation_asked_for_keeps_its_negative_numbers():
    assert chain().record(images(), ["conv1", "relu1"])["conv1"].min() < 0


@pytest.mark.parametrize("make", [chain, branches])
def test_the_images_are_left_alone(make):
    net, x = make(), images()
    before = x.copy()
    net.backward(net.forward(x, train=True))
    npzf.project(net, x, net.output_name)
    np.testing.assert_array_equal(x, before)


def test_a_relu_on_the_images_does_not_write_into_them():
    x = images()
    before = x.copy()
    Network(SIZE, [("relu", layers.ReLU())], dtype="float64").forward(x)
    np.testing.assert_array_equal(x, before)


def test_a_first_layer_without_parameters_has_no_gradient():
    net = Network(SIZE, [("norm", layers.LocalResponseNorm()), ("conv", layers.Conv(2, 3))], dtype="float64")
    assert net.backward(net.forward(images(), train=True), input_gradient=False) is None
    assert net.gradients.keys() == {"conv/weight", "conv/bias"}


@pytest.mark.parametrize("make", [chain, branches])
def test_the_gradient_of_the_images(make):
    net = make()
    for layer in net.layers.values():
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0

    def backward(gy):
        net.forward(images(), train=True)
        return net.backward(gy)

    gradcheck.gradient(net.forward, backward, images(), step=1e-6)


@pytest.mark.parametrize("name", ["squeeze/weight", "squeeze/bias", "wide/weight", "narrow/weight", "narrow/bias"])
def test_gradients_below_a_source_used_four_times(name):
    net, x = branches(), images()

    def forward(value):
        net.parameters[name][...] = value
        return net.forward(x, train=True)

    def backward(gy):
        forward(start)
        net.backward(gy)
        return net.gradients[name]

    start = net.parameters[name].copy()
    gradcheck.gradient(forward, backward, start, step=1e-6)


def test_a_layer_named_twice_as_a_source_gets_both_gradients():
    table = [("one", layers.Conv(2, 1)), ("two", layers.Concatenate(), ("one", "one"))]
    net, x = Network(SIZE, table, dtype="float64"), images()
    y = net.forward(x, train=True)
    gx = net.backward(np.ones_like(y))
    net.forward(x, upto="one", train=True)
    np.testing.assert_allclose(gx, net.backward(np.full((2, *SIZE), 2.0)), rtol=1e-12)


def test_one_branch_alone_can_be_concatenated():
    net, x = Network(SIZE, [("one", layers.Concatenate())], dtype="float64"), images()
    np.testing.assert_array_equal(net.forward(x, train=True), x)
    np.testing.assert_array_equal(net.backward(x), x)


@pytest.mark.parametrize("make", [chain, branches])
def test_without_the_gradient_of_the_images_the_others_are_the_same(make):
    x, found = images(), []
    for input_gradient in (True, False):
        net = make()
        gx = net.backward(net.forward(x, train=True), input_gradient)
        assert (gx is not None) == input_gradient
        found.append({name: gradient.copy() for name, gradient in net.gradients.items()})
    assert found[0].keys() == found[1].keys() == net.parameters.keys()
    for name in found[0]:
        np.testing.assert_array_equal(found[0][name], found[1][name])


def test_backward_from_a_layer_in_the_middle():
    net, x = chain(), images()
    gx = net.backward(net.forward(x, upto="norm1", train=True))
    assert gx.shape == x.shape
    assert net.gradients.keys() == {"conv1/weight", "conv1/bias"}


def test_backward_belongs_to_the_last_forward_in_training_and_may_be_called_once():
    net, x = chain(), images()
    gy = net.forward(x)
    refused("backward was called before forward", net.backward, gy)  # inference only
    net.forward(x, train=True)
    net.backward(gy)
    refused("backward was called before forward", net.backward, gy)
    net.passes = 0
    net.forward(x, train=True)
    expected = net.backward(gy)
    net.passes = 0
    net.forward(x, train=True)
    npzf.project(net, images(seed=3), "conv1")  # whatever ran since
    net.forward(images(seed=4))
    np.testing.assert_array_equal(net.backward(gy), expected)


def test_an_upstream_gradient_of_another_shape():
    net = chain()
    net.forward(images(), train=True)
    refused(r"gy has shape \(3, 5\), expected \(2, 5\)", net.backward, np.ones((3, 5)))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (np.ones((2, 5), int), "int64"),
        (np.ones((2, 5), bool), "bool"),
        ([[1.0] * 5] * 2, "list"),
        (1.0, "float"),
        (None, "NoneType"),
    ],
)
def test_an_upstream_gradient_of_another_type(given, named):
    """Refused before the memory of the pass is released: a right one still works."""
    net = chain()
    y = net.forward(images(), train=True)
    refused(f"gy is {named}, expected an array of float64", net.backward, given)
    assert net.backward(np.ones_like(y, "float32")).dtype == "float64"


def test_images_of_other_sizes_pass_through_local_layers():
    net, x = chain(), normal(1, 15, 11, 2)
    whole, part = net.forward(x, upto="relu2"), net.forward(x[:, :9, :8], upto="relu2")
    assert whole.shape == (1, 5, 3, 3)
    np.testing.assert_allclose(whole[:, :2, :1], part[:, :2, :1], rtol=1e-12)  # where both see the same pixels
    assert npzf.project(net, x, "relu2").shape == x.shape
    assert net.backward(net.forward(x, "relu2", train=True)).shape == x.shape


@pytest.mark.parametrize(
    ("x", "upto", "named"),
    [
        (np.zeros((2, 9, 9, 2)), None, r"x has images of \(9, 9, 2\), expected \(9, 8, 2\), which 'flatten' needs"),
        (np.zeros((2, 9, 8, 3)), "conv1", r"x has 3 channels, expected 2"),
        (np.zeros((2, 2, 8, 2)), "conv1", "input side is 2"),
        (np.zeros((9, 8, 2)), None, r"x has shape \(9, 8, 2\), expected \(N, H, W, C\)"),
        (np.zeros((0, 9, 8, 2)), None, r"x has shape \(0, 9, 8, 2\)"),
        (np.full((1, 9, 8, 2), "a"), None, "x has type <U1, expected numbers"),
        (np.full((1, 9, 8, 2), None), None, "x has type object, expected numbers"),
        (np.zeros((1, 9, 8, 2), complex), None, "x has type complex128, expected numbers"),
        (np.zeros((1, 9, 8, 2)), "conv9", "layer is 'conv9', expected one of conv1, relu1"),
        (np.zeros((1, 9, 8, 2)), "input", "layer is 'input', expected one of conv1, relu1"),
    ],
)
def test_bad_images_and_names_are_refused_in_one_line(x, upto, named):
    refused(named, chain().forward, x, upto)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ([], "the table is empty"),
        ([("a", layers.ReLU()), ("a", layers.ReLU())], "layer name 'a' appears twice"),
        ([("input", layers.ReLU())], "layer name 'input' appears twice"),
        ([("a", layers.ReLU(), ("b",))], "layer 'a' has source 'b', expected one of input"),
        ([("a", layers.ReLU(), ("input", "input"))], "layer 'a' has 2 sources, expected one"),
        ([("a", layers.Concatenate(), ())], "layer 'a' has 0 sources"),
        ([("a", layers.Conv(2, 10))], "layer 'a': input side is 9"),
        ([("a", layers.FullyConnected(2))], "layer 'a': FullyConnected: input is .*put a Flatten before it"),
    ],
)
def test_bad_tables_are_refused_in_one_line(table, named):
    refused(named, Network, SIZE, table)


@pytest.mark.parametrize(
    "name",
    [
        *("", "x" * 201, "x" * 3000, "a\nb", "\x1b[2J", "a\0", "\udcff", "\u202ea", "\u2028", 3, None, b"a"),
        *("/a", "a/", "a//b", ".", "./a", "a/weight"),
    ],
)
def test_layer_names_that_cannot_be_shown_or_kept_are_refused_in_one_line(name):
    with pytest.raises(ValueError, match=r"^layer name is ") as caught:
        Network(SIZE, [(name, layers.ReLU())])
    assert str(caught.value).isprintable() and len(str(caught.value)) < 200


@pytest.mark.parametrize("name", ["x" * 3000, "a\x1b[2J", "a\nb"])
def test_such_a_name_in_a_file_is_refused_in_one_line(tmp_path, monkeypatch, name):
    with monkeypatch.context() as patch:
        patch.setattr("npzf.graph.check_layer_name", lambda name: None)
        Network(SIZE, [(name, layers.Conv(2, 3))]).save(tmp_path / "net.h5")
    with pytest.raises(ValueError, match=r"net\.h5: its architecture cannot be built \(layer name is ") as caught:
        npzf.load(tmp_path / "net.h5")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400 + len(str(tmp_path))


@pytest.mark.parametrize("name", ["x" * 200, "fire2/expand3x3", "été", "層", "a b", "$x^2$", "..."])
def test_layer_names_of_all_letters(tmp_path, name):
    net = Network(SIZE, [(name, layers.Conv(2, 3))])
    net.save(tmp_path / "net.h5")
    assert list(npzf.load(tmp_path / "net.h5").layers) == [name]


@pytest.mark.parametrize("dtype", ["float16", "int32", "text", object])
def test_bad_types_are_refused_in_one_line(dtype):
    refused("expected 'float32' or 'float64'", Network, SIZE, [("a", layers.ReLU())], dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_is_of_the_type_asked_for(dtype):
    net, x = chain(dtype), images(dtype="float32")
    y = net.forward(x, train=True)
    gx = net.backward(y)
    found = [y, gx, npzf.project(net, x, "conv2", 1), *net.parameters.values(), *net.gradients.values()]
    assert {a.dtype for a in found} == {np.dtype(dtype)}


def test_whole_numbers_are_images_too():
    x = np.random.default_rng(0).integers(0, 256, (2, *SIZE), np.uint8)
    np.testing.assert_array_equal(chain().forward(x), chain().forward(x.astype("float64")))


def test_names_of_parameters_and_setting_one():
    net, x = chain(), images()
    names = [f"{layer}/{key}" for layer in ("conv1", "conv2", "fc3", "fc4") for key in ("weight", "bias")]
    assert list(net.parameters) == names
    net.parameters["fc4/weight"][...] = 0
    np.testing.assert_array_equal(net.forward(x), np.broadcast_to(net.parameters["fc4/bias"], (2, 5)))


def test_the_same_seed_gives_the_same_bits():
    one, same, other = chain(seed=1), chain(seed=1), chain(seed=2)
    for name, value in one.parameters.items():
        np.testing.assert_array_equal(value, same.parameters[name])
    assert (one.parameters["fc3/weight"] != other.parameters["fc3/weight"]).all()
    x = images()
    dropped = [net.forward(x, upto="drop3", train=True) for net in (one, same)]
    np.testing.assert_array_equal(*dropped)


def test_a_batch_is_its_images_one_by_one():
    net, x = chain(), images(5)
    np.testing.assert_allclose(net.forward(x), np.concatenate([net.forward(x[i : i + 1]) for i in range(5)]), rtol=1e-12)


SUMMARY = """\
input 224x224x3, 3,809,272 parameters, float32
layer    kind                   output  parameters  field  stride
conv1    Conv               110x110x96      14,208      7       2
relu1    ReLU               110x110x96                  7       2
pool1    MaxPool              55x55x96                 11       4
norm1    LocalResponseNorm    55x55x96                 11       4
conv2    Conv                26x26x256     614,656     27       8
relu2    ReLU                26x26x256                 27       8
pool2    MaxPool             13x13x256                 43      16
norm2    LocalResponseNorm   13x13x256                 43      16
conv3    Conv                13x13x384     885,120     75      16
relu3    ReLU                13x13x384                 75      16
conv4    Conv                13x13x384   1,327,488    107      16
relu4    ReLU                13x13x384                107      16
conv5    Conv                13x13x256     884,992    139      16
relu5    ReLU                13x13x256                139      16
pool5    MaxPool               6x6x256                171      32
flatten  Flatten                  9216                all
fc6      FullyConnected              8      73,736    all
relu6    ReLU                        8                all
drop6    Dropout                     8                all
fc7      FullyConnected              8          72    all
relu7    ReLU                        8                all
drop7    Dropout                     8                all
fc8      FullyConnected           1000       9,000    all
"""


def test_summary_of_zfnet():
    """Columns stand under each other; the numbers are those of paper.md and figure 3."""
    assert [line.rstrip() for line in npzf.zfnet(fc_units=8).summary().splitlines()] == SUMMARY.splitlines()


def test_layers_to_look_at_are_found_in_any_net():
    """Where branches of vectors meet there is nothing to see; a net without convolutions has its fully connected layers."""
    rows = [
        ("conv", layers.Conv(4, 3)),
        ("one", layers.GlobalAveragePool()),
        ("other", layers.GlobalAveragePool(), ("conv",)),
        ("both", layers.Concatenate(), ("one", "other")),
        ("fc", layers.FullyConnected(2)),
    ]
    assert Network((7, 7, 3), rows).main_layers == ["conv"]
    rows = [("flatten", layers.Flatten()), ("fc1", layers.FullyConnected(4)), ("fc2", layers.FullyConnected(2))]
    assert Network((7, 7, 3), rows).main_layers == ["fc1", "fc2"]
    assert chain().main_layers == ["conv1", "conv2"]
