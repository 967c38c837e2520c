"""One pass as an object: many walks from one forward pass, threads that share a net, gradients layer by layer, faces of ops."""

from concurrent.futures import ThreadPoolExecutor

import gradcheck
import numpy as np
import pytest
from assertions import close, normal
from rounding import gamma, terms_to

import npzf
from npzf import layers
from npzf.layers import ProjectionRules, Save
from npzf.network import Network, truncated

SIZE = (12, 11, 3)


def small(dtype="float64"):
    """Every kind of layer that a pass saves something for."""
    table = [
        ("conv1", layers.Conv(6, 3, stride=2)),
        ("relu1", layers.ReLU()),
        ("pool1", layers.MaxPool(2, 1)),
        ("norm1", layers.LocalResponseNorm(alpha=1.0)),
        ("conv2", layers.Conv(5, 2)),
        ("relu2", layers.ReLU()),
        ("flatten", layers.Flatten()),
        ("fc3", layers.FullyConnected(7)),
        ("relu3", layers.ReLU()),
        ("drop3", layers.Dropout(0.5)),
        ("fc4", layers.FullyConnected(4)),
    ]
    net = Network(SIZE, table, dtype=dtype, seed=2)
    for name, p in net.parameters.items():
        if name.endswith("bias"):
            p[...] = normal(*p.shape)
    return net


def counted(net, monkeypatch):
    """How often each convolution of the net has run."""
    counts, forward = [], layers.Conv.forward
    monkeypatch.setattr(layers.Conv, "forward", lambda *a, **k: counts.append(1) or forward(*a, **k))
    return counts


def test_ten_projections_cost_one_forward_pass(monkeypatch):
    net, x = small(), normal(1, *SIZE)
    expected = [npzf.project(net, x, "conv2", (m, r, 1)) for m in range(5) for r in range(2)]
    counts = counted(net, monkeypatch)
    tape = net.record(x, ["conv2"], Save.SWITCHES)
    pictures = [tape.project("conv2", (m, r, 1)) for m in range(5) for r in range(2)]
    assert len(counts) == 2  # conv1 and conv2, once
    np.testing.assert_array_equal(pictures, expected)


def test_one_pass_serves_all_rules_and_layers():
    net, x = small(), normal(2, *SIZE)
    tape = net.record(x, ["conv1", "conv2", "fc4"], Save.GRADIENTS)
    for relu in ("deconvnet", "gradient", "guided"):
        for layer, unit in (("conv1", 2), ("conv2", (1, 0, 2)), ("fc4", 3)):
            expected = npzf.project(net, x, layer, unit, relu=relu, norm_gradient=True)
            np.testing.assert_array_equal(tape.project(layer, unit, ProjectionRules(False, True, relu)), expected)


def test_a_tape_outlives_other_passes_and_what_they_do_to_the_net():
    net, x = small(), normal(2, *SIZE)
    tape = net.record(x, ["conv2"], Save.SWITCHES)
    before = tape.project("conv2", 1)
    net.forward(normal(3, *SIZE, seed=1), train=True)
    npzf.project(net, normal(1, *SIZE, seed=2), "fc4")
    np.testing.assert_array_equal(tape.project("conv2", 1), before)


def test_what_was_not_recorded_or_saved_is_named():
    net, x = small(), normal(1, *SIZE)
    tape = net.record(x, ["conv2"], Save.SWITCHES)
    for call, named in [
        (lambda: tape["conv1"], "layer is 'conv1', expected one that was recorded: conv2"),
        (lambda: tape.project("fc4"), "layer is 'fc4', expected one that was recorded: conv2"),
        (lambda: tape.walk("fc4", None), "layer is 'fc4', expected one that ran: conv1"),
        (lambda: tape.project("conv2", rules=ProjectionRules(relu="guided")), "save of the pass is SWITCHES, expected GRADIENTS"),
        (lambda: tape.backward(tape["conv2"]), "save of the pass is SWITCHES, expected GRADIENTS"),
        (lambda: net.record(x, ["conv2"]).project("conv2"), "save of the pass is NOTHING, expected SWITCHES"),
    ]:
        with pytest.raises(ValueError, match=named) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_backward_as_often_as_wanted_and_gradients_as_of_the_net():
    net, x = small(), normal(3, *SIZE)
    gy = normal(3, 4)
    net.layers["drop3"].rate = 0.0
    net.forward(x, train=True)
    expected = net.backward(gy), {name: g.copy() for name, g in net.gradients.items()}
    tape = net.record(x, ["fc4"], Save.GRADIENTS)
    for _ in range(2):
        gx, gradients = tape.backward(gy)
        np.testing.assert_array_equal(gx, expected[0])
        assert gradients.keys() == expected[1].keys() == net.parameters.keys()
        for name, gradient in gradients.items():
            np.testing.assert_array_equal(gradient, expected[1][name])


def test_gradients_become_known_layer_by_layer_while_those_below_are_still_to_come():
    """The seam for summing them over machines: what is known of a layer is final, and the layers below have not run back yet."""
    net, x, order = small(), normal(3, *SIZE), []
    tape = net.record(x, ["fc4"], Save.GRADIENTS)
    left = []

    def each(name, gradients):
        order.append(name)
        left.append(list(tape.saved))
        final[name] = {key: g.copy() for key, g in gradients.items()}

    final = {}
    _, gradients = tape.backward(normal(3, 4), release=True, each=each)
    assert order == ["fc4", "fc3", "conv2", "conv1"]
    assert "conv1" in left[2] and "conv2" not in left[2] and left[3] == []  # memory is released as it goes
    for name, own in final.items():
        for key, gradient in own.items():
            np.testing.assert_array_equal(gradients[f"{name}/{key}"], gradient)


def test_dropout_is_a_function_of_the_pass_and_the_place_in_the_batch():
    """The second half of a batch drops what it would drop in the whole one: a batch may be divided among machines."""
    net, x = small(), normal(6, *SIZE)
    net.passes = 7
    whole = net.record(x, ["drop3"], train=True)["drop3"]
    assert net.passes == 8
    net.passes = 7
    half = net.record(x[3:], ["drop3"], train=True, first_image=3)["drop3"]
    close(half, whole[3:], gamma(2 * terms_to(net, "fc3"), "float64"))
    np.testing.assert_array_equal(half == 0, whole[3:] == 0)
    again = net.record(x, ["drop3"], train=True)["drop3"]
    assert ((again == 0) != (whole == 0)).any()


def work(net, other, x, seed):
    """Projections, predictions and regions of one thread, all from its own images."""
    found = []
    for k in range(50):
        one = x + 0.01 * (k + seed)
        found.append(npzf.project(net, one, "conv2", k % 5))
        found.append(net.forward(one))
        found.append(net.record(one, ["conv1"], Save.SWITCHES).project("conv1", (k % 6, 1, 2)))
    return found


def train(net, steps=60):
    """Another net in training."""
    sgd, losses = npzf.SGD(net, 0.01), []
    for step in range(steps):
        x, labels = normal(5, *SIZE, seed=step), np.arange(5) % 4
        loss, gscores = npzf.softmax_cross_entropy(net.forward(x, train=True), labels)
        net.backward(gscores)
        sgd.step()
        losses.append(loss)
    return losses


def test_four_threads_share_a_net_while_another_trains_and_all_get_the_serial_bits():
    net, x = small(), [normal(2, *SIZE, seed=seed) for seed in range(4)]
    expected = [work(net, None, x[seed], seed) for seed in range(4)]
    losses = train(small())
    with ThreadPoolExecutor(5) as pool:
        training = pool.submit(train, small())
        jobs = [pool.submit(work, net, None, x[seed], seed) for seed in range(4)]
        for job, own in zip(jobs, expected, strict=True):
            for found, one in zip(job.result(), own, strict=True):
                np.testing.assert_array_equal(found, one)
        assert training.result() == losses


@pytest.mark.parametrize("ops", ["fast", "plain"])
def test_a_whole_net_trains_and_projects_with_each_face(ops):
    """The faces differ by rounding alone: five steps of training, and every projection."""
    nets = small(), small()
    nets[0].ops = ops
    losses = [train(net, 5) for net in nets]
    np.testing.assert_allclose(*losses, rtol=1e-10)
    x = normal(2, *SIZE)
    for layer in nets[0].layers:
        close(*(npzf.project(net, x, layer) for net in nets), 1e-9)
    assert nets[0].ops == ops and {layer.ops.name for layer in nets[0].layers.values()} == {{"fast": "cpu"}.get(ops, ops)}


def test_the_plain_face_calls_no_other(monkeypatch):
    """A net that is set to plain reaches no function of ops/cpu."""
    import npzf.ops.cpu.convolution as fast

    monkeypatch.setattr(fast, "im2col", None)
    net = small()
    with pytest.raises(TypeError):
        net.forward(normal(1, *SIZE))
    net.ops = "plain"
    net.forward(normal(1, *SIZE))


def test_an_unknown_face_is_named():
    with pytest.raises(ValueError, match="ops is 'quick', expected one of plain, fast"):
        small().ops = "quick"


def test_a_truncated_net_is_a_net_of_its_own():
    net, x = small(), normal(2, *SIZE)
    net.preprocessing, net.classes = npzf.preprocessing.Preprocessing(std=3.0), ("a", "b", "c", "d")
    cut = truncated(net, "pool1")
    assert list(cut.layers) == ["conv1", "relu1", "pool1"] and cut.preprocessing.std == 3.0 and cut.classes is None
    np.testing.assert_array_equal(cut.forward(x), net.forward(x, upto="pool1"))
    cut.parameters["conv1/weight"][...] = 0
    assert net.parameters["conv1/weight"].any()
    with pytest.raises(ValueError, match="layer is 'pool9', expected one of conv1"):
        truncated(net, "pool9")


def test_residual_and_averaged_nets_have_exact_gradients():
    table = [
        ("conv1", layers.Conv(4, 3, pad=1)),
        ("relu1", layers.ReLU()),
        ("conv2", layers.Conv(4, (3, 1), pad=(1, 0))),
        ("sum", layers.Add(), ("conv2", "conv1")),
        ("pool", layers.AveragePool(3, 2, pad=1, ceil=True)),
        ("norm", layers.LocalContrastNorm(3, 1.0)),
        ("flatten", layers.Flatten()),
        ("fc", layers.FullyConnected(5)),
        ("softmax", layers.Softmax()),
    ]
    net, x = Network(SIZE, table, dtype="float64"), normal(2, *SIZE)
    assert net.scores_name == "fc"
    gradcheck.gradient(
        net.forward, lambda gy: net.record(x, ["softmax"], Save.GRADIENTS).backward(gy)[0], x, step=1e-6, tolerance=1e-6
    )


def test_rows_serve_for_several_nets():
    rows = [("conv1", layers.Conv(2, 3)), ("relu1", layers.ReLU())]
    one, other = Network(SIZE, rows, seed=1), Network(SIZE, rows, seed=2)
    assert (one.parameters["conv1/weight"] != other.parameters["conv1/weight"]).any()
    assert rows[0][1].parameters == {}
