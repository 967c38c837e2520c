"""A frozen lower part (section 5.2): the gradients above are the same bits, below nothing drops, is saved or computed."""

import numpy as np
import pytest
from assertions import normal
from tiny_training import rectangles, tiny

from npzf import layers
from npzf.layers import Save
from npzf.network import Network

SIZE = (7, 7, 3)


def two_branches(dtype="float64"):
    """Two convolutions of the images, added: the one may be frozen without the other."""
    table = [
        ("a", layers.Conv(4, 3, pad=1)),
        ("b", layers.Conv(4, 3, pad=1), ("input",)),
        ("sum", layers.Add(), ("a", "b")),
        ("relu", layers.ReLU()),
        ("means", layers.GlobalAveragePool()),
        ("fc", layers.FullyConnected(3)),
    ]
    return Network(SIZE, table, dtype=dtype, seed=5)


NETS = {"tiny": tiny, "rectangles": rectangles, "two branches": two_branches}
BELOW = {
    "tiny": ["conv1", "relu1", "pool1", "norm1", "flatten", "fc2", "relu2"],
    "rectangles": ["conv1", "pool1", "left", "right", "both", "average", "conv2", "flatten"],
    "two branches": ["a", "b", "sum", "means"],
}


def gradients(net, freeze=None, seed=0):
    x = normal(3, *SIZE, dtype=net.dtype)
    scores = net.forward(x, upto=net.scores_name, train=True, freeze=freeze)
    net.backward(normal(*scores.shape, seed=seed + 1, dtype=net.dtype), input_gradient=False)
    return scores, {name: g.copy() for name, g in net.gradients.items()}


@pytest.mark.parametrize("ops", ["fast", "plain"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "freeze"), [(name, freeze) for name, below in BELOW.items() for freeze in below])
def test_the_gradients_of_the_free_part_are_the_same_bits(name, freeze, dtype, ops):
    made = [NETS[name](dtype) for _ in range(2)]
    for net in made:
        net.ops = ops
    (scores, whole), (frozen_scores, free) = gradients(made[0]), gradients(made[1], freeze)
    assert scores.tobytes() == frozen_scores.tobytes()
    frozen = set(made[0].needed_for((freeze,)))
    assert free.keys() == {key for key in whole if key.rpartition("/")[0] not in frozen}
    for key, gradient in free.items():
        assert gradient.tobytes() == whole[key].tobytes(), key


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("freeze", ["conv1", "pool1", "norm1", "fc2", "relu2"])
def test_the_upper_part_alone_on_the_activations_of_the_lower_gives_the_same_bits(freeze, dtype):
    """Without dropout, which draws by the place of its layer in the net."""
    net = tiny(dtype, dropout=0)
    rows = list(net.layers.items())[list(net.layers).index(freeze) + 1 :]
    shape = net.shapes[freeze]
    below = net.forward(normal(3, *SIZE, dtype=net.dtype), upto=freeze)
    if len(shape) == 1:
        shape, below, rows = (1, 1, *shape), below[:, None, None], [("flat", layers.Flatten()), *rows]
    upper = Network(shape, rows, dtype=dtype)
    for name, value in upper.parameters.items():
        value[...] = net.parameters[name]
    scores, free = gradients(net, freeze)
    assert upper.forward(below, train=True).tobytes() == scores.tobytes()
    upper.backward(normal(*scores.shape, seed=1, dtype=net.dtype), input_gradient=False)
    assert free.keys() == upper.gradients.keys()
    for key, gradient in upper.gradients.items():
        assert gradient.tobytes() == free[key].tobytes(), key


def test_dropout_in_the_frozen_part_does_nothing_and_above_it_drops():
    x, net = normal(3, *SIZE), tiny(dropout=0.5)
    expected = net.forward(x, upto="drop2")
    np.testing.assert_array_equal(net.forward(x, upto="drop2", train=True, freeze="drop2"), expected)
    for freeze in ("relu2", "conv1", None):
        dropped = net.forward(x, upto="drop2", train=True, freeze=freeze)
        assert set(np.unique(dropped[expected != 0] / expected[expected != 0]).round(9)) == {0, 2}
    assert net.passes == 4  # the next masks are others, as in any training


def test_of_the_frozen_part_and_of_what_needs_no_gradient_above_it_nothing_is_saved():
    net = tiny()
    tape = net.record(normal(2, *SIZE), ["fc3"], Save.GRADIENTS, train=True, freeze="pool1")
    assert list(tape.saved) == ["fc2", "relu2", "drop2", "fc3"]  # norm1 and flatten have no parameters
    assert list(net.record(normal(2, *SIZE), ["fc3"], Save.GRADIENTS, train=True).saved) == list(net.layers)


def test_the_gradient_at_the_frozen_part_is_not_computed(monkeypatch):
    net = two_branches()
    monkeypatch.setattr(layers.FullyConnected, "backward", None)  # what would give it
    monkeypatch.setattr(layers.Conv, "parameter_gradients", None)
    assert gradients(net, "sum")[1].keys() == {"fc/weight", "fc/bias"}


def test_the_gradient_of_the_images_is_refused_for_it_does_not_exist():
    net = tiny()
    scores = net.forward(normal(2, *SIZE), train=True, freeze="conv1")
    with pytest.raises(ValueError, match=r"^input_gradient is True, expected False: layers of the pass are frozen"):
        net.backward(np.ones_like(scores))


def test_a_frozen_layer_that_does_not_exist():
    with pytest.raises(ValueError, match="layer is 'conv9', expected one of conv1"):
        tiny().forward(normal(2, *SIZE), train=True, freeze="conv9")


def test_after_a_pass_with_all_layers_no_gradient_of_a_frozen_one_is_left():
    net = tiny()
    gradients(net)
    assert "conv1/weight" in net.gradients
    assert "conv1/weight" not in gradients(net, "conv1")[1]


def test_all_may_be_frozen():
    assert gradients(tiny(), "fc3")[1] == {}
