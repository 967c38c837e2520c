"""Whole nets on the kernels: the same net on NumPy, on the kernels executed on the CPU, and on a GPU where there is one.

Moving a net with to("cuda") is all that a user does; these tests do it and compare with the net that stayed.
"""

import copy

import numpy as np
import pytest
from assertions import close
from tiny_training import rectangles, squares, tiny

import npzf
from npzf import backend
from npzf.backend import CudaError, to_numpy, to_same_device
from npzf.data import EvaluationBatches
from npzf.layers import Dropout, LocalResponseNorm
from npzf.studies import occlusion_map, top_activations
from npzf.training import Trainer, TrainingConfig

TOLERANCE = {"float64": 1e-10, "float32": 2e-4, "tf32": 2e-2}  # of whole nets, whose layers add up their rounding


def nets(dtype="float64", make=lambda dtype: npzf.small_zfnet(5, 64, dtype=dtype)):
    """Two nets with the same parameters, in which every layer counts and dropout drops nothing."""
    net = make(dtype)
    rng = np.random.default_rng(0)
    for name, value in net.parameters.items():
        value[...] = rng.normal(0, 0.1 if name.endswith("bias") else np.sqrt(2 / value[0].size), value.shape)
    for layer in net.layers.values():
        if isinstance(layer, Dropout):
            layer.rate = 0.0
        if isinstance(layer, LocalResponseNorm):
            layer.alpha = 1.0
    return net, copy.deepcopy(net)


def images(net, count=2):
    return np.random.default_rng(1).normal(0, 1, (count, *net.input_shape)).astype(net.dtype)


def on_cpu(function, *arguments, **options):
    with backend.use_device(None):
        return function(*arguments, **options)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_training_step(gpu, dtype):
    stays, goes = nets(dtype)
    goes.to("cuda")
    x, labels, steps = images(stays), np.array([1, 4]), {}

    def step(net):
        scores = net.forward(x, train=True)
        loss, gscores = npzf.softmax_cross_entropy(scores, labels)
        gx = net.backward(gscores)
        gradients = {name: to_numpy(g).copy() for name, g in net.gradients.items()}
        npzf.SGD(net, 0.01, decay=0.1, filter_rms=0.03).step()
        return {"scores": to_numpy(scores), "loss": loss, "gx": to_numpy(gx), **gradients}

    steps = step(goes), on_cpu(step, stays)
    for name, expected in steps[1].items():
        close(np.asarray(steps[0][name]), np.asarray(expected), TOLERANCE[dtype])
    for name, expected in stays.parameters.items():
        close(to_numpy(goes.parameters[name]), expected, TOLERANCE[dtype])


@pytest.mark.parametrize("make", [lambda dtype: npzf.small_zfnet(5, 64, dtype=dtype), tiny], ids=["small_zfnet", "tiny"])
def test_projections_of_every_layer(gpu, make):
    stays, goes = nets("float64", make)
    goes.to("cuda")
    x = images(stays)
    for layer in stays.layers:
        for unit in (None, 2):
            found = to_numpy(npzf.project(goes, x, layer, unit))
            close(found, on_cpu(npzf.project, stays, x, layer, unit), TOLERANCE["float64"])


def test_projection_with_the_norm_gradient_and_overwriting(gpu):
    stays, goes = nets("float64", tiny)
    goes.to("cuda")
    options = {"norm_gradient": True, "overwrite": True}
    found = to_numpy(npzf.project(goes, images(stays), "fc2", **options))
    close(found, on_cpu(npzf.project, stays, images(stays), "fc2", **options), TOLERANCE["float64"])


def test_branches(gpu):
    stays, goes = nets("float64", lambda dtype: npzf.squeezenet(3, dtype=dtype))
    goes.to("cuda")
    x = np.random.default_rng(1).normal(0, 1, (1, 35, 35, 3))
    found = goes.forward(x, train=True)
    expected = on_cpu(stays.forward, x, train=True)
    close(to_numpy(found), expected, TOLERANCE["float64"])
    gscores = np.ones_like(expected)
    gx = to_numpy(goes.backward(to_same_device(gscores, found)))
    close(gx, on_cpu(stays.backward, gscores), TOLERANCE["float64"])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients_through_rectangles_averages_and_a_softmax(gpu, dtype):
    stays, goes = nets(dtype, rectangles)
    goes.to("cuda")
    x, gy = images(stays), np.random.default_rng(2).normal(size=(2, 3)).astype(dtype)
    found = goes.forward(x, train=True)
    close(to_numpy(found), on_cpu(stays.forward, x, train=True), TOLERANCE[dtype])
    gx = to_numpy(goes.backward(to_same_device(gy, found)))
    close(gx, on_cpu(stays.backward, gy), TOLERANCE[dtype])
    for name, expected in stays.gradients.items():
        close(to_numpy(goes.gradients[name]), expected, TOLERANCE[dtype])


def test_tf32_rounds_a_little(gpu):
    stays, goes = nets("float32")
    goes.to("cuda", precision="tf32")
    found, expected = to_numpy(goes.forward(images(stays))), on_cpu(stays.forward, images(stays))
    close(found, expected, TOLERANCE["tf32"])
    assert np.abs(found - expected).max() > 1e-6 * np.abs(expected).max(), "no tensor core has rounded"


def test_there_and_back(gpu, tmp_path):
    stays, goes = nets("float32", tiny)
    assert goes.to("cuda").device == "cuda" and goes.to("cpu").device == "cpu"
    goes.to("cuda").save(tmp_path / "net.h5")
    stored = on_cpu(npzf.load, tmp_path / "net.h5")
    for name, value in stays.parameters.items():
        np.testing.assert_array_equal(to_numpy(goes.parameters[name]), value)
        np.testing.assert_array_equal(stored.parameters[name], value)


def test_training_resumes_bit_by_bit(gpu, tmp_path):
    """With dropout; the second run is saved within an epoch, and goes on from there."""

    def trainer(folder, epochs, save_every=0):
        net = tiny("float32").to("cuda")
        config = TrainingConfig(epochs=epochs, batch=7, rate=0.02, save_every=save_every)
        return Trainer(net, squares(), squares(9, seed=1), tmp_path / folder, config)

    whole = trainer("whole", 2)
    whole.run()
    stopped = trainer("parts", 2, save_every=3)
    stopped._finish_epoch = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # after all batches, the third being saved
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    resumed = Trainer.resume(stopped.path, squares(), squares(9, seed=1), device="cuda")
    assert (resumed.epoch, resumed.batch) == (0, 3)
    resumed.run()
    for name, value in whole.net.parameters.items():
        np.testing.assert_array_equal(to_numpy(value), to_numpy(resumed.net.parameters[name]))
    assert [row["validation_loss"] for row in whole.log_rows] == [row["validation_loss"] for row in resumed.log_rows]


def test_studies(gpu):
    stays, goes = nets("float64", tiny)
    goes.to("cuda")
    batches = list(EvaluationBatches(squares(9), 7, 4, stays.preprocessing))
    found, expected = (
        top_activations(goes, batches, ["conv1", "fc2"], count=3),
        on_cpu(top_activations, stays, batches, ["conv1", "fc2"], count=3),
    )
    for layer, top in expected.items():
        close(found[layer].values, top.values, 1e-10)
        np.testing.assert_array_equal(found[layer].images, top.images)
    x = images(stays)[:1]
    found = occlusion_map(goes, x, 1, size=3, step=2)
    close(found.probability, on_cpu(occlusion_map, stays, x, 1, size=3, step=2).probability, 1e-10)


def test_a_wrong_device_or_precision_is_named():
    with pytest.raises(ValueError, match="device is 'gpu', expected 'cpu' or 'cuda'"):
        tiny().to("gpu")
    with pytest.raises(ValueError, match="precision is 'fp16', expected 'fp32' or 'tf32'"):
        tiny().to("cuda", precision="fp16")


def test_without_cupy_or_a_gpu_one_line_says_what_is_missing():
    try:
        backend.require()
    except CudaError:
        pass
    else:
        pytest.skip("there is a GPU here")
    net = tiny()
    before = {name: value.copy() for name, value in net.parameters.items()}
    with pytest.raises(CudaError) as caught:
        net.to("cuda")
    assert "\n" not in str(caught.value) and ("install" in str(caught.value) or "visible" in str(caught.value))
    assert net.device == "cpu"
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(value, before[name])
