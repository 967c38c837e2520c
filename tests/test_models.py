"""The published nets as rows: their names and sizes, Table 3's ablations, both contrast normalisations, editing."""

import numpy as np
import pytest
from assertions import normal

import npzf
from npzf.layers import Concatenate, Conv, FullyConnected, LocalContrastNorm, LocalResponseNorm, MaxPool, ReLU
from npzf.models import alexnet_rows, krizhevsky_rows, small_zfnet_rows, squeezenet_rows, vgg16_rows, zfnet_rows
from npzf.network import Network
from npzf.rows import without

NORMS = {"across": LocalResponseNorm, "local": LocalContrastNorm, None: None}
ZFNET = "conv1 relu1 pool1 norm1 conv2 relu2 pool2 norm2 conv3 relu3 conv4 relu4 conv5 relu5 pool5"
KRIZHEVSKY = "conv1 relu1 norm1 pool1 conv2 relu2 norm2 pool2 conv3 relu3 conv4 relu4 conv5 relu5 pool5"
CLASSIFIER = " flatten fc6 relu6 drop6 fc7 relu7 drop7 fc8"
VGG16 = (
    "conv1_1 relu1_1 conv1_2 relu1_2 pool1 conv2_1 relu2_1 conv2_2 relu2_2 pool2 conv3_1 relu3_1 conv3_2 relu3_2 conv3_3 relu3_3 "
    "pool3 conv4_1 relu4_1 conv4_2 relu4_2 conv4_3 relu4_3 pool4 conv5_1 relu5_1 conv5_2 relu5_2 conv5_3 relu5_3 pool5"
)


def names(rows):
    return " ".join(row[0] for row in rows)


def count(rows, shape=(224, 224, 3)):
    """Parameters of a chain, from the arithmetic of figure 3 alone: no arrays are made."""
    total = 0
    for _, layer in rows:
        below, shape = shape, layer.shape(shape)
        if isinstance(layer, Conv):
            total += layer.maps * (layer.window**2 * below[2] // layer.groups + 1)
        elif isinstance(layer, FullyConnected):
            total += layer.units * (below[0] + 1)
    return total


def test_names_in_order():
    assert names(zfnet_rows()) == ZFNET + CLASSIFIER
    assert names(krizhevsky_rows()) == KRIZHEVSKY + CLASSIFIER
    assert names(small_zfnet_rows()) == ZFNET + CLASSIFIER
    assert names(alexnet_rows()) == ZFNET.replace(" norm1", "").replace(" norm2", "") + CLASSIFIER
    assert names(vgg16_rows()) == VGG16 + CLASSIFIER


def test_vgg16_is_configuration_d():
    assert count(vgg16_rows()) == 138_357_544  # Simonyan & Zisserman 2014, Table 2: 138 million
    net = Network((64, 64, 3), vgg16_rows(7)[:-8])
    assert [net.shapes[f"pool{i}"] for i in range(1, 6)] == [
        (32 >> i, 32 >> i, m) for i, m in enumerate((64, 128, 256, 512, 512))
    ]
    assert {layer.window for layer in net.layers.values() if isinstance(layer, Conv)} == {3}


def test_alexnet_up_to_pool5_is_a_net():
    net = npzf.truncated(npzf.alexnet(3), "pool5")
    assert net.output_name == "pool5" and net.shapes["pool5"] == (6, 6, 256)
    assert sum(p.size for p in net.parameters.values()) == 2_469_696


# Table 3

REMOVED = {
    "3,4": ("conv3", "conv4"),
    "7": ("fc7",),
    "6,7": ("fc6", "fc7"),
    "3,4,6,7": ("conv3", "conv4", "fc6", "fc7"),
}
ROWS = {"zfnet": zfnet_rows, "krizhevsky": krizhevsky_rows}
PARAMETERS = {  # units or maps times (numbers that each sees, and its bias); layer 5 leaves 6 x 6 x 256 numbers
    "zfnet": {
        "conv1": 96 * (7 * 7 * 3 + 1),
        "conv2": 256 * (5 * 5 * 96 + 1),
        "conv3": 384 * (9 * 256 + 1),
        "conv4": 384 * (9 * 384 + 1),
        "conv5": 256 * (9 * 384 + 1),
    },
    "krizhevsky": {
        "conv1": 96 * (11 * 11 * 3 + 1),
        "conv2": 256 * (5 * 5 * 48 + 1),
        "conv3": 384 * (9 * 256 + 1),
        "conv4": 384 * (9 * 192 + 1),
        "conv5": 256 * (9 * 192 + 1),
    },
}
FULLY_CONNECTED = {"fc6": 4096 * (9216 + 1), "fc7": 4096 * (4096 + 1), "fc8": 1000 * (4096 + 1)}
WITHOUT_3_4 = {"zfnet": {"conv5": 256 * (9 * 256 + 1)}, "krizhevsky": {"conv5": 256 * (9 * 128 + 1)}}  # it sees layer 2
WITHOUT_6_7 = {"fc8": 1000 * (9216 + 1)}


def expected_parameters(net, removed):
    parameters = PARAMETERS[net] | FULLY_CONNECTED
    parameters |= WITHOUT_3_4[net] if "conv3" in removed else {}
    parameters |= WITHOUT_6_7 if "fc6" in removed else {}
    return sum(number for name, number in parameters.items() if name not in removed)


@pytest.mark.parametrize("removed", REMOVED.values(), ids=REMOVED)
@pytest.mark.parametrize("net", ROWS)
def test_table_3_layers_removed(net, removed):
    rows = ROWS[net]()
    found = without(rows, *removed)
    gone = {name.replace(kind, other) for name in removed for kind in ("conv", "fc") for other in (kind, "relu", "drop")}
    assert names(found) == " ".join(name for name in names(rows).split() if name not in gone)
    assert all(len(row) == 2 for row in found)  # still a chain
    assert count(found) == expected_parameters(net, removed)
    assert count(rows) == expected_parameters(net, ()) == {"zfnet": 62_357_608, "krizhevsky": 60_965_224}[net]


@pytest.mark.parametrize("removed", REMOVED.values(), ids=REMOVED)
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_a_net_of_table_3_passes_up_and_down(rows, removed):
    net = Network((99, 99, 3), without(rows(5, fc_units=6), *removed), weight_init="he")
    x = normal(2, 99, 99, 3, dtype="float32")
    assert net.forward(x, train=True).shape == (2, 5)
    assert net.backward(np.ones((2, 5), "float32")).shape == x.shape
    assert np.abs(npzf.project(net, x, "conv5", 1)).max() > 0


def test_table_3_widths():
    for net, rows in ROWS.items():
        fully_connected = 2048 * (9216 + 1) + 2048 * (2048 + 1) + 1000 * (2048 + 1)
        assert count(rows(fc_units=2048)) == sum(PARAMETERS[net].values()) + fully_connected
    larger = zfnet_rows(conv3_to_5=(512, 1024, 512), fc_units=8192)
    assert [layer.maps for _, layer in larger if isinstance(layer, Conv)] == [96, 256, 512, 1024, 512]
    assert [layer.units for _, layer in larger if isinstance(layer, FullyConnected)] == [8192, 8192, 1000]
    assert [la.units for _, la in krizhevsky_rows(fc_units=8192) if isinstance(la, FullyConnected)] == [8192, 8192, 1000]


def test_rows_are_edited_as_lists_are():
    """Figure 6: the first layer of ZFNet in the net of Krizhevsky et al."""
    rows = [(name, Conv(96, 7, stride=2, ceil=True)) if name == "conv1" else (name, layer) for name, layer in krizhevsky_rows()]
    assert Network((224, 224, 3), rows[:2]).shapes["conv1"] == (110, 110, 96)
    assert [name for name, layer in rows if isinstance(layer, MaxPool)] == ["pool1", "pool2", "pool5"]


def test_rows_build_as_many_nets_as_wanted():
    rows = small_zfnet_rows(3)
    one, other = (Network((64, 64, 3), rows) for _ in range(2))
    one.parameters["conv1/weight"][...] = 0
    assert other.parameters["conv1/weight"].any()
    assert not any(layer.parameters for _, layer in rows)


# without, on nets with branches


def test_sources_that_name_what_is_removed_take_what_fed_it():
    found = {row[0]: row[2:] for row in without(squeezenet_rows(), "fire2/expand1x1", "fire3/squeeze1x1", "pool5")}
    gone = {"fire2/expand1x1", "fire2/relu_expand1x1", "fire3/squeeze1x1", "fire3/relu_squeeze1x1", "pool5"}
    assert found.keys() == {row[0] for row in squeezenet_rows()} - gone
    assert found["fire2/concat"] == (("fire2/relu_squeeze1x1", "fire2/relu_expand3x3"),)
    assert found["fire3/expand1x1"] == found["fire3/expand3x3"] == (("fire2/concat",),)
    assert found["fire6/squeeze1x1"] == ()  # the row before it is what feeds it
    net = Network((67, 67, 3), without(squeezenet_rows(5), "fire2/expand1x1", "fire3/squeeze1x1", "pool5"))
    assert net.forward(normal(1, 67, 67, 3, dtype="float32")).shape == (1, 5)


def branched():
    return [
        ("conv1", Conv(4, 3)),
        ("relu1", ReLU()),
        ("one", Conv(4, 1)),
        ("other", Conv(4, 1), ("relu1",)),
        ("relu_other", ReLU()),
        ("both", Concatenate(), ("one", "relu_other")),
        ("pool", MaxPool(2, 2)),
    ]


def test_a_row_whose_source_is_implied_keeps_it():
    """Without "other", the row before pool_other is "one", which is not what fed "other"."""
    rows = [*branched()[:4], ("pool_other", MaxPool(1, 1)), ("both", Concatenate(), ("one", "pool_other"))]
    assert [row[2:] for row in without(rows, "other")] == [(), (), (), (("relu1",),), (("one", "pool_other"),)]


def test_the_first_layer():
    found = without(branched(), "conv1")
    assert [row[0] for row in found] == ["one", "other", "relu_other", "both", "pool"]
    net = Network((6, 6, 3), found)
    assert net.sources["one"] == net.sources["other"] == ("input",)


def test_only_activations_that_follow_directly_go():
    rows = [
        ("conv1", Conv(2, 1)),
        ("pool1", MaxPool(1, 1)),
        ("relu1", ReLU()),
        ("conv2", Conv(2, 1)),
        ("relu2", ReLU(), ("relu1",)),
    ]
    assert names(without(rows, "conv1")) == "pool1 relu1 conv2 relu2"
    assert names(without(rows[:3], "pool1")) == "conv1 relu1"
    with pytest.raises(ValueError, match="names leave 'relu2' last"):
        without([*rows, ("end", Conv(2, 1), ("relu1",))], "end")
    another = [("one", Conv(2, 1)), ("other", Conv(2, 1), ("input",)), ("relu_one", ReLU(), ("one",))]
    assert names(without(another, "other")) == "one relu_one"
    assert names(without(zfnet_rows(), "relu6")) == (ZFNET + CLASSIFIER).replace(" relu6", "")


def test_nothing_named_is_nothing_removed():
    expected = [(name, *sources) for name, _, *sources in squeezenet_rows()]
    assert [(name, *sources) for name, _, *sources in without(squeezenet_rows())] == expected


@pytest.mark.parametrize(
    ("rows", "removed", "message"),
    [
        (zfnet_rows, ("conv9",), "name is 'conv9', expected one of conv1, relu1, pool1, "),
        (zfnet_rows, ("conv3", "input"), "name is 'input', expected one of conv1, "),
        (branched, ("both",), "name is 'both', which has sources one, relu_other, expected a layer with one source"),
        (lambda: branched()[:-1], ("both",), "name is 'both', which has sources one, relu_other"),
    ],
)
def test_what_cannot_be_removed_is_refused_in_one_line(rows, removed, message):
    with pytest.raises(ValueError, match=message) as caught:
        without(rows(), *removed)
    assert "\n" not in str(caught.value)


# Contrast normalisation


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("rows", [zfnet_rows, krizhevsky_rows, small_zfnet_rows])
def test_norm_rows(rows, norm):
    found = {name: type(layer) for name, layer in rows(norm=norm) if name.startswith("norm")}
    assert found == ({} if norm is None else {"norm1": NORMS[norm], "norm2": NORMS[norm]})
    others = [name for name, _ in rows() if not name.startswith("norm")]
    assert [name for name, _ in rows(norm=norm) if not name.startswith("norm")] == others


@pytest.mark.parametrize("make", [npzf.zfnet, npzf.krizhevsky, npzf.small_zfnet])
def test_another_norm_is_refused(make):
    with pytest.raises(ValueError, match="norm is 'batch', expected 'across', 'local' or None"):
        make(norm="batch")


def trained(net, steps):
    """Losses of steps on twelve images of 64 x 64 pixels, where class k has a bright row, and the images."""
    labels = np.arange(12) % 3
    x = 4 * normal(12, 64, 64, 3, dtype="float32")
    x[np.arange(12), 16 * labels + 8] += 12
    sgd, losses = npzf.SGD(net, 0.01), []
    for _ in range(steps):
        loss, gscores = npzf.softmax_cross_entropy(net.forward(x, train=True), labels)
        net.backward(gscores)
        sgd.step()
        losses.append(loss)
    return losses, x


@pytest.mark.parametrize("norm", NORMS)
def test_a_few_steps_lower_the_loss(norm):
    net = npzf.small_zfnet(3, 64, norm=norm)
    losses, x = trained(net, 12)
    assert losses[0] == pytest.approx(np.log(3), rel=0.2) and losses[-1] < 0.5 * losses[0], losses
    pictures = npzf.project(net, x, "conv5")
    assert np.isfinite(pictures).all() and np.abs(pictures).max(axis=(1, 2, 3)).min() > 0


@pytest.mark.parametrize("norm", NORMS)
def test_the_first_step_leaves_layer_1_its_scale(norm):
    """It begins small, so that what it learns outweighs what it began as: not 50 times as large along one random gradient."""
    net = npzf.small_zfnet(3, 64, norm=norm)
    before = net.parameters["conv1/weight"].std()
    trained(net, 1)
    assert net.parameters["conv1/weight"].std() < 3 * before
