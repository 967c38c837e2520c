"""Nets whose output are features, and nets with a classifier on top: their scores are the classifier's own."""

import numpy as np
import pytest

import npzf
from npzf import layers, models
from npzf.graph import Graph
from npzf.network import Network
from npzf.preprocessing import Preprocessing
from npzf.transfer import LinearClassifier, default_layer, layers_of_table_7, with_classifier, with_pooled


def small_net():
    rows = [
        ("conv1", layers.Conv(4, 3, stride=2)),
        ("relu1", layers.ReLU()),
        ("conv2", layers.Conv(5, 3, pad=1)),
        ("relu2", layers.ReLU()),
        ("flat", layers.Flatten()),
        ("fc6", layers.FullyConnected(7)),
        ("relu6", layers.ReLU()),
        ("drop6", layers.Dropout(0.5)),
        ("fc7", layers.FullyConnected(3)),
    ]
    return Network((13, 13, 3), rows, seed=1)


def random_classifier(width, classes=4):
    generator = np.random.default_rng(0)
    return LinearClassifier(generator.normal(size=(classes, width)), generator.normal(size=classes), 1.0)


X = np.random.default_rng(2).normal(size=(3, 13, 13, 3)).astype(np.float32)
CHOICES = [(("relu2",), True), (("relu6",), True), (("relu1", "relu6"), True), (("relu1", "relu2"), False), (("fc7",), False)]


@pytest.mark.parametrize(("names", "normalize"), CHOICES)
def test_a_net_with_the_classifier_on_top_gives_its_scores(tmp_path, names, normalize):
    net = small_net()
    parts = [net.forward(X, upto=name).reshape(3, -1) for name in names]
    if normalize:
        parts = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts]
    features = np.concatenate(parts, axis=1)
    classifier = random_classifier(features.shape[1])
    made = with_classifier(net, names, classifier, ("a", "b", "c", "d"), normalize=normalize)
    made.save(tmp_path / "net.h5")
    loaded = npzf.load(tmp_path / "net.h5")
    np.testing.assert_allclose(loaded.forward(X), classifier.scores(features), rtol=1e-4, atol=1e-4)
    assert loaded.classes == ("a", "b", "c", "d")
    assert npzf.project(loaded, X, loaded.output_name, 2).shape == X.shape
    before = net.parameters["conv1/weight"].copy()
    made.parameters["conv1/weight"][...] = 0  # a copy
    np.testing.assert_array_equal(net.parameters["conv1/weight"], before)


def test_a_classifier_of_other_features_is_refused():
    with pytest.raises(ValueError, match=r"weight has shape \(4, 9\), expected \(4, 7\)"):
        with_classifier(small_net(), ["relu6"], random_classifier(9), "abcd")
    with pytest.raises(ValueError, match="layers are none"):
        with_classifier(small_net(), [], random_classifier(9), "abcd")


def test_a_layer_that_has_the_name_already_is_left_its_own():
    rows = [("classes", layers.Conv(2, 3)), ("classes_flat", layers.ReLU())]
    net = Network((5, 5, 3), rows)
    made = with_classifier(net, ["classes_flat"], random_classifier(18), "abcd")
    assert list(made.layers)[:2] == ["classes", "classes_flat"] and len(made.layers) == 5


def test_maps_are_averaged_to_few_places_and_parameters_are_shared():
    net = small_net()
    pooled, names = with_pooled(net, ["relu1", "relu6"], 3)
    assert names == ("relu1_3x3", "relu6") and pooled.shapes["relu1_3x3"] == (3, 3, 4)
    np.testing.assert_allclose(
        pooled.forward(X, upto="relu1_3x3")[:, 0, 1], net.forward(X, upto="relu1")[:, :2, 2:4].mean((1, 2)), rtol=1e-5
    )
    assert pooled.parameters["conv1/weight"] is net.parameters["conv1/weight"]
    same, names = with_pooled(net, ["relu1"], 6)
    assert names == ("relu1",)
    np.testing.assert_array_equal(same.forward(X), net.forward(X, upto="relu1"))
    with pytest.raises(ValueError, match="cells is 0"):
        with_pooled(net, ["relu1"], 0)


def maps_only():
    return Network((13, 13, 3), [("conv1", layers.Conv(4, 3)), ("relu1", layers.ReLU()), ("pool1", layers.MaxPool(2, 2))])


def ends_in_softmax():
    net = small_net()
    rows = [(name, layer, net.sources[name]) for name, layer in net.layers.items()]
    return Network(net.input_shape, [*rows, ("p", layers.Softmax())])


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (small_net, "relu6"),
        (ends_in_softmax, "relu6"),
        (maps_only, "pool1"),
        (lambda: npzf.small_zfnet(3, 64), "relu7"),
        (lambda: npzf.squeezenet(3), "fire9/concat"),
    ],
    ids=["drop", "softmax", "maps", "small_zfnet", "squeezenet"],
)
def test_the_default_is_what_the_classifier_is_given(make, expected):
    assert default_layer(make()) == expected


def deep():
    rows = []
    for stage in range(1, 6):
        rows += [(f"conv{stage}_{k}", layers.Conv(2, 3, pad=1)) for k in (1, 2)] + [(f"pool{stage}", layers.MaxPool(2, 2))]
    return Network((64, 64, 3), rows)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (small_net, ("relu1", "relu2", "relu6")),
        (ends_in_softmax, ("relu1", "relu2", "relu6")),
        (maps_only, ("pool1",)),
        (lambda: npzf.small_zfnet(3, 64), ("norm1", "norm2", "relu3", "relu4", "pool5", "relu6", "relu7")),
        (deep, ("pool1", "pool2", "pool3", "pool4", "pool5")),
    ],
    ids=["drop", "softmax", "maps", "small_zfnet", "five poolings"],
)
def test_layers_of_table_7(make, expected):
    assert layers_of_table_7(make()) == expected


def test_in_a_net_with_branches_a_stage_ends_where_they_meet():
    found = layers_of_table_7(npzf.squeezenet(3))
    assert found[:3] == ("pool1", "fire2/concat", "pool3") and found[-1] == "fire9/concat"


def test_a_net_with_a_classifier_gets_another_one_for_other_classes():
    """Layers above the features are left out, and their names are free."""
    first = with_classifier(small_net(), ["relu2"], random_classifier(180, 3), "abc")
    features = first.forward(X, upto="relu2").reshape(3, -1)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    classifier = random_classifier(180, 4)
    second = with_classifier(first, ["relu2"], classifier, "abcd")
    assert list(second.layers)[-3:] == ["relu2_flat", "relu2_unit", "classes"] and second.classes == tuple("abcd")
    np.testing.assert_allclose(second.forward(X), classifier.scores(features), rtol=1e-4, atol=1e-4)


def test_nets_made_of_a_net_on_a_gpu_lie_there_too(gpu):
    net = small_net()
    net.preprocessing, net.ops = Preprocessing(std=50.0), "plain"
    classifier = random_classifier(7)
    expected = with_classifier(net, ["relu6"], classifier, "abcd")
    assert expected.preprocessing is net.preprocessing and expected.ops == "plain"
    net.to("cuda")
    made = with_classifier(net, ["relu6"], classifier, "abcd")
    assert made.device == "cuda"
    for name, value in expected.parameters.items():
        np.testing.assert_array_equal(gpu.numpy(made.parameters[name]), value)
    assert made.parameters["fc6/weight"] is not net.parameters["fc6/weight"]
    pooled, _ = with_pooled(net, ["relu1", "relu6"], 3)
    assert pooled.device == "cuda" and pooled.parameters["fc6/weight"] is net.parameters["fc6/weight"]


BRANCHES = ("fire2/concat", "pool3", "fire4/concat", "pool5", "fire6/concat", "fire7/concat", "fire8/concat", "fire9/concat")
NETS = {  # rows, side, the default, layers of Table 7
    "zfnet": (models.zfnet_rows(3), 224, "relu7", ("norm1", "norm2", "relu3", "relu4", "pool5", "relu6", "relu7")),
    "krizhevsky": (models.krizhevsky_rows(3), 224, "relu7", ("pool1", "pool2", "relu3", "relu4", "pool5", "relu6", "relu7")),
    "alexnet": (models.alexnet_rows(3), 224, "relu7", ("pool1", "pool2", "relu3", "relu4", "pool5", "relu6", "relu7")),
    "alexnet's maps": (models.alexnet_rows(3)[:13], 224, "pool5", ("pool1", "pool2", "relu3", "relu4", "pool5")),
    "squeezenet": (models.squeezenet_rows(3), 227, "fire9/concat", ("pool1", *BRANCHES)),
    "vgg16": (models.vgg16_rows(3), 224, "relu7", ("pool1", "pool2", "pool3", "pool4", "pool5", "relu6", "relu7")),
    "vgg16's maps": (models.vgg16_rows(3)[:31], 224, "pool5", ("pool1", "pool2", "pool3", "pool4", "pool5")),
}


@pytest.mark.parametrize(("rows", "side", "default", "stages"), NETS.values(), ids=NETS)
def test_layers_of_the_known_nets(rows, side, default, stages):
    graph = Graph((side, side, 3), rows)  # without parameters
    assert default_layer(graph) == default
    assert layers_of_table_7(graph) == stages
